"""How a table is cut into chunks: ranges that together are the whole table, each small enough for one value.

A chunk aims at `chunk_bytes` of JSON. The server can't make a value above 1 GB, and its memory holds a chunk several
times over. So where a table has values outside its pages (TOAST), their stored sizes decide the borders; elsewhere the
number of rows does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import psycopg
from psycopg import sql

from supa_assets.export.plan import PlannedTable
from supa_assets.export.query import (
    ChunkRange,
    Key,
    compose_borders_by_row_count,
    compose_borders_by_size,
    compose_relation,
    compose_row_width,
)
from supa_assets.settings import Settings

__all__ = ["Cut", "Strategy", "choose_strategy", "cut_table"]

Strategy = Literal["one piece", "key ranges", "page ranges"]

_FULL_PAGE_AS_JSON = 20 * 1024
"""Bytes of JSON that 8 kB of rows become: 806 MB came out of a heap of 326 MB."""
_MOST_ROWS = 50_000
_HEAP_ORDER = Key(columns=(sql.SQL("t.ctid"),), types=("pg_catalog.tid",), is_heap_order=True)


@dataclass(frozen=True)
class Cut:
    """A strategy and what came of it."""

    strategy: Strategy
    ranges: Iterable[ChunkRange]
    """In file order."""


@dataclass(frozen=True)
class _Leaf:
    """A relation with pages of its own: a table, or a leaf of a partitioned one."""

    relation: sql.Composable
    has_pages: bool
    page_count: int
    has_large_values: bool


def choose_strategy(table: PlannedTable, *, row_count: int, settings: Settings) -> Strategy:
    """The strategy for a table of this many rows: exact, since the source counted them in this snapshot."""
    is_small = row_count <= settings.streaming_threshold and not table.is_large
    if is_small and table.byte_count <= settings.chunk_bytes:
        return "one piece"
    return "key ranges" if table.ordered_by else "page ranges"


def cut_table(
    connection: psycopg.Connection[Any],
    table: PlannedTable,
    *,
    row_count: int,
    settings: Settings,
) -> Cut:
    """Cut the table as `choose_strategy` says; asks the server where the borders are."""
    strategy = choose_strategy(table, row_count=row_count, settings=settings)
    relation = compose_relation(table.schema_name, table.table, is_partitioned=table.is_partitioned)
    key = _ordering_key(table)
    if row_count == 0:
        return Cut(strategy, [])
    if strategy == "one piece":
        return Cut(strategy, [ChunkRange(relation, key)])
    leaves = _read_leaves(connection, table)
    if key is None:
        return Cut(strategy, _cut_by_pages(connection, table, leaves, row_count, settings))
    has_large_values = any(leaf.has_large_values for leaf in leaves)
    borders = _find_borders(connection, table, relation, key, has_large_values, row_count, settings)
    return Cut(strategy, _ranges(relation, key, borders))


def _ordering_key(table: PlannedTable) -> Key | None:
    if not table.ordered_by:
        return None
    types = {column.entry.name: column.entry.type for column in table.columns}
    return Key(
        columns=tuple(sql.SQL("t.{}").format(sql.Identifier(name)) for name in table.ordered_by),
        types=tuple(types[name] for name in table.ordered_by),
    )


def _ranges(
    relation: sql.Composable, key: Key, borders: Sequence[tuple[str, ...]]
) -> Iterator[ChunkRange]:
    start = None
    for border in borders:
        yield ChunkRange(relation, key, start, border)
        start = border
    yield ChunkRange(relation, key, start, None)


def _find_borders(
    connection: psycopg.Connection[Any],
    table: PlannedTable,
    relation: sql.Composable,
    key: Key,
    has_large_values: bool,
    row_count: int,
    settings: Settings,
) -> list[tuple[str, ...]]:
    """First keys of all chunks but the first."""
    if has_large_values:
        query = compose_borders_by_size(table, relation, key, chunk_bytes=settings.chunk_bytes)
    else:
        width = _row_width(connection, table, relation)
        rows = max(1, min(settings.chunk_bytes // width, _MOST_ROWS))
        if rows >= row_count:
            return []
        query = compose_borders_by_row_count(relation, key, rows=rows)
    return connection.execute(query).fetchall()


def _row_width(
    connection: psycopg.Connection[Any], table: PlannedTable, relation: sql.Composable
) -> int:
    """Bytes of JSON in a row, from the first hundred; right for cutting, never called a measure of the table."""
    row = connection.execute(compose_row_width(table, relation)).fetchone()
    return max(2, int(row[0])) if row and row[0] is not None else _FULL_PAGE_AS_JSON


def _cut_by_pages(
    connection: psycopg.Connection[Any],
    table: PlannedTable,
    leaves: Sequence[_Leaf],
    row_count: int,
    settings: Settings,
) -> Iterator[ChunkRange]:
    pages_of_all = sum(leaf.page_count for leaf in leaves)
    for leaf in leaves:
        if not leaf.has_pages:
            yield ChunkRange(leaf.relation)
        elif leaf.has_large_values:
            query = compose_borders_by_size(
                table, leaf.relation, _HEAP_ORDER, chunk_bytes=settings.chunk_bytes
            )
            yield from _ranges(leaf.relation, _HEAP_ORDER, connection.execute(query).fetchall())
        elif leaf.page_count:
            width = _row_width(connection, table, leaf.relation)
            pages = _pages_per_chunk(width * row_count // max(1, pages_of_all), settings)
            borders = [(f"({page},0)",) for page in range(pages, leaf.page_count, pages)]
            yield from _ranges(leaf.relation, _HEAP_ORDER, borders)


def _pages_per_chunk(json_per_page: int, settings: Settings) -> int:
    """Pages that make a chunk on average; bounded, since the rows of a bloated table may all lie in a few pages."""
    if_full = max(1, settings.chunk_bytes // _FULL_PAGE_AS_JSON)
    return max(1, min(settings.chunk_bytes // max(1, json_per_page), 16 * if_full))


_LEAVES = """
SELECT n.nspname, c.relname, c.relkind <> 'f',
       CASE WHEN c.relkind <> 'f' THEN
           pg_catalog.pg_relation_size(c.oid) / pg_catalog.current_setting('block_size')::pg_catalog.int4
       ELSE 0 END,
       c.reltoastrelid <> 0 AND pg_catalog.pg_relation_size(c.reltoastrelid) > 0
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
CROSS JOIN (
    SELECT r.oid, r.relkind FROM pg_catalog.pg_class AS r
    JOIN pg_catalog.pg_namespace AS m ON m.oid = r.relnamespace
    WHERE m.nspname = %s AND r.relname = %s
) AS root
WHERE c.relkind <> 'p'
  AND (c.oid = root.oid
       OR root.relkind = 'p' AND c.oid IN (SELECT relid FROM pg_catalog.pg_partition_tree(root.oid)))
ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C"
"""


def _read_leaves(connection: psycopg.Connection[Any], table: PlannedTable) -> list[_Leaf]:
    rows = connection.execute(_LEAVES, [table.schema_name, table.table]).fetchall()
    return [
        _Leaf(
            relation=compose_relation(schema, name, is_partitioned=False),
            has_pages=has_pages,
            page_count=page_count,
            has_large_values=has_large_values,
        )
        for schema, name, has_pages, page_count, has_large_values in rows
    ]
