"""Ranges of pages, the heap as it lies; of a partitioned table one leaf after the other.

Each range ends so many pages further; where a leaf has values outside its pages (TOAST), so many stored bytes further.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence

from supa_assets.stream.context import TableContext
from supa_assets.stream.key import HEAP_ORDER
from supa_assets.stream.ranges import ChunkRange, compose_borders_by_size
from supa_assets.stream.reader import TableReader
from supa_assets.stream.strategies.heap import FULL_PAGE_AS_JSON, Heap, Leaf, read_row_width
from supa_assets.stream.strategies.range_strategy import MeasuredRange, Pace, RangeStrategy

__all__ = ["PageRanges"]

_BY_PAGES: Mapping[str, str] = {"enable_seqscan": "off"}  # a range of ctid has a scan of its own
_ALL_ROWS = 2**31


class PageRanges(RangeStrategy):
    """The pages of each leaf, in the order of the leaves' names."""

    planner_settings = _BY_PAGES

    def __init__(self, context: TableContext, heap: Heap) -> None:
        self.name = "leaves" if context.shape.is_partitioned else "page ranges"
        # The rows of a bloated table may all lie in a few pages.
        most_chunks = context.limits.most_chunks_in_one
        most_pages = most_chunks * max(1, context.chunk_bytes // FULL_PAGE_AS_JSON)
        pace = Pace(context.chunk_bytes, most_units=most_pages)
        super().__init__(context, heap, pace)
        self._row_count = context.row_count
        self._page_count = heap.page_count
        self._leaves = deque(leaf for leaf in heap.leaves if leaf.page_count or not leaf.has_pages)
        self._page = 0
        """Of the first leaf that is left, the first page that is."""

    def find_next(self, reader: TableReader, pace: Pace) -> Sequence[MeasuredRange]:
        if not self._leaves:
            return []
        leaf = self._leaves[0]
        if not leaf.has_pages:
            self._leaves.popleft()
            return [MeasuredRange(ChunkRange(leaf.relation))]
        if leaf.toast_bytes:
            pages = self._take_pages(leaf, self._context.limits.pages_looked_at)
            return self._cut_by_size(reader, pages.range)
        if pace.bytes_per_unit is None:
            pace.bytes_per_unit = self._read_page_width(reader, leaf)
        return [self._take_pages(leaf, pace.next_units())]

    def _take_pages(self, leaf: Leaf, most: int) -> MeasuredRange:
        first, end = self._page, min(self._page + most, leaf.page_count)
        self._page = end
        if end == leaf.page_count:
            self._leaves.popleft()
            self._page = 0
        return MeasuredRange(_range_of_pages(leaf, first, end), end - first)

    def _cut_by_size(self, reader: TableReader, window: ChunkRange) -> list[MeasuredRange]:
        rows = reader.ask(
            compose_borders_by_size(
                self._context.shape,
                window,
                stored_bytes=self._context.chunk_bytes // 2,
                rows=_ALL_ROWS,
            )
        )
        return [MeasuredRange(range_) for range_ in window.cut_at(border for *border, _ in rows)]

    def _read_page_width(self, reader: TableReader, leaf: Leaf) -> float:
        """Bytes of JSON in a page, if all leaves' rows are as wide as this one's first."""
        width = read_row_width(reader, self._context, leaf.relation)
        return width * self._row_count / self._page_count


def _range_of_pages(leaf: Leaf, first: int, end: int) -> ChunkRange:
    """The leaf's last range is left open."""
    is_last = end == leaf.page_count
    return ChunkRange(
        leaf.relation, HEAP_ORDER, (f"({first},0)",), None if is_last else (f"({end},0)",)
    )
