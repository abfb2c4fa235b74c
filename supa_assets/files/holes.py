"""What JSON, or a reader of it, doesn't keep of a column's values, and what to say of it (docs/TYPES.md)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from supa_assets.files.metadata import ColumnEntry, TableEntry
from supa_assets.visible import one_line

__all__ = ["FoundHole", "Hole", "describe_holes", "list_holes"]

Hole = Literal[
    "json_null", "lower_bounds", "large_numbers", "refused_escapes", "times_beyond_rfc3339"
]
"""Fields of `HolesEntry`."""


@dataclass(frozen=True)
class FoundHole:
    """A column with values that have a hole."""

    hole: Hole
    relation: str
    """`schema.table`."""
    column: str
    count: int | None
    """None: metadata.json doesn't say, since an older version wrote it."""

    def describe(self) -> str:
        """How many values, and where."""
        place = one_line(f'in "{self.column}" of "{self.relation}"')
        if self.count is None:
            return f"not counted {place}"
        return f"{self.count:,} {'value' if self.count == 1 else 'values'} {place}"


_SAID: Mapping[Hole, tuple[str, str]] = {
    "json_null": (
        "the JSON scalar null reads like SQL NULL",
        "set it to SQL NULL where both mean the same, or make the column NOT NULL: there null is the scalar.",
    ),
    "lower_bounds": (
        "an array that doesn't count from 1 comes back counted from 1",
        "where the bounds mean something, keep them in a column of their own.",
    ),
    "large_numbers": (
        "a number that a double can't hold is a JSON number",
        'read it with a parser that keeps all digits; of int8 the setting int8 = "string" makes strings.',
    ),
    "refused_escapes": (
        "a json value holds a lone surrogate or \\u0000, which PostgreSQL itself can't read back",
        "mend it at the source: a restore of the table stops at the first such row.",
    ),
    "times_beyond_rfc3339": (
        "infinity, years BC and years after 9999 have no form in RFC 3339",
        "PostgreSQL takes them back; any other reader needs a rule for them.",
    ),
}


def list_holes(tables: Mapping[str, TableEntry]) -> list[FoundHole]:
    """Every column with values that have a hole, or might have where nobody counted; by hole, then as in `tables`."""
    found = [
        FoundHole(hole, str(entry.relation), column.name, count)
        for entry in tables.values()
        for column in entry.columns
        for hole, count in _counts_of(column)
        if count != 0
    ]
    return sorted(found, key=lambda hole: list(_SAID).index(hole.hole))


def describe_holes(found: Iterable[FoundHole], *, most_named: int | None = None) -> list[str]:
    """For each hole what it is, its columns with their counts, and in a line of its own what to do."""
    by_hole: defaultdict[Hole, list[FoundHole]] = defaultdict(list)
    for one in found:
        by_hole[one.hole].append(one)
    lines = []
    for hole, columns in by_hole.items():
        what, hint = _SAID[hole]
        named = [column.describe() for column in columns[:most_named]]
        if len(named) < len(columns):
            named.append(f"{len(columns) - len(named)} more columns")
        lines.append(f"{what}: {', '.join(named)}\nHINT: {hint}")
    return lines


def _counts_of(column: ColumnEntry) -> Iterator[tuple[Hole, int | None]]:
    if column.holes is not None:
        for hole in _SAID:
            if (count := getattr(column.holes, hole)) is not None:
                yield hole, count
    elif column.encoding == "json" and column.nullable:
        yield "json_null", None
    elif column.encoding in ("array", "text-array"):
        yield "lower_bounds", None
