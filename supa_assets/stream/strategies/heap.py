"""How a table lies: its leaves with their pages, how wide its rows are, and whether they lie in the key's order.

All of it is asked of the table as it is in this snapshot, never of the planner's statistics: these may be old, or may
not be there at all.
"""

from __future__ import annotations

from dataclasses import dataclass

from psycopg import sql

from supa_assets.naming import Relation
from supa_assets.server.queries import fetch_query
from supa_assets.stream.context import TableContext
from supa_assets.stream.key import Key
from supa_assets.stream.reader import TableReader
from supa_assets.stream.row_sql import compose_columns, compose_relation

__all__ = [
    "FULL_PAGE_AS_JSON",
    "Heap",
    "Leaf",
    "compose_sample",
    "is_cheap_along_key",
    "read_heap",
    "read_row_width",
]

FULL_PAGE_AS_JSON = 20 * 1024
"""Bytes of JSON that 8 kB of rows become: 806 MB came out of a heap of 326 MB."""
_PAGE_BYTES = 8192
_SAMPLE_SEED = sql.SQL("REPEATABLE (5)")


@dataclass(frozen=True)
class Leaf:
    """A relation with pages of its own: a table, or a leaf of a partitioned one."""

    relation: sql.Composable
    has_pages: bool
    page_count: int
    toast_bytes: int


@dataclass(frozen=True)
class Heap:
    """A table's leaves, in the order of their names."""

    leaves: tuple[Leaf, ...]

    @property
    def has_pages(self) -> bool:
        return all(leaf.has_pages for leaf in self.leaves)

    @property
    def page_count(self) -> int:
        return sum(leaf.page_count for leaf in self.leaves)

    @property
    def byte_count(self) -> int:
        """Without TOAST."""
        return self.page_count * _PAGE_BYTES

    @property
    def toast_bytes(self) -> int:
        return sum(leaf.toast_bytes for leaf in self.leaves)

    def count_chunks(self, chunk_bytes: int) -> int:
        """About how many chunks of so many bytes of JSON the table becomes; at least 1."""
        as_json = self.page_count * FULL_PAGE_AS_JSON + 2 * self.toast_bytes
        return max(1, as_json // chunk_bytes)

    def percent_of(self, page_count: int) -> float:
        """What gives a sample of so many pages."""
        return min(100.0, 100 * page_count / self.page_count)


def read_heap(reader: TableReader, context: TableContext) -> Heap:
    """Which leaves the table has, and how large they are now."""
    schema, table = context.shape.relation
    rows = fetch_query(reader.connection, "heap_leaves.sql", schema=schema, table=table)
    return Heap(
        tuple(
            Leaf(
                relation=compose_relation(
                    Relation(row["schema_name"], row["name"]), is_partitioned=False
                ),
                has_pages=row["has_pages"],
                page_count=row["page_count"],
                toast_bytes=row["toast_bytes"],
            )
            for row in rows
        )
    )


def read_row_width(reader: TableReader, context: TableContext, relation: sql.Composable) -> int:
    """Bytes of JSON in a row, of the first hundred: enough to begin with. 1 where there are no rows."""
    width = reader.ask(_compose_row_width(context, relation))[0][0]
    return 1 if width is None else max(2, int(width))


def is_cheap_along_key(reader: TableReader, context: TableContext, heap: Heap) -> bool:
    """Whether a walk along the key's index comes to each page about once, as a sample of whole pages tells.

    A small heap may be walked in any order; one that can't be sampled is walked for want of something better.
    """
    limits = context.limits
    if heap.byte_count <= limits.small_heap_bytes or not heap.has_pages:
        return True
    percent = heap.percent_of(limits.sampled_pages)
    query = _compose_visits(compose_sample(context.relation, percent), context.whole.require_key())
    row_count, page_count, visits = reader.ask(query)[0]
    return bool(row_count == 0 or visits <= limits.most_visits_per_page * page_count)


def compose_sample(relation: sql.Composable, percent: float) -> sql.Composable:
    """What stands after FROM for so much of the table, in whole pages taken at random; each time the same."""
    return sql.SQL("{} TABLESAMPLE SYSTEM ({}) {}").format(
        relation, sql.Literal(percent), _SAMPLE_SEED
    )


def _compose_visits(sample: sql.Composable, key: Key) -> sql.Composed:
    """Of a sample: rows, pages, and how often a walk along the key comes to a page not just left."""
    return sql.SQL(
        "SELECT pg_catalog.count(*), pg_catalog.count(DISTINCT page),"
        " pg_catalog.count(*) FILTER (WHERE (page = ANY (previous)) IS NOT TRUE)"
        " FROM (SELECT page, pg_catalog.array_agg(page) OVER"
        " (ORDER BY {aliases} ROWS BETWEEN 16 PRECEDING AND 1 PRECEDING) AS previous FROM ("
        "SELECT {aliased}, t.tableoid::pg_catalog.text || (t.ctid::pg_catalog.text::pg_catalog.point)[0] AS page"
        " FROM {sample}) AS s) AS s"
    ).format(aliases=key.as_aliases(), aliased=key.as_aliased_list(), sample=sample)


def _compose_row_width(context: TableContext, relation: sql.Composable) -> sql.Composed:
    """Average bytes of JSON in a row, of the first hundred in the heap."""
    return sql.SQL(
        "SELECT pg_catalog.avg(pg_catalog.octet_length(pg_catalog.row_to_json(r.*)::pg_catalog.text))::pg_catalog.int8"
        " FROM (SELECT {columns} FROM {relation} LIMIT 100) AS r"
    ).format(columns=compose_columns(context.shape), relation=relation)
