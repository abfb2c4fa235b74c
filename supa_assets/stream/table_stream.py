"""A table as a stream of chunks, each made by the server: JSON bytes with their exact row count.

A chunk is one value of a few MB. It is a unit of bytes, of exact counting, of progress and of parallel work at once,
and Python does nothing for a single row. Several connections make chunks of one table; they arrive in the file's order,
and no faster than they are taken.

Where a table is cut is told in `strategies/choose.py`; in which form rows come from the server, and how another one is
added, in `wire.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import psycopg

from supa_assets.files.metadata import ColumnEntry, SnapshotEntry
from supa_assets.plan.export_plan import PlannedTable
from supa_assets.server.address import Address
from supa_assets.server.explain import explain_query_error
from supa_assets.server.watched import WatchedConnection, give_up
from supa_assets.settings import Running
from supa_assets.stream.chunk import Chunk
from supa_assets.stream.context import TableContext
from supa_assets.stream.count import TableCount, read_count
from supa_assets.stream.key import read_key
from supa_assets.stream.lanes import Lane, run_lanes
from supa_assets.stream.limits import DEFAULT_LIMITS, Limits
from supa_assets.stream.reader import TableReader
from supa_assets.stream.strategies.choose import choose_strategy
from supa_assets.stream.strategies.strategy import Piece, Strategy, StrategyName
from supa_assets.stream.wire import JsonWire, MakeWire

__all__ = ["Chunk", "TableStream"]

_NOTEWORTHY_BYTES = 1024 * 1024
"""From here on a small table may hold a value that the server can't write; the savepoint costs two round trips."""


class TableStream:
    """What a table's asset returns. Iterating it reads the table, once; a second iteration raises RuntimeError.

    An iterator isn't returned itself: Dagster would take a generator for a stream of events. Ending the iteration
    before its end, by `close()` or an error, cancels what the server is doing and closes the session.
    """

    def __init__(
        self,
        table: PlannedTable,
        *,
        connect: Callable[[int], Sequence[WatchedConnection]],
        close: Callable[[], None],
        snapshot: SnapshotEntry,
        address: Address,
        running: Running,
        wire: MakeWire = JsonWire,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        """`connect` gives so many connections in the snapshot, or fewer, but one; `close` closes them all."""
        self.table = table
        self.snapshot = snapshot
        self._strategy: StrategyName | None = None
        self._connect = connect
        self._close = close
        self._address = address
        self._running = running
        self._make_wire = wire
        self._limits = limits
        self._count: TableCount | None = None
        self._is_read = False

    @property
    def strategy(self) -> StrategyName | None:
        """How the table is cut into chunks; None before it is."""
        return self._strategy

    def source_row_count(self) -> int:
        """The source's `count(*)`, a statement of its own in the same snapshot; asked once."""
        return self._counted().row_count

    def columns(self) -> list[ColumnEntry]:
        """What metadata.json says of the columns, the holes of their values included."""
        return self._counted().columns

    def __iter__(self) -> Iterator[Chunk]:
        if self._is_read:
            raise RuntimeError(f'"{self.table.relation}" was streamed already')
        self._is_read = True
        row_count = self.source_row_count()
        is_whole = False
        try:
            strategy = self._choose_strategy(row_count)
            if row_count:
                yield from self._read(strategy)
            is_whole = True
        except psycopg.Error as error:
            raise self._explained(error) from None
        finally:
            if not is_whole:
                self._close()

    def _choose_strategy(self, row_count: int) -> Strategy:
        reader = TableReader(self._connections(1)[0])
        context = TableContext(
            table=self.table,
            key=read_key(reader, self.table),
            row_count=row_count,
            running=self._running,
            limits=self._limits,
            wire=self._make_wire(self.table.rows),
        )
        strategy = choose_strategy(reader, context)
        self._strategy = strategy.name
        return strategy

    def _read(self, strategy: Strategy) -> Iterator[Chunk]:
        connections = self._connections(min(self._running.streams, strategy.expected_chunks))
        readers = [TableReader(connection) for connection in connections]
        if strategy.name == "one piece" and self.table.statistics.byte_count < _NOTEWORTHY_BYTES:
            for _, chunks in strategy.pieces(readers[0], 0, 1):
                yield from chunks
            return
        lanes = [_lane(strategy, reader, n, len(readers)) for n, reader in enumerate(readers)]
        yield from run_lanes(lanes, interrupt=lambda: give_up(connections))

    def _connections(self, count: int) -> Sequence[WatchedConnection]:
        connections = self._connect(count)
        for connection in connections:
            connection.doing = f'reading "{self.table.relation}"'
        return connections

    def _counted(self) -> TableCount:
        if self._count is None:
            try:
                self._count = read_count(self._connections(1)[0], self.table.rows)
            except psycopg.Error as error:
                raise self._explained(error) from None
        return self._count

    def _explained(self, error: psycopg.Error) -> Exception:
        return explain_query_error(error, self._address, relation=self.table.relation)


def _lane(strategy: Strategy, reader: TableReader, lane: int, lane_count: int) -> Lane[Chunk]:
    def make() -> Iterator[Piece]:
        with reader.using(strategy.planner_settings):
            yield from strategy.pieces(reader, lane, lane_count)

    return make
