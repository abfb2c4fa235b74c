"""How a table is cut into chunks: ranges that together are the whole table, each small enough for one value.

A chunk aims at `chunk_bytes` of JSON. Which way leads there depends on the table as it is in this snapshot, never on
the planner's statistics: these may be old, or may not be there at all.

    one piece       a small table
    key ranges      ordered by a key that the heap follows: the index is walked, and pages are read one after the other
    sorted buckets  ordered by a key that the heap doesn't follow (random uuids): an index would read a page for each
                    row, so the server sorts, and `width_bucket` tells where a chunk ends
    page ranges     not ordered: the heap as it lies
    leaves          not ordered, partitioned: one leaf's pages after the other's

Borders are looked for as the table is read, and go by the sizes of what was read before. Where a table has values
outside its pages (TOAST), the rows' stored sizes decide instead of their number. The hole: a composite key whose first
column has few values, in random order, is read by key ranges, slowly where it doesn't fit the server's memory.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import psycopg
from psycopg import sql

from supa_assets.naming import Relation
from supa_assets.plan.export_plan import PlannedTable
from supa_assets.settings import Settings
from supa_assets.stream.fetch import MOST_CHUNKS_IN_ONE, RangeFetcher, is_too_large_for_server
from supa_assets.stream.query import (
    HEAP_ORDER,
    Buckets,
    ChunkRange,
    Key,
    compose_borders_by_size,
    compose_bucket_borders,
    compose_is_bucketable,
    compose_key_operators,
    compose_next_border,
    compose_relation,
    compose_row_width,
    compose_sample,
    compose_sorted_buckets,
)
from supa_assets.stream.reader import Chunk, Fetched, TableReader

__all__ = ["Cut", "Strategy", "Work", "cut_table", "guess_strategy"]

Strategy = Literal["one piece", "key ranges", "sorted buckets", "page ranges", "leaves"]

_PAGE_BYTES = 8192
_FULL_PAGE_AS_JSON = 20 * 1024
"""Bytes of JSON that 8 kB of rows become: 806 MB came out of a heap of 326 MB."""
_MOST_ROWS = 100_000
_SMALL_HEAP_BYTES = 16 * 1024 * 1024
"""So much is in the server's memory after the first look, in whatever order it is read."""
_SAMPLED_PAGES = 128
_MOST_VISITS_PER_PAGE = 2.0
"""A key follows the heap if a walk along it comes to a page about once."""
_SAMPLED_ROWS_PER_BUCKET = 64
_SORTED_BYTES = 1024 * 1024 * 1024
"""What the server sorts at a time takes as much of its disk; each further pass reads the whole table once more."""
_MOST_SORTS = 16
_ROWS_LOOKED_AT = 20_000
_PAGES_LOOKED_AT = 512
_ALL_ROWS = 2**31

_ALONG_AN_INDEX = {"enable_seqscan": "off", "enable_bitmapscan": "off"}
_BY_PAGES = {"enable_seqscan": "off"}  # a range of ctid has a scan of its own
_BY_SORTING = {
    "enable_indexscan": "off",
    "enable_indexonlyscan": "off",
    "enable_bitmapscan": "off",
    "enable_hashagg": "off",  # it would hold all chunks in memory
    "cursor_tuple_fraction": "1",  # all rows are wanted, not the first ones soon
    "work_mem": "32MB",
}


class Work(Protocol):
    """A table's chunks, in numbered pieces for `run_lanes`."""

    def pieces(
        self, reader: TableReader, stream: int, streams: int
    ) -> Iterator[tuple[int, Iterator[Chunk]]]:
        """Those that this one of the streams makes; streams take turns, or take the next that nobody has."""


@dataclass(frozen=True)
class Cut:
    """A strategy, and the work that came of it."""

    strategy: Strategy
    work: Work
    expected_chunks: int
    """About as many; streams beyond that would have nothing to do."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """The planner's, for these statements only."""


@dataclass(frozen=True)
class _Leaf:
    """A relation with pages of its own: a table, or a leaf of a partitioned one."""

    relation: sql.Composable
    has_pages: bool
    page_count: int
    toast_bytes: int


def guess_strategy(table: PlannedTable, settings: Settings) -> Strategy:
    """What `cut_table` will probably choose, from the catalogue's estimates alone."""
    row_count = (
        1 if table.statistics.estimated_row_count is None else table.statistics.estimated_row_count
    )
    if _is_small(table, row_count, settings):
        return "one piece"
    if not table.ordered_by:
        return "leaves" if table.rows.is_partitioned else "page ranges"
    follows = (
        table.statistics.key_correlation is None or abs(table.statistics.key_correlation) > 0.5
    )
    return (
        "key ranges"
        if follows or table.statistics.byte_count <= _SMALL_HEAP_BYTES
        else "sorted buckets"
    )


