"""A table as a stream of chunks, each made by the server: JSON bytes with their exact row count.

A chunk is one value of a few MB. It is a unit of bytes, of exact counting, of progress and of parallel work at once, and Python
does nothing for a single row.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from supa_assets.export.chunks import Cut, cut_table
from supa_assets.export.connection import Address, explain_query_error
from supa_assets.export.metadata import SnapshotEntry
from supa_assets.export.plan import PlannedTable
from supa_assets.export.query import compose_chunk, compose_count, compose_relation
from supa_assets.settings import Settings

__all__ = ["Chunk", "TableStream"]


@dataclass(frozen=True)
class Chunk:
    """Consecutive rows of the file: JSON objects joined by `,` and a newline, no separator at either end."""

    data: bytes
    row_count: int
    """As the server counted them; at least 1."""


class TableStream:
    """What a table's asset returns. Iterating it reads the table, once; a second iteration raises RuntimeError.

    An iterator isn't returned itself: Dagster would take a generator for a stream of events.
    """

    def __init__(
        self,
        table: PlannedTable,
        *,
        connection: psycopg.Connection[Any],
        snapshot: SnapshotEntry,
        address: Address,
        settings: Settings,
    ) -> None:
        self.table = table
        self.snapshot = snapshot
        self._connection = connection
        self._address = address
        self._settings = settings
        self._source_row_count: int | None = None
        self._is_read = False

    def source_row_count(self) -> int:
        """The source's `count(*)`, a statement of its own in the same snapshot; asked once."""
        if self._source_row_count is None:
            query = compose_count(
                compose_relation(
                    self.table.schema_name,
                    self.table.table,
                    is_partitioned=self.table.is_partitioned,
                )
            )
            self._source_row_count = int(self._fetch_value(query))
        return self._source_row_count

    def __iter__(self) -> Iterator[Chunk]:
        if self._is_read:
            raise RuntimeError(f'"{self.table.relation}" was streamed already')
        self._is_read = True
        for range_ in self._cut().ranges:
            chunk = self._fetch_chunk(compose_chunk(self.table, range_))
            if chunk.row_count:
                yield chunk

    def _cut(self) -> Cut:
        row_count = self.source_row_count()
        try:
            cut = cut_table(
                self._connection, self.table, row_count=row_count, settings=self._settings
            )
            return Cut(cut.strategy, list(cut.ranges))
        except psycopg.Error as error:
            raise self._explained(error) from None

    def _fetch_chunk(self, query: sql.Composed) -> Chunk:
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(query)
                result = cursor.pgresult
                assert result is not None
                data, count = result.get_value(0, 0), result.get_value(0, 1)
        except psycopg.Error as error:
            raise self._explained(error) from None
        return Chunk(data or b"", int(count or 0))

    def _fetch_value(self, query: sql.Composed) -> Any:
        try:
            row = self._connection.execute(query).fetchone()
        except psycopg.Error as error:
            raise self._explained(error) from None
        assert row is not None
        return row[0]

    def _explained(self, error: psycopg.Error) -> Exception:
        return explain_query_error(error, self._address, relation=self.table.relation)
