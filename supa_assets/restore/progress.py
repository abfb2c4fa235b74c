"""What a restore says while it goes on: a line for each table, and now and then one for a table that takes long."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from supa_assets.files.metadata import TableEntry

__all__ = ["ProgressLines"]


class ProgressLines:
    """Says lines of a restore's `on_progress`: names and counts, never a value."""

    def __init__(
        self, entries: Mapping[str, TableEntry], say: Callable[[str], None], *, interval_s: float
    ) -> None:
        """`entries` are those that are restored; `interval_s` lies between two lines of one table."""
        self._entries = entries
        self._say = say
        self._interval_s = interval_s
        self._done_count = 0
        self._said_at = time.monotonic()

    def show(self, name: str, row_count: int, _byte_count: int) -> None:
        expected = self._entries[name].row_count
        if row_count >= expected:
            self._done_count += 1
            self._tell(f"[{self._done_count}/{len(self._entries)}] {name}: {row_count:,} rows")
        elif time.monotonic() - self._said_at > self._interval_s:
            self._tell(f"{name}: {row_count:,} of {expected:,} rows so far")

    def _tell(self, line: str) -> None:
        self._said_at = time.monotonic()
        self._say(line)
