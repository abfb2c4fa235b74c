"""Buckets of a key that the heap doesn't follow, such as random uuids: an index would read a page for each row.

So the server sorts, and `width_bucket` tells where a chunk ends. Each lane sorts its own share of the buckets.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import psycopg
from psycopg import sql

from supa_assets.plan.row_shape import RowShape
from supa_assets.server.queries import fetch_row
from supa_assets.stream.chunk import Chunk, Fetched, compose_aggregates, compose_fetched
from supa_assets.stream.context import TableContext
from supa_assets.stream.fetch import RangeFetcher, is_too_large_for_server
from supa_assets.stream.key import Key, trust_type
from supa_assets.stream.ranges import ChunkRange
from supa_assets.stream.reader import TableReader
from supa_assets.stream.strategies.heap import Heap, compose_sample, read_row_width
from supa_assets.stream.strategies.strategy import Piece, StrategyName

__all__ = ["Sort", "SortedBuckets", "cut_into_sorts"]

_BY_SORTING: Mapping[str, str] = {
    "enable_indexscan": "off",
    "enable_indexonlyscan": "off",
    "enable_bitmapscan": "off",
    "enable_hashagg": "off",  # it would hold all chunks in memory
    "cursor_tuple_fraction": "1",  # all rows are wanted, not the first ones soon
    "work_mem": "32MB",
}


@dataclass(frozen=True)
class Sort:
    """Neighbouring buckets that the server sorts at a time."""

    first_number: int
    """The first bucket's, in the whole table."""
    buckets: Sequence[ChunkRange]

    @property
    def rows(self) -> ChunkRange:
        """All buckets as one range."""
        first, last = self.buckets[0], self.buckets[-1]
        return ChunkRange(first.relation, first.key, first.start, last.end)

    @property
    def borders(self) -> list[str]:
        """Where the buckets meet, in the key's first column."""
        return [bucket.start[0] for bucket in self.buckets[1:] if bucket.start]


@dataclass(frozen=True)
class _Share:
    """Of a sort, the buckets that one lane makes: each `lane_count`-th."""

    sort: Sort
    lane: int
    lane_count: int

    def buckets_after(self, bucket: int | None, *, until: int | None = None) -> range:
        """The share's buckets after this one of it, or from its first on; up to another one, or its last."""
        first = self.lane if bucket is None else bucket + self.lane_count
        return range(first, len(self.sort.buckets) if until is None else until, self.lane_count)


class SortedBuckets:
    """Buckets in turn: of each sort a lane sorts its own, and makes them while the others make theirs."""

    name: StrategyName = "sorted buckets"
    planner_settings = _BY_SORTING

    def __init__(self, context: TableContext, heap: Heap, sorts: Sequence[Sort]) -> None:
        self.expected_chunks = heap.count_chunks(context.chunk_bytes)
        self._context = context
        self._sorts = sorts
        self._fetcher = RangeFetcher(context)

    def pieces(self, reader: TableReader, lane: int, lane_count: int) -> Iterator[Piece]:
        for sort in self._sorts:
            yield from self._pieces_of(_Share(sort, lane, lane_count), reader)

    def _pieces_of(self, share: _Share, reader: TableReader) -> Iterator[Piece]:
        """A piece for each bucket of the share, those included that have no rows."""
        number = share.sort.first_number
        last = None
        for bucket, chunks in self._read(share, reader):
            for empty in share.buckets_after(last, until=bucket):
                yield number + empty, iter(())
            yield number + bucket, chunks
            last = bucket
        for empty in share.buckets_after(last):
            yield number + empty, iter(())

    def _read(self, share: _Share, reader: TableReader) -> Iterator[Piece]:
        """The share's buckets that have rows; after a value that the server refused, the others one by one."""
        buckets, wire = share.sort.buckets, self._context.wire
        reader.open_buckets(_compose_buckets(self._context, share), wire)
        last = None
        try:
            while reader.has_buckets and (made := reader.next_bucket(wire)) is not None:
                last, fetched = made
                yield last, self._pass_on(fetched, buckets[last], reader)
                del made, fetched  # or they would be held while the next one is fetched
        except psycopg.Error as error:
            if not (is_too_large_for_server(error) and reader.can_recover):
                raise
            reader.recover()
        if not reader.has_buckets:
            for bucket in share.buckets_after(last):
                yield bucket, self._fetcher.fetch(reader, buckets[bucket])
        reader.close_buckets()

    def _pass_on(
        self, fetched: Fetched, range_: ChunkRange, reader: TableReader
    ) -> Iterator[Chunk]:
        if fetched.chunk:
            yield fetched.chunk
        else:
            yield from self._fetcher.fetch(reader, range_)


