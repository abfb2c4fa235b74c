"""How a table is cut into chunks: ranges that together are the whole table, each small enough for one value.

A chunk aims at `chunk_bytes` of JSON. Which way leads there depends on the table as it is in this snapshot, never on
the planner's statistics: these may be old, or may not be there at all.

    one piece       a small table
    key ranges      ordered by a key that the heap follows: the index is walked, and pages are read one after the other
    sorted buckets  ordered by a key that the heap doesn't follow (random uuids): an index would read a page for each
                    row, so the server sorts, and `width_bucket` tells where a chunk ends
    page ranges     not ordered: the heap as it lies
    leaves          not ordered, partitioned: one leaf's pages after the other's

The hole: a composite key whose first column has few values, in random order, is read by key ranges, slowly where it
doesn't fit the server's memory.
"""

from __future__ import annotations

from supa_assets.plan.export_plan import PlannedTable
from supa_assets.settings import Running
from supa_assets.stream.context import TableContext
from supa_assets.stream.limits import DEFAULT_LIMITS
from supa_assets.stream.reader import TableReader
from supa_assets.stream.strategies.heap import is_cheap_along_key, read_heap
from supa_assets.stream.strategies.key_ranges import KeyRangesByRowCount, KeyRangesBySize
from supa_assets.stream.strategies.one_piece import OnePiece
from supa_assets.stream.strategies.page_ranges import PageRanges
from supa_assets.stream.strategies.sorted_buckets import SortedBuckets, cut_into_sorts
from supa_assets.stream.strategies.strategy import Strategy, StrategyName

__all__ = ["choose_strategy", "guess_strategy"]


def choose_strategy(reader: TableReader, context: TableContext) -> Strategy:
    """The strategy for this table; asks the server how it lies, unless it is small."""
    if _is_small(context.table, context.row_count, context.running):
        return OnePiece(context)
    heap = read_heap(reader, context)
    if context.key is None:
        return PageRanges(context, heap)
    is_cheap = is_cheap_along_key(reader, context, heap)
    if not is_cheap and (sorts := cut_into_sorts(reader, context, heap)):
        return SortedBuckets(context, heap, sorts)
    if heap.toast_bytes:
        return KeyRangesBySize(context, heap)
    return KeyRangesByRowCount(context, heap)


def guess_strategy(table: PlannedTable, running: Running) -> StrategyName:
    """What `choose_strategy` will probably choose, from the catalogue's estimates alone."""
    statistics = table.statistics
    row_count = 1 if statistics.estimated_row_count is None else statistics.estimated_row_count
    if _is_small(table, row_count, running):
        return "one piece"
    if not table.ordered_by:
        return "leaves" if table.rows.is_partitioned else "page ranges"
    correlation = statistics.key_correlation
    follows = correlation is None or abs(correlation) > 0.5
    if follows or statistics.byte_count <= DEFAULT_LIMITS.small_heap_bytes:
        return "key ranges"
    return "sorted buckets"


def _is_small(table: PlannedTable, row_count: int, running: Running) -> bool:
    has_few_rows = row_count <= running.streaming_threshold and not table.is_large
    return row_count == 0 or (has_few_rows and table.statistics.byte_count <= running.chunk_bytes)
