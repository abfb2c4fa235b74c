"""A table as a stream of chunks, each made by the server: JSON bytes with their exact row count.

A chunk is one value of a few MB. It is a unit of bytes, of exact counting, of progress and of parallel work at once,
and Python does nothing for a single row. Several connections make chunks of one table; they arrive in the file's order,
and no faster than they are taken.

The seam for another way of packing rows: a `Chunk` is what `compose_chunk` and `compose_sorted_buckets` make the server
write. Who wants the server to pack rows in another form, and a client that turns them into the same JSON, changes what
these two aggregate and what `TableReader` makes of the value; borders, order, counts and files stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

import psycopg

from supa_assets.files.metadata import ColumnEntry, SnapshotEntry
from supa_assets.plan.export_plan import PlannedTable
from supa_assets.server.address import Address
from supa_assets.server.explain import explain_query_error
from supa_assets.settings import Settings
from supa_assets.stream.chunks import Cut, Strategy, cut_table
from supa_assets.stream.count import TableCount, read_count
from supa_assets.stream.lanes import Lane, run_lanes
from supa_assets.stream.reader import Chunk, TableReader

__all__ = ["Chunk", "TableStream"]

_CANCEL_TIMEOUT_S = 5.0
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
        connect: Callable[[int], Sequence[psycopg.Connection[Any]]],
        close: Callable[[], None],
        snapshot: SnapshotEntry,
        address: Address,
        settings: Settings,
    ) -> None:
        """`connect` gives so many connections in the snapshot, or fewer, but one; `close` closes them all."""
        self.table = table
        self.snapshot = snapshot
        self._strategy: Strategy | None = None
        self._connect = connect
        self._close = close
        self._address = address
        self._settings = settings
        self._count: TableCount | None = None
        self._is_read = False

    @property
    def strategy(self) -> Strategy | None:
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
            cut = self._cut(row_count)
            if row_count:
                yield from self._read(cut)
            is_whole = True
        except psycopg.Error as error:
            raise self._explained(error) from None
        finally:
            if not is_whole:
                self._close()

    def _cut(self, row_count: int) -> Cut:
        reader = TableReader(self._connect(1)[0])
        cut = cut_table(reader, self.table, row_count=row_count, settings=self._settings)
        self._strategy = cut.strategy
        return cut

    def _read(self, cut: Cut) -> Iterator[Chunk]:
        connections = self._connect(min(self._settings.running.streams, cut.expected_chunks))
        readers = [TableReader(connection) for connection in connections]
        if cut.strategy == "one piece" and self.table.statistics.byte_count < _NOTEWORTHY_BYTES:
            for _, chunks in cut.work.pieces(readers[0], 0, 1):
                yield from chunks
            return
        lanes = [_lane(cut, reader, n, len(readers)) for n, reader in enumerate(readers)]
        yield from run_lanes(lanes, interrupt=lambda: _cancel(connections))

    def _counted(self) -> TableCount:
        if self._count is None:
            try:
                self._count = read_count(self._connect(1)[0], self.table.rows)
            except psycopg.Error as error:
                raise self._explained(error) from None
        return self._count

    def _explained(self, error: psycopg.Error) -> Exception:
        return explain_query_error(error, self._address, relation=self.table.relation)


def _lane(cut: Cut, reader: TableReader, stream: int, streams: int) -> Lane[Chunk]:
    def make() -> Iterator[tuple[int, Iterator[Chunk]]]:
        with reader.using(cut.settings):
            yield from cut.work.pieces(reader, stream, streams)

    return make


def _cancel(connections: Sequence[psycopg.Connection[Any]]) -> None:
    """Let the server end what it does; a connection that can't be cancelled is closed by whoever called."""
    for connection in connections:
        with suppress(psycopg.Error):
            connection.cancel_safe(timeout=_CANCEL_TIMEOUT_S)