def cut_into_sorts(reader: TableReader, context: TableContext, heap: Heap) -> Sequence[Sort]:
    """The sorts that together are the table; none where buckets wouldn't do."""
    key, limits = context.whole.require_key(), context.limits
    if 10 * heap.toast_bytes > heap.byte_count:
        return []  # rows differ too much in size to be counted
    type_of = {column.name: column.type for column in context.shape.columns}
    if not _is_bucketable(reader, type_of[key.names[0]]):
        return []
    width = read_row_width(reader, context, context.relation)
    count = math.ceil(width * context.row_count / context.chunk_bytes)
    percent = max(
        100 * limits.sampled_rows_per_bucket * count / context.row_count,
        heap.percent_of(limits.sampled_pages),
    )
    sample = compose_sample(context.relation, min(100.0, percent))
    borders = dict.fromkeys(reader.ask(_compose_borders(sample, key, buckets=count)))
    if len(borders) < 0.7 * (count - 1):
        return []  # a few values have most rows, or most pages are empty
    sort_count = min(limits.most_sorts, 1 + heap.byte_count // limits.sorted_bytes)
    return _into_sorts(list(context.whole.cut_at(borders)), sort_count)


def _into_sorts(buckets: Sequence[ChunkRange], sort_count: int) -> list[Sort]:
    per_sort = math.ceil(len(buckets) / sort_count)
    return [Sort(n, buckets[n : n + per_sort]) for n in range(0, len(buckets), per_sort)]


def _is_bucketable(reader: TableReader, type_name: str) -> bool:
    row = fetch_row(reader.connection, "sorted_buckets_types.sql", type=type_name)
    return bool(row["is_bucketable"])


def _compose_borders(sample: sql.Composable, key: Key, *, buckets: int) -> sql.Composed:
    """The key's first column, as text, where the sample is to be cut for so many buckets of one size."""
    first = key.prefix(1)
    return sql.SQL(
        "SELECT {text} FROM (SELECT {aliases}, pg_catalog.row_number() OVER (ORDER BY {aliases}) AS n,"
        " pg_catalog.count(*) OVER () AS row_count"
        " FROM (SELECT {aliased} FROM {sample}) AS s) AS s"
        " WHERE n * {buckets} / row_count > (n - 1) * {buckets} / row_count AND n < row_count ORDER BY n"
    ).format(
        text=first.as_text(),
        aliases=first.as_aliases(),
        aliased=first.as_aliased_list(),
        sample=sample,
        buckets=sql.Literal(buckets),
    )


def _compose_buckets(context: TableContext, share: _Share) -> sql.Composed:
    """A row for each bucket of the share that has rows, in order: its number, then what `compose_fetched` selects.

    A bucket's number never falls as the key rises, so sorting by both is sorting by the key.
    """
    rows = share.sort.rows
    key = rows.require_key()
    number = _compose_number(key, share.sort.borders)
    return sql.SQL(
        "SELECT {bucket}, {fetched} FROM ("
        "SELECT {bucket}, {aggregates}"
        " FROM (SELECT t.*, {number} AS {bucket} FROM {rows} ORDER BY {number}, {key}) AS t"
        " CROSS JOIN LATERAL (SELECT {columns}) AS r GROUP BY {bucket}) AS c"
    ).format(
        bucket=_unused_name("bucket", context.shape),
        fetched=compose_fetched(context.wire, most_wire_bytes=context.most_wire_bytes),
        aggregates=compose_aggregates(context.wire),
        number=number,
        rows=rows.as_rows(*_compose_share(share, number)),
        key=key.as_list(),
        columns=context.wire.compose_columns(),
    )


def _compose_share(share: _Share, number: sql.Composable) -> Iterator[sql.Composable]:
    if share.lane_count > 1:
        yield sql.SQL("{} % {} = {}").format(
            number, sql.Literal(share.lane_count), sql.Literal(share.lane)
        )


def _compose_number(key: Key, borders: Sequence[str]) -> sql.Composable:
    first = key.prefix(1)
    return sql.SQL("pg_catalog.width_bucket({}, {}::{}[])").format(
        first.columns[0], sql.Literal(_as_array(borders)), trust_type(first.types[0])
    )


def _as_array(values: Sequence[str]) -> str:
    """An array's text, for a literal that the server parses once: a cast of elements could be evaluated per row."""
    escaped = (value.replace("\\", "\\\\").replace('"', '\\"') for value in values)
    return "{" + ",".join(f'"{value}"' for value in escaped) + "}"


def _unused_name(name: str, shape: RowShape) -> sql.Identifier:
    """A name that no column of the table has, omitted ones included."""
    taken = {column.name for column in shape.columns} | {*shape.omitted_columns}
    while name in taken:
        name += "_"
    return sql.Identifier(name)
