"""A line that has gone silent: it is told of after seconds, and given up where nobody is at work at its other end.

TCP itself notices a peer that is gone, but not a proxy that keeps the connection and delivers nothing any more. A
server that sorts is silent, too. So the server is asked, over a short connection of its own, what it does with the
transaction: https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STAT-ACTIVITY-VIEW
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Literal, NamedTuple

import psycopg
from psycopg import errors

__all__ = ["Backend", "Finding", "LineWatch", "Silence", "SilentLineError"]

Finding = Literal["at work", "waits for this side", "is gone", "no answer", "unknown"]
"""What became of asking for a transaction over another connection."""

_NOTICE_S = 10.0
_UNCONFIRMED_FACTOR = 15
"""How many limits a silence may last where the server can't be asked: a slow sort must not end there."""
_MOST_GRACE_S = 5.0
"""What the server sent at the moment that it was asked may be on its way."""

_SAID: dict[Finding, str] = {
    "at work": "the server is still at work on it",
    "waits for this side": "the server waits for this side",
    "is gone": "the server has no such transaction any more",
    "no answer": "a second connection got no answer, either",
    "unknown": "whether the server is at work could not be asked",
}

_log = logging.getLogger("supa_assets")


class SilentLineError(psycopg.OperationalError):
    """Nothing came over a connection for longer than it is waited for."""


class Backend(NamedTuple):
    """A transaction, as another connection can look for it. A pooler's clients don't know it by their own numbers."""

    process_id: int
    transaction_began: Decimal
    server_began: Decimal


class LineWatch:
    """What the connections of a run have in common: how long a silence may last, who is asked, and who is told.

    `ask` connects, so at most one connection asks at a time. Without it a silence may last `limit_s` and no longer.
    """

    def __init__(self, *, limit_s: float, ask: Callable[[Backend], Finding] | None = None) -> None:
        self.limit_s = limit_s
        self.notice_s = min(_NOTICE_S, limit_s / 2)
        self.grace_s = min(_MOST_GRACE_S, limit_s / 2)
        self.unconfirmed_limit_s = limit_s * (_UNCONFIRMED_FACTOR if ask else 1)
        self.listeners: list[Callable[[str], None]] = [_log.warning]
        """Called from whatever thread waits."""
        self._ask = ask
        self._asking = threading.Lock()

    def tell(self, message: str) -> None:
        for listener in list(self.listeners):
            listener(message)

    def inquire(self, backend: Backend | None) -> Inquiry | None:
        """Begin to ask, in a thread of its own; None where another connection asks at the moment."""
        if self._ask is None or backend is None:
            return Inquiry("unknown")
        if not self._asking.acquire(blocking=False):
            return None
        inquiry = Inquiry()
        threading.Thread(
            target=self._inquire, args=(self._ask, backend, inquiry), name="inquiry", daemon=True
        ).start()
        return inquiry

    def _inquire(
        self, ask: Callable[[Backend], Finding], backend: Backend, inquiry: Inquiry
    ) -> None:
        try:
            inquiry.finding = ask(backend)
        except (errors.ConnectionTimeout, SilentLineError):
            inquiry.finding = "no answer"
        except (psycopg.Error, OSError, UnicodeError):
            inquiry.finding = "unknown"  # a full pool, for one, says nothing of the line
        finally:
            self._asking.release()


class Inquiry:
    """A question that is on its way; `finding` is None until it is answered."""

    def __init__(self, finding: Finding | None = None) -> None:
        self.finding = finding


class Silence:
    """While one statement is waited for: since when nothing has come, and what is known of the other end."""

    def __init__(
        self, watch: LineWatch, *, doing: str, backend: Backend | None, least_limit_s: float
    ) -> None:
        """`least_limit_s` is for how long the server may be silent for a reason that is known."""
        self._watch = watch
        self._doing = doing
        self._backend = backend
        self._unconfirmed_limit_s = max(watch.unconfirmed_limit_s, least_limit_s)
        self.end()

    def end(self) -> None:
        """Something came."""
        self._since = self._alive_at = time.monotonic()
        self._is_told = False
        self._tell_again_after_s = 0.0
        self._ask_after_s = self._watch.limit_s
        self._inquiry: Inquiry | None = None
        self._dead_at: float | None = None

    def go_on(self) -> None:
        """Nothing came yet; to be called several times a second. Raises SilentLineError once that is too long."""
        now = time.monotonic()
        silent_s = now - self._since
        if silent_s >= self._watch.notice_s and not self._is_told:
            self._is_told = True
            self._tell(silent_s, "it is waited for")
        if self._inquiry is None and silent_s >= self._ask_after_s:
            self._inquiry = self._watch.inquire(self._backend)
        if self._inquiry is not None and self._inquiry.finding is not None:
            self._ask_after_s = silent_s + self._watch.limit_s
            self._take(self._inquiry.finding, now)
            self._inquiry = None
        if self._dead_at is not None and now >= self._dead_at:
            raise SilentLineError(f"nothing came for {silent_s:.0f} s, and {self._said}")

    def _take(self, finding: Finding, now: float) -> None:
        self._said = _SAID[finding]
        if finding == "at work":
            self._alive_at, self._dead_at = now, None
        elif finding != "unknown":
            self._dead_at = self._dead_at or now + self._watch.grace_s
            return
        elif now - self._alive_at >= self._unconfirmed_limit_s:
            self._dead_at = now
            return
        silent_s = now - self._since
        if silent_s >= self._tell_again_after_s:
            self._tell_again_after_s = 2 * silent_s  # the longer it lasts, the rarer
            self._tell(silent_s, self._said)

    def _tell(self, silent_s: float, said: str) -> None:
        self._watch.tell(
            f"no answer from the server for {silent_s:.0f} s while {self._doing}; {said}"
        )
