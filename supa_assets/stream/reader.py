"""One connection that reads one table: chunks, and small questions about where to cut.

Whatever is set for the table, and whatever the server refuses, ends with a savepoint that is taken before it, so the
transaction lives on for the next table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus

from supa_assets.stream.chunk import Fetched, take_fetched, take_int
from supa_assets.stream.wire import Wire

__all__ = ["TableReader"]

_SAVEPOINT = sql.SQL("SAVEPOINT supa_assets_table")
_BACK_TO_SAVEPOINT = sql.SQL("ROLLBACK TO SAVEPOINT supa_assets_table")
_RELEASE_SAVEPOINT = sql.SQL("RELEASE SAVEPOINT supa_assets_table")
_KEEP_MEMORY = sql.SQL("SELECT pg_catalog.octet_length(pg_catalog.repeat(' ', 16777216))")
"""The server's malloc (glibc's, mallopt(3), M_MMAP_THRESHOLD) from then on keeps what chunks free.

Until it has freed a large block, it returns each chunk's memory to the system, and the next chunk's pages are faulted
in again: 40 % more CPU. What it keeps it gives back with the connection.
"""
_CURSOR = sql.Identifier("supa_assets_buckets")


class TableReader:
    """A connection in the run's snapshot, lent for one table and to one thread at a time."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection
        self._settings: Mapping[str, str] = {}
        self.has_buckets = False
        """Whether `next_bucket` can be asked."""

    @contextmanager
    def using(self, settings: Mapping[str, str]) -> Iterator[None]:
        """Let planner settings hold for this table only; `recover` is possible meanwhile."""
        self._settings = settings
        prepared = [_KEEP_MEMORY, _SAVEPOINT, *self._compose_settings()]
        self.connection.execute(sql.SQL("; ").join(prepared))
        yield
        self.connection.execute(sql.SQL("; ").join([_BACK_TO_SAVEPOINT, _RELEASE_SAVEPOINT]))

    def recover(self) -> None:
        """Go on after an error of the server's; inside `using` only. An open cursor is lost."""
        self.has_buckets = False
        statements = sql.SQL("; ").join([_BACK_TO_SAVEPOINT, *self._compose_settings()])
        self.connection.execute(statements)

    @property
    def can_recover(self) -> bool:
        """Whether the last statement failed, and the connection lives."""
        return self.connection.info.transaction_status == TransactionStatus.INERROR

    def ask(self, query: sql.Composed) -> list[tuple[Any, ...]]:
        """All rows of a small answer."""
        return self.connection.execute(query).fetchall()

    def fetch(self, query: sql.Composed, wire: Wire) -> Fetched:
        """The one row that `query` makes of a range, selected by `compose_fetched`."""
        with self.connection.cursor(binary=wire.is_binary) as cursor:
            cursor.execute(query)
            assert cursor.pgresult is not None
            return take_fetched(cursor.pgresult, wire)

    def open_buckets(self, query: sql.Composed, wire: Wire) -> None:
        """Begin to read a row for each bucket: its number, then what `compose_fetched` selects."""
        binary = sql.SQL("BINARY " if wire.is_binary else "")
        self.connection.execute(
            sql.SQL("DECLARE {} {}NO SCROLL CURSOR FOR {}").format(_CURSOR, binary, query)
        )
        self.has_buckets = True

    def next_bucket(self, wire: Wire) -> tuple[int, Fetched] | None:
        """The next bucket that has rows; None after the last."""
        with self.connection.cursor() as cursor:
            cursor.execute(sql.SQL("FETCH 1 FROM {}").format(_CURSOR))
            result = cursor.pgresult
            assert result is not None
            if not result.ntuples:
                return None
            return take_int(result, 0), take_fetched(result, wire, first_column=1)

    def close_buckets(self) -> None:
        """End what `open_buckets` began, where no error did."""
        if self.has_buckets:
            self.connection.execute(sql.SQL("CLOSE {}").format(_CURSOR))
            self.has_buckets = False

    def _compose_settings(self) -> list[sql.Composable]:
        return [
            sql.SQL("SET LOCAL {} = {}").format(sql.Identifier(name), sql.Literal(value))
            for name, value in self._settings.items()
        ]
