"""A connection through which nothing is waited for without end: every statement waits in `wait`, psycopg's one place.

psycopg itself waits as long as the line is open, and after Ctrl-C up to ten seconds for each connection.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg
from psycopg import capabilities, waiting
from psycopg.pq import TransactionStatus

from supa_assets.server.silence import Backend, LineWatch, Silence

if TYPE_CHECKING:
    from psycopg.abc import PQGen

__all__ = ["WatchedConnection", "give_up", "naming_work"]

Value = TypeVar("Value")

_TICK_S = 0.1
_CANCEL_TIMEOUT_S = 2.0


class WatchedConnection(psycopg.Connection[Any]):
    """A connection that is not waited for once its line is dead, its work is given up, or the program interrupted.

    Each of these closes it; what the server does for it ends with it.
    """

    watch: LineWatch | None = None
    """None waits without end, as psycopg does."""
    doing = "reading the catalogue"
    """What a message about its silence says of it."""
    backend: Backend | None = None
    """Its transaction, where another connection can look for it."""
    lock_timeout_s = 0.0
    """How long the server may be silent because it waits for a lock."""
    is_given_up = False

    def wait(
        self, gen: PQGen[Value], interval: float = _TICK_S, timeout: float | None = None
    ) -> Value:
        """Wait for a statement; raises SilentLineError where the line is dead."""
        if self.pgconn.transaction_status == TransactionStatus.IDLE:
            self.backend = None  # it was that of the transaction before
        options = {} if timeout is None else {"timeout": timeout}  # psycopg 3.2 has no such option
        try:
            return waiting.wait(self._watching(gen), self.pgconn.socket, interval, **options)
        except BaseException:
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                self._abandon()
            raise

    def _watching(self, gen: PQGen[Value]) -> Generator[Any, Any, Value]:
        """The same, but that it looks at the clock whenever it is resumed: ten times a second where nothing comes."""
        silence = self._begin_silence()
        try:
            awaited = next(gen)
            while True:
                ready = yield awaited
                if self.is_given_up:
                    raise psycopg.OperationalError("the statement is not wanted any more")
                if silence and ready:
                    silence.end()
                elif silence:
                    silence.go_on()
                awaited = gen.send(ready)
        except StopIteration as end:
            value: Value = end.value
            return value

    def _begin_silence(self) -> Silence | None:
        if self.watch is None:
            return None
        return Silence(
            self.watch,
            doing=self.doing,
            backend=self.backend,
            least_limit_s=self.lock_timeout_s + self.watch.limit_s,
        )

    def _abandon(self) -> None:
        """Ask the server to end the statement, if that takes no more than a moment; closing the socket ends it, too."""
        try:
            if capabilities.has_cancel_safe():
                with suppress(psycopg.Error):
                    self.cancel_safe(timeout=_CANCEL_TIMEOUT_S)
        finally:
            self.pgconn.finish()


def give_up(connections: Iterable[WatchedConnection]) -> None:
    """Let whatever thread waits for one of them stop at once, and close it; for whoever is not that thread."""
    for connection in connections:
        connection.is_given_up = True


@contextmanager
def naming_work(connection: psycopg.Connection[Any], doing: str) -> Iterator[None]:
    """What a message says of the connection if it falls silent meanwhile; nothing for one that is not watched."""
    if not isinstance(connection, WatchedConnection):
        yield
        return
    before, connection.doing = connection.doing, doing
    try:
        yield
    finally:
        connection.doing = before
