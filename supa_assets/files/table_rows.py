"""Read a table's file back as rows, in flat memory: what a downstream asset receives.

Values are what the JSON says (docs/TYPES.md): text for numeric, int8 and timestamps; int for numbers without a
fraction; Decimal, which keeps every digit, for other numbers inside json and objects. Only `real` and `double
precision`, and arrays of them, become float, their "NaN" and "Infinity" included. The hole: `-0` is read as 0, and of
an object's duplicate keys the last one wins.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, BinaryIO, cast

import ijson  # type: ignore[import-untyped]

from supa_assets.errors import ExportFault
from supa_assets.files.metadata import ColumnEntry, TableEntry
from supa_assets.files.storage import Files

__all__ = ["Row", "TableRows"]

Row = dict[str, Any]
"""Column name to value."""

_BLOCK_BYTE_COUNT = 1024 * 1024
_FLOAT_TYPE = re.compile(r"(real|double precision)(\[\])*")
_ESCAPE = re.compile(
    rb"\\(?:"
    rb"\\"  # a backslash: what follows it is no escape
    rb"|u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|(?P<lone>u[dD][89a-fA-F][0-9a-fA-F]{2})"
    rb")"
)


class TableRows:
    """The rows of one table's file; each iteration opens the file anew.

    Iterating raises ExportFault where the file isn't the array of rows that its entry says, at the latest at its end.
    """

    def __init__(self, files: Files, entry: TableEntry) -> None:
        self._files = files
        self.entry = entry

    @property
    def name(self) -> str:
        """Asset name."""
        return self.entry.name

    def __repr__(self) -> str:
        return f"TableRows({self.name}, {len(self)} rows)"

    def __len__(self) -> int:
        return self.entry.row_count

    @property
    def columns(self) -> list[ColumnEntry]:
        return self.entry.columns

    def __iter__(self) -> Iterator[Row]:
        float_columns = [column.name for column in self.columns if _is_float(column)]
        row_count = 0
        with self._files.open(self.entry.file) as file:
            for row in self._read(file):
                row_count += 1
                for column in float_columns:
                    row[column] = _as_float(row.get(column))
                yield row
        if row_count != len(self):
            raise self._fault(
                f"metadata.json says {len(self)} rows, the file holds {row_count}", row_count
            )

    def _read(self, file: BinaryIO) -> Iterator[Row]:
        row_count = 0
        try:
            for row in _choose_reader(file, self.columns)(file, "item"):
                if not isinstance(row, dict):
                    raise self._fault(f"row {row_count + 1} is not an object", row_count)
                row_count += 1
                yield row
        except (ijson.JSONError, UnicodeDecodeError):
            # The parser's own words would quote the row.
            raise self._fault(
                f"it is not JSON after row {row_count} of {len(self)}", row_count
            ) from None

    def _fault(self, reason: str, row_count: int) -> ExportFault:
        return ExportFault(
            f'"{self.entry.file}" is not the file that was written: {reason}',
            hint="materialize the asset again; the file was changed after it was written.",
            relation=str(self.entry.relation),
            path=self.entry.file,
            expected=len(self),
            found=row_count,
        )


def _choose_reader(
    file: BinaryIO, columns: Sequence[ColumnEntry]
) -> Callable[[BinaryIO, str], Iterator[Any]]:
    """The compiled parser turns a lone surrogate, which `json` may hold, into `?`; the slow one keeps it."""
    may_hold_json_text = any(
        column.encoding in ("json", "array", "object") and column.type != "jsonb"
        for column in columns
    )
    backend = (
        ijson.get_backend("python")
        if may_hold_json_text and _has_lone_surrogate(file)
        else ijson.get_backend(ijson.backend)
    )
    return cast("Callable[[BinaryIO, str], Iterator[Any]]", backend.items)


def _has_lone_surrogate(file: BinaryIO) -> bool:
    """Look through the file, whole lines at a time, and leave it at its start."""
    is_found = False
    while not is_found and (lines := file.readlines(_BLOCK_BYTE_COUNT)):
        is_found = any(match["lone"] for match in _ESCAPE.finditer(b"".join(lines)))
    file.seek(0)
    return is_found


def _is_float(column: ColumnEntry) -> bool:
    return _FLOAT_TYPE.fullmatch(column.type) is not None


def _as_float(value: Any) -> Any:
    if isinstance(value, list):
        return [_as_float(element) for element in value]
    return None if value is None else float(value)
