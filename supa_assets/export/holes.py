"""What JSON, or a reader of it, doesn't keep of a column: where it can lie, and what to say of it (docs/TYPES.md).

The plan holds what to look for in each column; `query` makes a statement of it, `count` reads the answer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict

from supa_assets.export.catalog import Type
from supa_assets.export.encoding import ColumnEncoding, is_built_in, without_domain
from supa_assets.export.metadata import ColumnEntry, TableEntry

__all__ = ["FoundHole", "Hole", "Probe", "Sought", "describe_holes", "find_probes", "list_holes"]

Hole = Literal[
    "json_null", "lower_bounds", "large_numbers", "refused_escapes", "times_beyond_rfc3339"
]
"""Fields of `HolesEntry`."""

Sought = Literal[
    "json null", "jsonb null", "escapes", "bounds", "int8", "numeric", "timestamptz", "timestamp", "date"
]  # fmt: skip

_HOLE_OF: Mapping[Sought, Hole] = {
    "json null": "json_null",
    "jsonb null": "json_null",
    "escapes": "refused_escapes",
    "bounds": "lower_bounds",
    "int8": "large_numbers",
    "numeric": "large_numbers",
    "timestamptz": "times_beyond_rfc3339",
    "timestamp": "times_beyond_rfc3339",
    "date": "times_beyond_rfc3339",
}
_SOUGHT_IN: Mapping[str, tuple[Sought, ...]] = {
    "json": ("json null", "escapes"),
    "jsonb": ("jsonb null",),
    "int8": ("int8",),
    "numeric": ("numeric",),
    "timestamptz": ("timestamptz",),
    "timestamp": ("timestamp",),
    "date": ("date",),
}
"""By built-in type, where `row_to_json` sees a value of it as it is."""
_SOUGHT_IN_TEXT = frozenset({"timestamptz", "timestamp", "date"})
"""Whatever form they are cast to, their text is what a reader gets."""


class Probe(BaseModel):
    """One thing to look for in a column's values."""

    model_config = ConfigDict(frozen=True)

    sought: Sought
    path: tuple[str | None, ...] = ()
    """Inside of a value: a name leads to a composite's field, None to each element of an array."""

    @property
    def hole(self) -> Hole:
        return _HOLE_OF[self.sought]


def find_probes(
    type_id: int, types: Mapping[int, Type], encoded: ColumnEncoding, *, is_nullable: bool
) -> list[Probe]:
    """What to look for in a column of this type and encoding; nothing for most types."""
    type_ = without_domain(type_id, types)
    if encoded.encoding == "text-array":
        return [Probe(sought="bounds")]  # an element is its own text, which keeps the rest
    if encoded.casts or encoded.encoding == "string":
        return list(_look_into_text(type_, types, is_array=encoded.encoding == "array"))
    probes = list(_look_into(type_, types))
    if is_nullable:
        return probes
    # There null is the scalar, and nothing else.
    return [probe for probe in probes if probe.path or probe.hole != "json_null"]


def _look_into(
    type_: Type, types: Mapping[int, Type], path: tuple[str | None, ...] = ()
) -> Iterator[Probe]:
    """Of a value that `row_to_json` sees as it is."""
    if is_built_in(type_) and type_.name in _SOUGHT_IN:
        yield from (Probe(sought=sought, path=path) for sought in _SOUGHT_IN[type_.name])
    elif type_.element_type_id:
        yield Probe(sought="bounds", path=path)
        yield from _look_into(without_domain(type_.element_type_id, types), types, (*path, None))
    elif type_.kind == "c":
        for name, type_id in zip(type_.field_names, type_.field_type_ids, strict=True):
            yield from _look_into(without_domain(type_id, types), types, (*path, name))


def _look_into_text(type_: Type, types: Mapping[int, Type], *, is_array: bool) -> Iterator[Probe]:
    """Of a value, or an array's elements, that `row_to_json` sees as text."""
    path: tuple[str | None, ...] = ()
    if is_array:
        yield Probe(sought="bounds")
        type_, path = without_domain(type_.element_type_id, types), (None,)
    if is_built_in(type_) and type_.name in _SOUGHT_IN_TEXT:
        yield from (Probe(sought=sought, path=path) for sought in _SOUGHT_IN[type_.name])


# What was found


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
        place = f'in "{self.column}" of "{self.relation}"'
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
        FoundHole(hole, f"{entry.schema_}.{entry.table}", column.name, count)
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
