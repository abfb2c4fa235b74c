"""Fetch a range of rows as one chunk; in parts where that would be too large to be sent, or even to be made.

The planner of chunks goes by sizes that it estimates; this makes every table come out right where it was wrong.
"""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
from psycopg import errors

from supa_assets.errors import ValueNotExportable
from supa_assets.plan.export_plan import PlannedTable
from supa_assets.stream.query import (
    ChunkRange,
    compose_borders_by_row_count,
    compose_chunk,
    compose_range_count,
    compose_row_sizes,
)
from supa_assets.stream.reader import Chunk, TableReader

__all__ = ["RangeFetcher", "is_too_large_for_server"]

MOST_CHUNKS_IN_ONE = 4
"""A chunk may be so many times larger than it aims at."""
_PARTS_OF_UNKNOWN_SIZE = 64


def is_too_large_for_server(error: psycopg.Error) -> bool:
    """Whether the server would have had to make a value above its limit of 1 GB."""
    if isinstance(error, errors.ProgramLimitExceeded | errors.OutOfMemory):
        return True
    message = error.diag.message_primary or ""
    return isinstance(error, errors.InternalError_) and "memory alloc request size" in message


class RangeFetcher:
    """Fetches ranges of one table."""

    def __init__(self, table: PlannedTable, *, chunk_bytes: int) -> None:
        self._table = table
        self._chunk_bytes = chunk_bytes
        self.most_bytes = MOST_CHUNKS_IN_ONE * chunk_bytes

    def fetch(self, reader: TableReader, range_: ChunkRange) -> Iterator[Chunk]:
        """The range's rows, in order; nothing for an empty range."""
        try:
            fetched = reader.fetch(
                compose_chunk(
                    self._table.rows, range_, most_bytes=self.most_bytes if range_.key else None
                )
            )
        except psycopg.Error as error:
            if not (is_too_large_for_server(error) and reader.can_recover and range_.key):
                raise
            refused = error
        else:
            if fetched.chunk:
                yield fetched.chunk
            elif fetched.is_too_large:
                parts = -(-fetched.byte_count // self._chunk_bytes)
                yield from self._fetch_parts(reader, range_, fetched.row_count, parts)
            return
        yield from self._fetch_refused(reader, range_, refused)

    def _fetch_refused(
        self, reader: TableReader, range_: ChunkRange, refused: psycopg.Error
    ) -> Iterator[Chunk]:
        """What the server couldn't make one value of."""
        reader.recover()
        row_count = int(reader.ask(compose_range_count(range_))[0][0])
        if row_count == 1:
            raise self._explained(reader, range_, refused) from None
        yield from self._fetch_parts(reader, range_, row_count, _PARTS_OF_UNKNOWN_SIZE)

    def _fetch_parts(
        self, reader: TableReader, range_: ChunkRange, row_count: int, parts: int
    ) -> Iterator[Chunk]:
        rows = max(1, min(row_count // parts, row_count // 2))
        start = range_.start
        for border in reader.ask(compose_borders_by_row_count(range_, rows=rows)):
            yield from self.fetch(reader, ChunkRange(range_.relation, range_.key, start, border))
            start = border
        yield from self.fetch(reader, ChunkRange(range_.relation, range_.key, start, range_.end))

    def _explained(
        self, reader: TableReader, range_: ChunkRange, refused: psycopg.Error
    ) -> ValueNotExportable:
        """Name the row by its key, and the column whose value is the largest."""
        assert range_.key is not None
        row = reader.ask(compose_row_sizes(self._table.rows, range_))[0]
        key, sizes = row[: len(range_.key.columns)], row[len(range_.key.columns) :]
        column = self._table.rows.columns[sizes.index(max(sizes))].name
        names = ["ctid"] if range_.key.is_heap_order else self._table.ordered_by
        where = ", ".join(f"{name} = {value}" for name, value in zip(names, key, strict=True))
        relation = self._table.relation
        return ValueNotExportable(
            f'"{relation}" holds a value that the server can\'t write as text: column "{column}" of the row with'
            f" {where}: {refused.diag.message_primary}",
            hint="PostgreSQL has a limit of 1 GB for one text; exclude the table, or split the value.",
            relation=relation,
            found=where,
        )
