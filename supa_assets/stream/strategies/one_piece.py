"""A small table: all its rows in one chunk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from supa_assets.stream.context import TableContext
from supa_assets.stream.fetch import RangeFetcher
from supa_assets.stream.key import HEAP_ORDER
from supa_assets.stream.ranges import ChunkRange
from supa_assets.stream.reader import TableReader
from supa_assets.stream.strategies.strategy import Piece, StrategyName

__all__ = ["OnePiece"]


class OnePiece:
    """One chunk; more of them only where the server can't make a single value of the rows."""

    name: StrategyName = "one piece"
    planner_settings: Mapping[str, str] = MappingProxyType({})
    expected_chunks = 1

    def __init__(self, context: TableContext) -> None:
        # A partitioned table's rows may have the same ctid in two leaves.
        key = context.key or (None if context.shape.is_partitioned else HEAP_ORDER)
        self._range = ChunkRange(context.relation, key)
        self._fetcher = RangeFetcher(context)

    def pieces(self, reader: TableReader, lane: int, lane_count: int) -> Iterator[Piece]:
        """The first lane has it, others nothing."""
        if lane == 0:
            yield 0, self._fetcher.fetch(reader, self._range)