def cut_table(
    reader: TableReader, table: PlannedTable, *, row_count: int, settings: Settings
) -> Cut:
    """Choose a strategy for a table of this many rows; asks the server how it lies."""
    relation = compose_relation(table.relation, is_partitioned=table.rows.is_partitioned)
    key = _ordering_key(reader, table)
    fetcher = RangeFetcher(table, chunk_bytes=settings.running.chunk_bytes)
    if _is_small(table, row_count, settings):
        piece = ChunkRange(relation, key or (None if table.rows.is_partitioned else HEAP_ORDER))
        return Cut("one piece", _RangeWork(fetcher, _OnePiece(piece)), 1)
    leaves = _read_leaves(reader, table)
    chunks = _count_chunks(leaves, settings)
    if key is None:
        strategy: Strategy = "leaves" if table.rows.is_partitioned else "page ranges"
        pages = _PageRanges(table, leaves, settings.running.chunk_bytes, row_count)
        return Cut(strategy, _RangeWork(fetcher, pages), chunks, _BY_PAGES)
    has_large_values = any(leaf.toast_bytes for leaf in leaves)
    if not _is_cheap_along(key, reader, relation, leaves):
        buckets = _cut_into_buckets(reader, table, relation, key, leaves, row_count, settings)
        if buckets:
            work = _BucketWork(table, relation, key, buckets, fetcher)
            return Cut("sorted buckets", work, chunks, _BY_SORTING)
    ranges: _Ranges
    if has_large_values:
        ranges = _KeyRangesBySize(table, relation, key, settings.running.chunk_bytes)
    else:
        ranges = _KeyRanges(table, relation, key, settings.running.chunk_bytes)
    return Cut("key ranges", _RangeWork(fetcher, ranges), chunks, _ALONG_AN_INDEX)


def _is_small(table: PlannedTable, row_count: int, settings: Settings) -> bool:
    is_small = row_count <= settings.running.streaming_threshold and not table.is_large
    return row_count == 0 or (
        is_small and table.statistics.byte_count <= settings.running.chunk_bytes
    )


def _ordering_key(reader: TableReader, table: PlannedTable) -> Key | None:
    if not table.ordered_by:
        return None
    type_of = {column.name: column.type for column in table.rows.columns}
    types = tuple(type_of[name] for name in table.ordered_by)
    is_of_catalog = all("." not in type_ for type_ in types)
    return Key(
        columns=tuple(sql.SQL("t.{}").format(sql.Identifier(name)) for name in table.ordered_by),
        types=types,
        operators=() if is_of_catalog else _read_operators(reader, table),
    )


def _read_operators(
    reader: TableReader, table: PlannedTable
) -> tuple[Mapping[str, sql.Composable], ...]:
    rows = reader.ask(compose_key_operators(table.relation))
    full_names = [
        sql.SQL("OPERATOR({}.{})").format(sql.Identifier(schema), sql.SQL(name))
        for _, schema, name in rows
    ]
    in_order = ("<", "<=", "=", ">=", ">")
    return tuple(
        dict(zip(in_order, full_names[n : n + len(in_order)], strict=True))
        for n in range(0, len(full_names), len(in_order))
    )


