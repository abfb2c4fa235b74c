"""Fetch a range of rows as one chunk; in parts where that would be too large to be sent, or even to be made.

Strategies cut by sizes that they estimate. Where one guessed too large a range, this splits it.
"""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
from psycopg import errors, sql

from supa_assets.errors import ValueNotExportable
from supa_assets.stream.chunk import Chunk, compose_aggregates, compose_fetched
from supa_assets.stream.context import TableContext
from supa_assets.stream.ranges import ChunkRange
from supa_assets.stream.reader import TableReader
from supa_assets.stream.row_sql import compose_value_sizes

__all__ = ["RangeFetcher", "is_too_large_for_server"]


def is_too_large_for_server(error: psycopg.Error) -> bool:
    """Whether the server would have had to make a value above its limit of 1 GB."""
    if isinstance(error, errors.ProgramLimitExceeded | errors.OutOfMemory):
        return True
    message = error.diag.message_primary or ""
    return isinstance(error, errors.InternalError_) and "memory alloc request size" in message


class RangeFetcher:
    """Fetches ranges of one table."""

    def __init__(self, context: TableContext) -> None:
        self._context = context

    def fetch(self, reader: TableReader, range_: ChunkRange) -> Iterator[Chunk]:
        """The range's rows, in order; nothing for an empty range."""
        try:
            fetched = reader.fetch(_compose_chunk(self._context, range_), self._context.wire)
        except psycopg.Error as error:
            if not (is_too_large_for_server(error) and reader.can_recover and range_.key):
                raise
            refused = error
        else:
            if fetched.chunk:
                yield fetched.chunk
            elif fetched.is_too_large:
                parts = -(-fetched.wire_bytes // self._context.chunk_wire_bytes)
                yield from self._fetch_parts(reader, range_, fetched.row_count, parts)
            return
        yield from self._fetch_refused(reader, range_, refused)

    def _fetch_refused(
        self, reader: TableReader, range_: ChunkRange, refused: psycopg.Error
    ) -> Iterator[Chunk]:
        """What the server couldn't make one value of."""
        reader.recover()
        row_count = int(reader.ask(_compose_range_count(range_))[0][0])
        if row_count == 1:
            raise self._explained(reader, range_, refused) from None
        parts = self._context.limits.parts_of_unknown_size
        yield from self._fetch_parts(reader, range_, row_count, parts)

    def _fetch_parts(
        self, reader: TableReader, range_: ChunkRange, row_count: int, parts: int
    ) -> Iterator[Chunk]:
        rows = max(1, min(row_count // parts, row_count // 2))
        for part in range_.cut_at(reader.ask(_compose_borders_by_row_count(range_, rows=rows))):
            yield from self.fetch(reader, part)

    def _explained(
        self, reader: TableReader, range_: ChunkRange, refused: psycopg.Error
    ) -> ValueNotExportable:
        """Name the row by its key, and the column whose value is the largest."""
        names = range_.require_key().names
        row = reader.ask(_compose_row_sizes(self._context, range_))[0]
        key, sizes = row[: len(names)], row[len(names) :]
        shape = self._context.shape
        column = shape.columns[sizes.index(max(sizes))].name
        where = ", ".join(f"{name} = {value}" for name, value in zip(names, key, strict=True))
        return ValueNotExportable(
            f'"{shape.relation}" holds a value that the server can\'t write as text: column "{column}" of the row with'
            f" {where}: {refused.diag.message_primary}",
            hint="PostgreSQL has a limit of 1 GB for one text; exclude the table, or split the value.",
            relation=shape.relation,
            found=where,
        )


def _compose_chunk(context: TableContext, range_: ChunkRange) -> sql.Composed:
    """One row of what `compose_fetched` selects; a range without a key can't be cut, and passes whatever its size.

    The subselect's order is the aggregate's input order (manual, 9.21), since the transaction has no parallel workers.
    """
    return sql.SQL(
        "SELECT {fetched} FROM (SELECT {aggregates} FROM (SELECT {columns} FROM {rows}) AS r) AS c"
    ).format(
        fetched=compose_fetched(
            context.wire, most_wire_bytes=context.most_wire_bytes if range_.key else None
        ),
        aggregates=compose_aggregates(context.wire),
        columns=context.wire.compose_columns(),
        rows=range_.as_ordered_rows(),
    )


def _compose_range_count(range_: ChunkRange) -> sql.Composed:
    return sql.SQL("SELECT pg_catalog.count(*) FROM {}").format(range_.as_rows())


def _compose_borders_by_row_count(range_: ChunkRange, *, rows: int) -> sql.Composed:
    """Keys, as text, of every row of the range that begins a chunk of so many rows, but for the first chunk's."""
    key = range_.require_key()
    return sql.SQL(
        "SELECT {text} FROM"
        " (SELECT {aliased}, pg_catalog.row_number() OVER (ORDER BY {key}) AS n FROM {range}) AS b"
        " WHERE n > 1 AND n % {rows} = 1 % {rows} ORDER BY n"
    ).format(
        text=key.as_text(),
        aliased=key.as_aliased_list(),
        key=key.as_list(),
        range=range_.as_rows(),
        rows=sql.Literal(rows),
    )


def _compose_row_sizes(context: TableContext, range_: ChunkRange) -> sql.Composed:
    """The range's first row: its key as text, then each column's size as far as it is known without reading it."""
    texts = [
        sql.SQL("{}::pg_catalog.text").format(column) for column in range_.require_key().columns
    ]
    return sql.SQL("SELECT {} FROM {} LIMIT 1").format(
        sql.SQL(", ").join([*texts, *compose_value_sizes(context.shape)]), range_.as_ordered_rows()
    )
