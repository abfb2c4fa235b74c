"""What every strategy is: a table's chunks, dealt to lanes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, Protocol

from supa_assets.stream.chunk import Chunk
from supa_assets.stream.reader import TableReader

__all__ = ["Piece", "Strategy", "StrategyName"]

StrategyName = Literal["one piece", "key ranges", "sorted buckets", "page ranges", "leaves"]
Piece = tuple[int, Iterator[Chunk]]
"""Chunks that follow each other, and their number in the file; often one chunk, sometimes none."""


class Strategy(Protocol):
    """A table's chunks, in numbered pieces for `run_lanes`."""

    name: StrategyName
    planner_settings: Mapping[str, str]
    """The server's, for these statements only."""
    expected_chunks: int
    """About as many; lanes beyond that would have nothing to do."""

    def pieces(self, reader: TableReader, lane: int, lane_count: int) -> Iterator[Piece]:
        """The pieces of one lane: buckets are dealt in turn, ranges go to whoever asks next."""
