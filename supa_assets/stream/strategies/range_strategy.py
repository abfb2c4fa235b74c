"""Ranges for whichever lane asks next: borders are looked for as the table is read, by the sizes of what was read."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from supa_assets.stream.chunk import Chunk
from supa_assets.stream.context import TableContext
from supa_assets.stream.fetch import RangeFetcher
from supa_assets.stream.ranges import ChunkRange
from supa_assets.stream.reader import TableReader
from supa_assets.stream.strategies.heap import Heap
from supa_assets.stream.strategies.strategy import Piece, StrategyName

__all__ = ["MeasuredRange", "Pace", "RangeStrategy"]


@dataclass(frozen=True)
class MeasuredRange:
    """A range and its length, in units whose bytes of JSON become known while it is read: rows, pages, stored bytes."""

    range: ChunkRange
    units: int = 0
    """0 where they would teach nothing, such as those of the last range."""


class Pace:
    """How many units the next range should have, by the bytes of JSON that came of those before."""

    def __init__(
        self, chunk_bytes: int, *, most_units: int, bytes_per_unit: float | None = None
    ) -> None:
        self._chunk_bytes = chunk_bytes
        self._most_units = most_units
        self._units = 0
        self.bytes_per_unit = bytes_per_unit
        """Of JSON; None before anything is known of the table."""

    def next_units(self) -> int:
        """At most twice as many as before, since sizes jump."""
        wanted = int(self._chunk_bytes / (self.bytes_per_unit or 1))
        growth = 2 * self._units if self._units else self._most_units
        self._units = max(1, min(wanted, self._most_units, growth))
        return self._units

    def learn(self, units: int, json_bytes: int) -> None:
        """So many units became so many bytes."""
        if units:
            self.bytes_per_unit = max(json_bytes / units, 0.01)


class RangeStrategy(ABC):
    """Finds a table's ranges one after the other; which lane reads one is left to who is free."""

    name: StrategyName
    planner_settings: Mapping[str, str]

    def __init__(self, context: TableContext, heap: Heap, pace: Pace) -> None:
        self.expected_chunks = heap.count_chunks(context.chunk_bytes)
        self._context = context
        self._pace = pace
        self._fetcher = RangeFetcher(context)
        self._lock = threading.Lock()
        self._numbers = count()
        self._found: deque[MeasuredRange] = deque()

    @abstractmethod
    def find_next(self, reader: TableReader, pace: Pace) -> Sequence[MeasuredRange]:
        """The ranges that come next in the file; none after the last. One lane at a time asks, with its own reader."""

    def pieces(self, reader: TableReader, lane: int, lane_count: int) -> Iterator[Piece]:
        """One range after the other, as long as there are any."""
        while (taken := self._take(reader)) is not None:
            number, found = taken
            yield number, self._fetch(reader, found)

    def _take(self, reader: TableReader) -> tuple[int, MeasuredRange] | None:
        with self._lock:
            if not self._found:
                self._found.extend(self.find_next(reader, self._pace))
            return (next(self._numbers), self._found.popleft()) if self._found else None

    def _fetch(self, reader: TableReader, found: MeasuredRange) -> Iterator[Chunk]:
        json_bytes = 0
        for chunk in self._fetcher.fetch(reader, found.range):
            json_bytes += len(chunk.data)
            yield chunk
            del chunk  # or it would be held while the next one is fetched
        with self._lock:
            self._pace.learn(found.units, json_bytes)
