"""What all statements that read one table have in common."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg import sql

from supa_assets.plan.export_plan import PlannedTable
from supa_assets.plan.row_shape import RowShape
from supa_assets.settings import Running
from supa_assets.stream.key import Key
from supa_assets.stream.limits import Limits
from supa_assets.stream.ranges import ChunkRange
from supa_assets.stream.row_sql import compose_relation
from supa_assets.stream.wire import Wire

__all__ = ["TableContext"]


@dataclass(frozen=True)
class TableContext:
    """A table that is being read, and how. Every strategy carries it, and so does the fetcher."""

    table: PlannedTable
    key: Key | None
    """What the file is ordered by; None where rows stand as they lie in the heap."""
    row_count: int
    """As the server counted them in this snapshot."""
    running: Running
    limits: Limits
    wire: Wire

    @property
    def shape(self) -> RowShape:
        return self.table.rows

    @property
    def relation(self) -> sql.Composable:
        """The whole table as relation `t`; a leaf partition has one of its own."""
        return compose_relation(self.shape.relation, is_partitioned=self.shape.is_partitioned)

    @property
    def whole(self) -> ChunkRange:
        """All rows, in the file's order where a key gives it."""
        return ChunkRange(self.relation, self.key)

    @property
    def chunk_bytes(self) -> int:
        """Bytes of JSON that a chunk aims at."""
        return self.running.chunk_bytes

    @property
    def chunk_wire_bytes(self) -> int:
        """Bytes on the wire that a chunk of that size takes."""
        return self.wire.expect_wire_bytes(self.chunk_bytes)

    @property
    def most_wire_bytes(self) -> int:
        """Bytes on the wire above which the server doesn't send a chunk."""
        return self.limits.most_chunks_in_one * self.chunk_wire_bytes
