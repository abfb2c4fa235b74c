"""A file line by line, with no more in memory than a line of a table's file can be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from supa_assets.errors import ExportFault

__all__ = ["LONGEST_LINE_BYTE_COUNT", "read_lines"]

LONGEST_LINE_BYTE_COUNT = 1024**3
"""PostgreSQL makes no value above it, and so no row's JSON."""


def read_lines(file: BinaryIO, name: str, *, byte_count: int) -> Iterator[list[bytes]]:
    """The lines, about `byte_count` at a time, each with its newline; one above it ends its batch.

    Raises ExportFault for a line that is longer than any row.
    """
    lines: list[bytes] = []
    read_byte_count = 0
    while line := file.readline(LONGEST_LINE_BYTE_COUNT + 1):
        if len(line) > LONGEST_LINE_BYTE_COUNT:
            raise _too_long(name)
        lines.append(line)
        read_byte_count += len(line)
        if read_byte_count > byte_count:
            yield lines
            lines, read_byte_count = [], 0
    if lines:
        yield lines


def _too_long(name: str) -> ExportFault:
    return ExportFault(
        f'"{name}" is not the file that was written: it has a line of more than {LONGEST_LINE_BYTE_COUNT} bytes',
        hint="take the file from another copy, or export the table again.",
        path=name,
        expected=LONGEST_LINE_BYTE_COUNT,
    )
