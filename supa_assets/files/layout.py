"""How a table's rows lie in its file: its bytes around and between them, and what the file is called.

In every layout a row is a JSON object on a line of its own; what stands before, between and after rows is the layout's.
So rows are written, counted and cut apart here without being parsed. `table_rows` parses them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from supa_assets.files.storage import FileWriter

__all__ = [
    "ARRAY",
    "ENTRY_SUFFIX",
    "ROW_SEPARATOR",
    "BrokenLayout",
    "Layout",
    "RowCounter",
    "RowWriter",
    "entry_file",
]

ENTRY_SUFFIX = ".entry.json"
"""Beside each staged file lies its entry, for `publish_run`; no table's file can be called so."""

ROW_SEPARATOR = b",\n"
"""Between two rows: a stream's chunks hold several, which the server joins by it."""


@dataclass(frozen=True)
class Layout:
    """The bytes of a file around its rows. Without rows, the file is `empty`."""

    name: str
    start: bytes
    separator: bytes
    end: bytes
    empty: bytes
    suffix: str

    def file_name(self, asset_name: str) -> str:
        """The file that an asset materializes to."""
        return f"{asset_name}{self.suffix}"

    def cut_rows(self, lines: Iterable[bytes]) -> list[bytes]:
        """Each row's JSON, of a file's lines; what is not a row's line is left out."""
        return [line.rstrip(self.separator) for line in lines if line.startswith(b"{")]

    def may_follow(self, before: bytes, line: bytes) -> bool:
        """Whether `line` stands right after the line `before`; nothing, at the file's start and end, is b""."""
        if not before:
            return line in (self.start, self.empty)
        if before == self.start or before.endswith(b"}" + self.separator):
            return line.startswith(b"{")
        if before.startswith(b"{"):
            return before.endswith(b"}\n") and b"\n" + line == self.end
        return not line

    # The same bytes with the braces of the rows that they touch, so that only complete rows are counted.

    @cached_property
    def first_bytes(self) -> bytes:
        return self.start + b"{"

    @cached_property
    def between_rows(self) -> bytes:
        return b"}" + self.separator + b"{"

    @cached_property
    def last_bytes(self) -> bytes:
        return b"}" + self.end


ARRAY = Layout(
    name="array", start=b"[\n", separator=ROW_SEPARATOR, end=b"\n]\n", empty=b"[]\n", suffix=".json"
)
"""One JSON array."""


def entry_file(asset_name: str) -> str:
    """The staged file that holds the table's entry."""
    return f"{asset_name}{ENTRY_SUFFIX}"


class RowWriter:
    """Lays rows out in a file."""

    def __init__(self, file: FileWriter, layout: Layout = ARRAY) -> None:
        self._file = file
        self._layout = layout
        self._has_rows = False

    def add(self, rows: bytes) -> None:
        """Append a chunk: a row, or several with the layout's separator between them."""
        self._file.write(self._layout.separator if self._has_rows else self._layout.start)
        self._file.write(rows)
        self._has_rows = True

    def end(self) -> None:
        """Write what makes the file whole."""
        self._file.write(self._layout.end if self._has_rows else self._layout.empty)


@dataclass(frozen=True)
class BrokenLayout:
    """Bytes that aren't where they should be. What is found instead isn't shown: it may be somebody's row."""

    expected: object
    found: object
    reason: str


class RowCounter:
    """Counts a file's rows and looks at its ends, in one pass over its blocks."""

    def __init__(self, layout: Layout = ARRAY) -> None:
        self._layout = layout
        self._byte_count = self._newline_count = self._separator_count = 0
        self._start = self._end = b""

    def add(self, block: bytes) -> None:
        """Take the file's next bytes, however many."""
        between = self._layout.between_rows
        overlap = len(between) - 1
        across = self._end[-overlap:] + block[:overlap]
        self._separator_count += block.count(between) + across.count(between)
        self._newline_count += _count_newlines(block)
        self._byte_count += len(block)
        self._start = (self._start + block[: self._kept])[: self._kept]
        self._end = (self._end + block[-self._kept :])[-self._kept :]

    @property
    def row_count(self) -> int:
        """Complete rows: each separator ends one, and so does the file's end."""
        return self._separator_count + self._end.endswith(self._layout.last_bytes)

    def find_faults(self) -> Iterator[BrokenLayout]:
        """What is wrong with the layout; nothing for a whole file."""
        layout = self._layout
        if self._is_empty():
            return
        if not self._start.startswith(layout.first_bytes):
            yield self._other_bytes("starts", layout.first_bytes)
        if not self._end.endswith(layout.last_bytes):
            yield self._other_bytes("ends", layout.last_bytes)
        line_count = self._separator_count + (layout.start + layout.end).count(b"\n")
        if self._newline_count != line_count:
            reason = (
                f"{self._separator_count + 1} rows stand in {line_count} lines,"
                f" the file holds {self._newline_count}"
            )
            yield BrokenLayout(line_count, self._newline_count, reason)

    def _is_empty(self) -> bool:
        empty = self._layout.empty
        return self._byte_count == len(empty) and self._start == empty

    def _other_bytes(self, verb: str, expected: bytes) -> BrokenLayout:
        shown = expected.decode()
        reason = f"a complete {self._layout.name} {verb} with {shown!r}"
        return BrokenLayout(shown, "other bytes", reason)

    @cached_property
    def _kept(self) -> int:
        """How many of the file's first and last bytes are looked at."""
        layout = self._layout
        return max(
            map(len, (layout.first_bytes, layout.between_rows, layout.last_bytes, layout.empty))
        )


def _count_newlines(block: bytes) -> int:
    """`replace` looks for a single byte with memchr, which `count` does not: a sixth of the time."""
    return len(block) - len(block.replace(b"\n", b""))