def _count_chunks(leaves: Sequence[_Leaf], settings: Settings) -> int:
    pages = sum(leaf.page_count for leaf in leaves)
    as_json = pages * _FULL_PAGE_AS_JSON + 2 * sum(leaf.toast_bytes for leaf in leaves)
    return max(1, as_json // settings.running.chunk_bytes)


def _row_width(reader: TableReader, table: PlannedTable, relation: sql.Composable) -> int | None:
    """Bytes of JSON in a row, of the first hundred: enough to begin with."""
    rows = reader.ask(compose_row_width(table.rows, relation))
    return None if rows[0][0] is None else max(2, int(rows[0][0]))


# Ranges


class _Ranges:
    """Finds a table's ranges one after the other, and learns from what is read how long the next should be.

    They are measured in units whose bytes of JSON become known while reading: rows, pages, stored bytes.
    """

    def __init__(self, chunk_bytes: int, *, most_units: int) -> None:
        self._chunk_bytes = chunk_bytes
        self._most_units = most_units
        self._units = 0
        self._bytes_per_unit: float | None = None
        self.reader: TableReader
        """Whose turn it is; set before each range is asked for."""

    def find(self) -> Iterator[tuple[ChunkRange, int]]:
        """The ranges in file order, each with its units, 0 where these would teach nothing."""
        raise NotImplementedError

    def next_units(self) -> int:
        """How many units should make a chunk; at most twice as many as before, since sizes jump."""
        wanted = int(self._chunk_bytes / (self._bytes_per_unit or 1))
        growth = 2 * self._units if self._units else self._most_units
        self._units = max(1, min(wanted, self._most_units, growth))
        return self._units

    def learn(self, units: int, byte_count: int) -> None:
        if units:
            self._bytes_per_unit = max(byte_count / units, 0.01)


class _OnePiece(_Ranges):
    def __init__(self, piece: ChunkRange) -> None:
        super().__init__(1, most_units=1)
        self._piece = piece

    def find(self) -> Iterator[tuple[ChunkRange, int]]:
        yield self._piece, 0


class _KeyRanges(_Ranges):
    """So many rows further along the index, until there is no such row."""

    def __init__(
        self, table: PlannedTable, relation: sql.Composable, key: Key, chunk_bytes: int
    ) -> None:
        super().__init__(chunk_bytes, most_units=_MOST_ROWS)
        self._table = table
        self._relation = relation
        self._key = key

    def find(self) -> Iterator[tuple[ChunkRange, int]]:
        self._bytes_per_unit = _row_width(self.reader, self._table, self._relation)
        start = None
        while True:
            rows = self.next_units()
            rest = ChunkRange(self._relation, self._key, start)
            border = next(iter(self.reader.ask(compose_next_border(rest, rows=rows))), None)
            yield ChunkRange(self._relation, self._key, start, border), rows if border else 0
            if border is None:
                return
            start = border


class _KeyRangesBySize(_KeyRanges):
    """So many stored bytes further along the index; TOAST is counted without being read."""

    def find(self) -> Iterator[tuple[ChunkRange, int]]:
        self._bytes_per_unit = 2.0
        self._most_units = self._chunk_bytes
        start = None
        while True:
            stored_bytes = self.next_units()
            rest = ChunkRange(self._relation, self._key, start)
            borders = self.reader.ask(
                compose_borders_by_size(
                    self._table.rows, rest, stored_bytes=stored_bytes, rows=_ROWS_LOOKED_AT
                )
            )
            for *border, is_last in borders:
                end = tuple(border)
                yield (
                    ChunkRange(self._relation, self._key, start, end),
                    0 if is_last else stored_bytes,
                )
                start = end
            if not borders or not borders[-1][-1]:
                yield ChunkRange(self._relation, self._key, start), 0
                return


class _PageRanges(_Ranges):
    """So many pages further, leaf after leaf; within a leaf that has TOAST, by stored bytes."""

    def __init__(
        self, table: PlannedTable, leaves: Sequence[_Leaf], chunk_bytes: int, row_count: int
    ) -> None:
        # The rows of a bloated table may all lie in a few pages.
        most = MOST_CHUNKS_IN_ONE * max(1, chunk_bytes // _FULL_PAGE_AS_JSON)
        super().__init__(chunk_bytes, most_units=most)
        self._table = table
        self._leaves = leaves
        self._row_count = row_count

    def find(self) -> Iterator[tuple[ChunkRange, int]]:
        for leaf in self._leaves:
            if not leaf.has_pages:
                yield ChunkRange(leaf.relation), 0
            elif leaf.toast_bytes:
                yield from self._find_by_size(leaf)
            else:
                yield from self._find_by_pages(leaf)

    def _find_by_pages(self, leaf: _Leaf) -> Iterator[tuple[ChunkRange, int]]:
        if self._bytes_per_unit is None and leaf.page_count:
            width = _row_width(self.reader, self._table, leaf.relation) or 1
            pages = sum(leaf.page_count for leaf in self._leaves)
            self._bytes_per_unit = width * self._row_count / pages
        page = 0
        while page < leaf.page_count:
            pages = min(self.next_units(), leaf.page_count - page)
            yield self._range(leaf, page, page + pages), pages
            page += pages

    def _find_by_size(self, leaf: _Leaf) -> Iterator[tuple[ChunkRange, int]]:
        for page in range(0, leaf.page_count, _PAGES_LOOKED_AT):
            window = self._range(leaf, page, min(page + _PAGES_LOOKED_AT, leaf.page_count))
            borders = self.reader.ask(
                compose_borders_by_size(
                    self._table.rows, window, stored_bytes=self._chunk_bytes // 2, rows=_ALL_ROWS
                )
            )
            start = window.start
            for *border, _ in borders:
                yield ChunkRange(leaf.relation, HEAP_ORDER, start, tuple(border)), 0
                start = tuple(border)
            yield ChunkRange(leaf.relation, HEAP_ORDER, start, window.end), 0

    @staticmethod
    def _range(leaf: _Leaf, first: int, end: int) -> ChunkRange:
        is_last = end == leaf.page_count
        return ChunkRange(
            leaf.relation, HEAP_ORDER, (f"({first},0)",), None if is_last else (f"({end},0)",)
        )


class _RangeWork:
    """Ranges for whoever asks next."""

    def __init__(self, fetcher: RangeFetcher, ranges: _Ranges) -> None:
        self._fetcher = fetcher
        self._ranges = ranges
        self._found = enumerate(ranges.find())
        self._lock = threading.Lock()

    def pieces(
        self, reader: TableReader, stream: int, streams: int
    ) -> Iterator[tuple[int, Iterator[Chunk]]]:
        while (found := self._take(reader)) is not None:
            number, (range_, units) = found
            yield number, self._fetch(reader, range_, units)

    def _take(self, reader: TableReader) -> tuple[int, tuple[ChunkRange, int]] | None:
        with self._lock:
            self._ranges.reader = reader
            return next(self._found, None)

    def _fetch(self, reader: TableReader, range_: ChunkRange, units: int) -> Iterator[Chunk]:
        byte_count = 0
        for chunk in self._fetcher.fetch(reader, range_):
            byte_count += len(chunk.data)
            yield chunk
            del chunk  # or it would be held while the next one is fetched
        with self._lock:
            self._ranges.learn(units, byte_count)


# Buckets


@dataclass(frozen=True)
class _Sort:
    """Neighbouring buckets that the server sorts at a time."""

    first_number: int
    start: str | None
    borders: tuple[str, ...]
    end: str | None


def _cut_into_buckets(
    reader: TableReader,
    table: PlannedTable,
    relation: sql.Composable,
    key: Key,
    leaves: Sequence[_Leaf],
    row_count: int,
    settings: Settings,
) -> list[_Sort]:
    """The sorts that together are the table; none where buckets wouldn't do."""
    heap_bytes = sum(leaf.page_count for leaf in leaves) * _PAGE_BYTES
    if 10 * sum(leaf.toast_bytes for leaf in leaves) > heap_bytes:
        return []  # rows differ too much in size to be counted
    if not reader.ask(compose_is_bucketable(key.types[0]))[0][0]:
        return []
    width = _row_width(reader, table, relation) or 1
    count = math.ceil(width * row_count / settings.running.chunk_bytes)
    percent = max(100 * _SAMPLED_ROWS_PER_BUCKET * count / row_count, _percent_of_pages(leaves))
    rows = reader.ask(
        compose_bucket_borders(relation, key, percent=min(100.0, percent), buckets=count)
    )
    borders = [row[0] for row in rows]
    distinct = list(dict.fromkeys(borders))
    if len(distinct) < 0.7 * (count - 1):
        return []  # a few values have most rows, or most pages are empty
    return _into_sorts(distinct, min(_MOST_SORTS, 1 + heap_bytes // _SORTED_BYTES))


def _into_sorts(borders: Sequence[str], sorts: int) -> list[_Sort]:
    per_sort = max(1, math.ceil((len(borders) + 1) / sorts))
    made: list[_Sort] = []
    start, number = None, 0
    for first in range(0, len(borders) + 1, per_sort):
        inner = tuple(borders[first : first + per_sort - 1])
        end = next(iter(borders[first + per_sort - 1 :]), None)
        made.append(_Sort(number, start, inner, end))
        start, number = end, number + len(inner) + 1
    return made


class _BucketWork:
    """Buckets in turn: of each sort a stream sorts its own, and makes them while the others make theirs."""

    def __init__(
        self,
        table: PlannedTable,
        relation: sql.Composable,
        key: Key,
        sorts: Sequence[_Sort],
        fetcher: RangeFetcher,
    ) -> None:
        self._table = table
        self._relation = relation
        self._key = key
        self._sorts = sorts
        self._fetcher = fetcher

    def pieces(
        self, reader: TableReader, stream: int, streams: int
    ) -> Iterator[tuple[int, Iterator[Chunk]]]:
        for sort in self._sorts:
            yield from self._pieces_of(sort, reader, stream, streams)

    def _pieces_of(
        self, sort: _Sort, reader: TableReader, stream: int, streams: int
    ) -> Iterator[tuple[int, Iterator[Chunk]]]:
        number = sort.first_number
        expected = stream
        for bucket, chunks in self._read(sort, reader, stream, streams):
            for empty in range(expected, bucket, streams):
                yield number + empty, iter(())
            yield number + bucket, chunks
            expected = bucket + streams
        for empty in range(expected, len(sort.borders) + 1, streams):
            yield number + empty, iter(())

    def _read(
        self, sort: _Sort, reader: TableReader, stream: int, streams: int
    ) -> Iterator[tuple[int, Iterator[Chunk]]]:
        """The stream's buckets that have rows; after a value that the server refused, the others one by one."""
        share = Buckets(sort.start, sort.borders, sort.end, stream, streams)
        reader.open_buckets(
            compose_sorted_buckets(
                self._table.rows,
                self._relation,
                self._key,
                share,
                most_bytes=self._fetcher.most_bytes,
            )
        )
        read = stream - streams
        try:
            while reader.has_buckets and (made := reader.next_bucket()) is not None:
                read, fetched = made
                yield read, self._pass_on(fetched, self._range(sort, read), reader)
                del made, fetched  # or they would be held while the next one is fetched
        except psycopg.Error as error:
            if not (is_too_large_for_server(error) and reader.can_recover):
                raise
            reader.recover()
        if not reader.has_buckets:
            for bucket in range(read + streams, len(sort.borders) + 1, streams):
                yield bucket, self._fetcher.fetch(reader, self._range(sort, bucket))
        reader.close_buckets()

    def _pass_on(
        self, fetched: Fetched, range_: ChunkRange, reader: TableReader
    ) -> Iterator[Chunk]:
        if fetched.chunk:
            yield fetched.chunk
        else:
            yield from self._fetcher.fetch(reader, range_)

    def _range(self, sort: _Sort, bucket: int) -> ChunkRange:
        edges = (sort.start, *sort.borders, sort.end)
        start, end = ((edge,) if edge is not None else None for edge in edges[bucket : bucket + 2])
        return ChunkRange(self._relation, self._key, start, end)


# How the table lies


def _is_cheap_along(
    key: Key, reader: TableReader, relation: sql.Composable, leaves: Sequence[_Leaf]
) -> bool:
    """Whether a walk along the key's index comes to each page about once, as a sample of whole pages tells."""
    is_small = sum(leaf.page_count for leaf in leaves) * _PAGE_BYTES <= _SMALL_HEAP_BYTES
    if is_small or not all(leaf.has_pages for leaf in leaves):
        return True
    query = compose_sample(relation, key, percent=_percent_of_pages(leaves))
    row_count, page_count, visits = reader.ask(query)[0]
    return bool(row_count == 0 or visits <= _MOST_VISITS_PER_PAGE * page_count)


def _percent_of_pages(leaves: Sequence[_Leaf]) -> float:
    """What gives a sample of `_SAMPLED_PAGES`."""
    return min(100.0, 100 * _SAMPLED_PAGES / sum(leaf.page_count for leaf in leaves))


_LEAVES = """
SELECT n.nspname, c.relname, a.is_heap,
       CASE WHEN a.is_heap THEN
           pg_catalog.pg_relation_size(c.oid) / pg_catalog.current_setting('block_size')::pg_catalog.int4
       ELSE 0 END,
       CASE WHEN c.reltoastrelid <> 0 THEN pg_catalog.pg_relation_size(c.reltoastrelid) ELSE 0 END
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
CROSS JOIN (
    SELECT r.oid, r.relkind FROM pg_catalog.pg_class AS r
    JOIN pg_catalog.pg_namespace AS m ON m.oid = r.relnamespace
    WHERE m.nspname = {schema} AND r.relname = {table}
) AS root
CROSS JOIN LATERAL (
    SELECT coalesce((SELECT m.amname = 'heap' FROM pg_catalog.pg_am AS m WHERE m.oid = c.relam), false) AS is_heap
) AS a
WHERE c.relkind <> 'p'
  AND (c.oid = root.oid
       OR root.relkind = 'p' AND c.oid IN (SELECT relid FROM pg_catalog.pg_partition_tree(root.oid)))
ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C"
"""


def _read_leaves(reader: TableReader, table: PlannedTable) -> list[_Leaf]:
    query = sql.SQL(_LEAVES).format(
        schema=sql.Literal(table.relation.schema_name), table=sql.Literal(table.relation.name)
    )
    return [
        _Leaf(
            relation=compose_relation(Relation(schema, name), is_partitioned=False),
            has_pages=has_pages,
            page_count=page_count,
            toast_bytes=toast_bytes,
        )
        for schema, name, has_pages, page_count, toast_bytes in reader.ask(query)
    ]
