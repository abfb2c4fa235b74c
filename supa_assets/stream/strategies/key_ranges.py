"""Ranges of a key that the heap follows: the index is walked, and pages are read one after the other.

Each range ends so many rows further along the index; where a table has values outside its pages (TOAST), so many stored
bytes further, since rows may then differ much in size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from psycopg import sql

from supa_assets.stream.context import TableContext
from supa_assets.stream.ranges import ChunkRange, compose_borders_by_size
from supa_assets.stream.reader import TableReader
from supa_assets.stream.strategies.heap import Heap, read_row_width
from supa_assets.stream.strategies.range_strategy import MeasuredRange, Pace, RangeStrategy
from supa_assets.stream.strategies.strategy import StrategyName

__all__ = ["KeyRangesByRowCount", "KeyRangesBySize"]

_ALONG_AN_INDEX: Mapping[str, str] = {"enable_seqscan": "off", "enable_bitmapscan": "off"}


class KeyRangesByRowCount(RangeStrategy):
    """So many rows further along the index, until there is no such row."""

    name: StrategyName = "key ranges"
    planner_settings = _ALONG_AN_INDEX

    def __init__(self, context: TableContext, heap: Heap) -> None:
        pace = Pace(context.chunk_bytes, most_units=context.limits.most_rows)
        super().__init__(context, heap, pace)
        self._rest: ChunkRange | None = context.whole

    def find_next(self, reader: TableReader, pace: Pace) -> Sequence[MeasuredRange]:
        if self._rest is None:
            return []
        if pace.bytes_per_unit is None:
            pace.bytes_per_unit = read_row_width(reader, self._context, self._context.relation)
        rows = pace.next_units()
        border = reader.ask(_compose_next_border(self._rest, rows=rows))
        *found, rest = self._rest.cut_at(border)
        if not found:
            self._rest = None
            return [MeasuredRange(rest)]
        self._rest = rest
        return [MeasuredRange(range_, rows) for range_ in found]


class KeyRangesBySize(RangeStrategy):
    """So many stored bytes further along the index; TOAST is counted without being read."""

    name: StrategyName = "key ranges"
    planner_settings = _ALONG_AN_INDEX

    def __init__(self, context: TableContext, heap: Heap) -> None:
        # Compressed values are larger than they are stored.
        pace = Pace(context.chunk_bytes, most_units=context.chunk_bytes, bytes_per_unit=2.0)
        super().__init__(context, heap, pace)
        self._rest: ChunkRange | None = context.whole

    def find_next(self, reader: TableReader, pace: Pace) -> Sequence[MeasuredRange]:
        if self._rest is None:
            return []
        stored_bytes = pace.next_units()
        rows = reader.ask(
            compose_borders_by_size(
                self._context.shape,
                self._rest,
                stored_bytes=stored_bytes,
                rows=self._context.limits.rows_looked_at,
            )
        )
        *found, rest = self._rest.cut_at(border for *border, _ in rows)
        measured = [
            MeasuredRange(range_, 0 if is_last else stored_bytes)
            for range_, (*_, is_last) in zip(found, rows, strict=True)
        ]
        if rows and rows[-1][-1]:  # the look ended there, not the table
            self._rest = rest
            return measured
        self._rest = None
        return [*measured, MeasuredRange(rest)]


def _compose_next_border(range_: ChunkRange, *, rows: int) -> sql.Composed:
    """The key, as text, of the row that comes `rows` rows after the range's first; no row where there is none."""
    key = range_.require_key()
    return sql.SQL(
        "SELECT {text} FROM (SELECT {aliased} FROM {rows} OFFSET {offset} LIMIT 1) AS b"
    ).format(
        text=key.as_text(),
        aliased=key.as_aliased_list(),
        rows=range_.as_ordered_rows(),
        offset=sql.Literal(rows),
    )
