"""Read a table's file back as rows, one line in memory at a time: what a downstream asset receives.

Values are what the JSON says (docs/TYPES.md): text for numeric, int8 and timestamps; int for numbers without a
fraction; Decimal, which keeps every digit, for other numbers inside json and objects. Only `real` and `double
precision`, and arrays of them, become float, their "NaN" and "Infinity" included. The hole: `-0` is read as 0, and of
an object's duplicate keys the last one wins.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from io import BytesIO
from typing import Any, BinaryIO, NoReturn

import ijson  # type: ignore[import-untyped]

from supa_assets.errors import ExportFault
from supa_assets.files.layout import ARRAY
from supa_assets.files.lines import read_lines
from supa_assets.files.metadata import ColumnEntry, TableEntry
from supa_assets.files.storage import Files

__all__ = ["Row", "TableRows"]

Row = dict[str, Any]
"""Column name to value."""

_BLOCK_BYTE_COUNT = 64 * 1024
_FLOAT_TYPE = re.compile(r"(real|double precision)(\[\])*")
_MOST_DIGITS = 131_072 + len("-")
"""Of an integer: as many as numeric has before its point."""
_DEEPEST = 100_000
"""Levels of a value; PostgreSQL's own parser ends long before."""


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
            for line in self._row_lines(file):
                row = self._parse(line, row_count)
                row_count += 1
                for column in float_columns:
                    if column in row:
                        row[column] = self._read_float(row[column], column, row_count)
                yield row
        if row_count != len(self):
            raise self._fault(
                f"metadata.json says {len(self)} rows, the file holds {row_count}", row_count
            )

    def _row_lines(self, file: BinaryIO) -> Iterator[bytes]:
        """Each row's line, without what separates rows, where the file's lines are in order."""
        before, row_count = b"", 0
        for lines in read_lines(file, self.entry.file, byte_count=_BLOCK_BYTE_COUNT):
            for line in lines:
                if not ARRAY.may_follow(before, line):
                    raise self._broken(row_count)
                before = line
                if line.startswith(b"{"):
                    yield line.rstrip(ARRAY.separator)
                    row_count += 1
        if not ARRAY.may_follow(before, b""):
            raise self._broken(row_count)

    def _parse(self, line: bytes, row_count: int) -> Row:
        try:
            return _parse_row(line)
        except (ValueError, InvalidOperation, ijson.JSONError):
            # The parser's own words would quote the row.
            raise self._fault(
                f"it is not JSON after row {row_count} of {len(self)}", row_count
            ) from None

    def _read_float(self, value: Any, column: str, row: int) -> Any:
        try:
            return _as_float(value)
        except (ValueError, TypeError, OverflowError, RecursionError):
            raise self._fault(f'row {row} has no number in "{column}"', row) from None

    def _broken(self, row_count: int) -> ExportFault:
        return self._fault(
            f"its lines are not those of an array after row {row_count} of {len(self)}", row_count
        )

    def _fault(self, reason: str, row_count: int) -> ExportFault:
        return ExportFault(
            f'"{self.entry.file}" is not the file that was written: {reason}',
            hint="materialize the asset again; the file was changed after it was written.",
            relation=str(self.entry.relation),
            path=self.entry.file,
            expected=len(self),
            found=row_count,
        )


def _parse_row(line: bytes) -> Row:
    """Raises ValueError, InvalidOperation or ijson's JSONError."""
    text = line.decode()
    try:
        row, end = _QUICK.raw_decode(text)
    except json.JSONDecodeError:
        raise
    except RecursionError:
        row, end = _parse_deep(line), len(text)
    except ValueError:  # of an integer with more digits than Python reads unasked
        row, end = _LONG.raw_decode(text)
    if end != len(text) or not isinstance(row, dict):
        raise ValueError("not a row")
    return row


def _parse_deep(line: bytes) -> Any:
    """Without recursion. The compiled parser would not keep a lone surrogate; the whole line is given at once, since
    this one looks through a string anew for each piece.
    """
    built = ijson.ObjectBuilder()
    for event, value in ijson.get_backend("python").basic_parse(BytesIO(line), buf_size=len(line)):
        built.event(event, value)
        if len(built.containers) > _DEEPEST:
            raise ValueError("nested too deeply")
    return built.value


def _refuse_constant(_: str) -> NoReturn:
    raise json.JSONDecodeError("not a number of JSON", "", 0)


def _read_long_integer(text: str) -> int:
    if len(text) > _MOST_DIGITS:
        raise json.JSONDecodeError("too many digits", "", 0)
    return int(Decimal(text))


_QUICK = json.JSONDecoder(parse_float=Decimal, parse_constant=_refuse_constant)
_LONG = json.JSONDecoder(
    parse_float=Decimal, parse_constant=_refuse_constant, parse_int=_read_long_integer
)


def _is_float(column: ColumnEntry) -> bool:
    return _FLOAT_TYPE.fullmatch(column.type) is not None


def _as_float(value: Any) -> Any:
    if isinstance(value, list):
        return [_as_float(element) for element in value]
    return None if value is None else float(value)
