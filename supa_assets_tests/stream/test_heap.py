"""How a table lies, asked of tables that nobody analyzed."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from psycopg import sql

from supa_assets.stream.limits import Limits
from supa_assets.stream.strategies.heap import (
    Heap,
    compose_sample,
    is_cheap_along_key,
    read_heap,
    read_row_width,
)
from supa_assets_tests.support.databases import Database
from supa_assets_tests.support.reading import reading
from supa_assets_tests.support.shapes import SORTS_SMALL_HEAPS


def heap_of(database: Database) -> Heap:
    with reading(database) as (reader, context):
        return read_heap(reader, context)


def is_cheap(database: Database, limits: Limits = SORTS_SMALL_HEAPS) -> bool:
    with reading(database, limits=limits) as (reader, context):
        return is_cheap_along_key(reader, context, read_heap(reader, context))


def row_width(database: Database) -> int:
    with reading(database) as (reader, context):
        return read_row_width(reader, context, context.relation)


def pages_of(database: Database, relation: str) -> int:
    return int(database.fetch_value(f"SELECT pg_relation_size('{relation}') / 8192"))


# read_heap


def test_a_table_is_one_leaf_with_its_pages_and_its_toast(any_database: Database) -> None:
    any_database.execute(
        "CREATE TABLE cases (id int, t text)",
        "ALTER TABLE cases ALTER t SET STORAGE EXTERNAL",
        "INSERT INTO cases SELECT n, repeat('x', 10000) FROM generate_series(1, 20) n",
        "INSERT INTO cases SELECT n, repeat('x', 1000) FROM generate_series(1, 100) n",
    )
    heap = heap_of(any_database)
    (leaf,) = heap.leaves
    assert leaf.has_pages
    assert heap.page_count == leaf.page_count == pages_of(any_database, "cases") > 10
    assert heap.byte_count == 8192 * heap.page_count
    assert 200_000 < heap.toast_bytes == leaf.toast_bytes < 400_000


def test_an_empty_table_has_a_leaf_without_pages_in_it(database: Database) -> None:
    database.execute("CREATE TABLE cases (id int)")
    heap = heap_of(database)
    assert heap.has_pages
    assert (heap.page_count, heap.toast_bytes) == (0, 0)
    assert heap.count_chunks(1024) == 1


def test_a_partitioned_table_has_its_leaves_in_the_order_of_their_names(
    any_database: Database,
) -> None:
    any_database.execute(
        'CREATE SCHEMA "b ""s"""',
        "CREATE TABLE cases (id int, t text) PARTITION BY LIST (id)",
        "CREATE TABLE zebra PARTITION OF cases FOR VALUES IN (1)",
        'CREATE TABLE "Ape" PARTITION OF cases FOR VALUES IN (2)',
        "CREATE TABLE branch PARTITION OF cases DEFAULT PARTITION BY LIST (id)",
        'CREATE TABLE "b ""s""".twig PARTITION OF branch DEFAULT',
        "ALTER TABLE zebra ALTER t SET STORAGE EXTERNAL",
        "INSERT INTO cases SELECT 1, repeat('x', 10000)",
        "INSERT INTO cases SELECT 2, repeat('x', 1000) FROM generate_series(1, 50)",
        "INSERT INTO cases SELECT 3, 'x' FROM generate_series(1, 3)",
    )
    with reading(any_database) as (reader, context):
        leaves = read_heap(reader, context).leaves
        found = [
            reader.ask(
                sql.SQL("SELECT pg_catalog.min(id), pg_catalog.count(*) FROM {}").format(
                    leaf.relation
                )
            )[0]
            for leaf in leaves
        ]
    assert found == [(3, 3), (2, 50), (1, 1)]
    assert [leaf.page_count for leaf in leaves] == [1, pages_of(any_database, '"Ape"'), 1]
    assert [leaf.toast_bytes > 0 for leaf in leaves] == [False, False, True]


def test_inheritance_children_are_no_leaves(database: Database) -> None:
    database.execute("CREATE TABLE cases (id int)", "CREATE TABLE child () INHERITS (cases)")
    assert len(heap_of(database).leaves) == 1


def test_a_foreign_table_among_the_leaves_has_no_pages(database: Database) -> None:
    """So it can neither be cut by pages nor sampled."""
    database.execute(
        "CREATE FOREIGN DATA WRAPPER nothing",
        "CREATE SERVER nowhere FOREIGN DATA WRAPPER nothing",
        "CREATE TABLE cases (id int) PARTITION BY LIST (id)",
        "CREATE TABLE here PARTITION OF cases FOR VALUES IN (1)",
        "CREATE FOREIGN TABLE there PARTITION OF cases FOR VALUES IN (2) SERVER nowhere",
        "INSERT INTO cases VALUES (1)",
    )
    with reading(database, row_count=1) as (reader, context):  # nothing counts the rows of `there`
        heap = read_heap(reader, context)
    assert [(leaf.has_pages, leaf.page_count) for leaf in heap.leaves] == [(True, 1), (False, 0)]
    assert not heap.has_pages


# is_cheap_along_key


@pytest.mark.parametrize(
    ("order", "expected"), [("n", True), ("-n", True), ("md5(n::text)", False)]
)
def test_a_key_is_cheap_to_walk_where_rows_lie_in_its_order(
    any_database: Database, order: str, expected: bool
) -> None:
    any_database.execute(
        "CREATE TABLE cases (id int PRIMARY KEY, t text)",
        "INSERT INTO cases SELECT n, repeat('x', 100) FROM generate_series(1, 3000) n"
        f" ORDER BY {order}",
    )
    assert is_cheap(any_database) == expected


def test_a_key_stays_cheap_where_rows_lie_almost_in_its_order(database: Database) -> None:
    """As several writers leave them."""
    database.execute(
        "CREATE TABLE cases (id int PRIMARY KEY, t text)",
        "INSERT INTO cases SELECT n, repeat('x', 100) FROM generate_series(1, 3000) n"
        " ORDER BY n + (n % 7) * 40",
    )
    assert is_cheap(database)


def test_a_small_heap_is_cheap_in_any_order(database: Database) -> None:
    database.execute(
        "CREATE TABLE cases (id uuid PRIMARY KEY)",
        "INSERT INTO cases SELECT gen_random_uuid() FROM generate_series(1, 3000)",
    )
    byte_count = heap_of(database).byte_count
    assert is_cheap(database, Limits(small_heap_bytes=byte_count))
    assert not is_cheap(database, Limits(small_heap_bytes=byte_count - 1))


def test_pages_without_a_row_make_no_key_expensive(database: Database) -> None:
    database.execute(
        "CREATE TABLE cases (id uuid PRIMARY KEY)",
        "INSERT INTO cases SELECT gen_random_uuid() FROM generate_series(1, 3000)",
        "DELETE FROM cases",
    )
    assert is_cheap(database)


# compose_sample


def test_a_sample_is_whole_pages_and_the_same_each_time(any_database: Database) -> None:
    any_database.execute(
        "CREATE TABLE cases (id int PRIMARY KEY, t text)",
        "INSERT INTO cases SELECT n, repeat('x', 100) FROM generate_series(1, 5000) n",
    )

    def rows_by_page(percent: float) -> Counter[int]:
        source = compose_sample(context.relation, percent)
        query = sql.SQL("SELECT (t.ctid::text::point)[0]::int FROM {}").format(source)
        return Counter(page for (page,) in reader.ask(query))

    with reading(any_database) as (reader, context):
        everything, some = rows_by_page(100.0), rows_by_page(30.0)
        assert rows_by_page(30.0) == some
    assert sum(everything.values()) == 5000
    assert 0.1 < len(some) / len(everything) < 0.6
    assert all(everything[page] == row_count for page, row_count in some.items())


# read_row_width


def test_a_row_s_width_is_that_of_its_json(any_database: Database) -> None:
    any_database.execute(
        "CREATE TABLE cases (id int PRIMARY KEY, t text, b bytea)",
        "INSERT INTO cases SELECT 1000 + n, repeat('\"', 100), '\\x00ff' FROM generate_series(1, 500) n",
    )
    row = {"id": 1001, "t": '"' * 100, "b": "\\x00ff"}
    assert row_width(any_database) == len(json.dumps(row, separators=(",", ":")))


def test_a_row_s_width_is_asked_of_the_first_rows_only(database: Database) -> None:
    """It is where a stream begins; the ranges learn from what comes."""
    database.execute(
        "CREATE TABLE cases (id int PRIMARY KEY, t text)",
        "INSERT INTO cases SELECT n, repeat('x', CASE WHEN n > 100 THEN 2000 END) FROM generate_series(1, 200) n",
    )
    assert row_width(database) < 30


def test_without_rows_or_columns_the_width_is_a_small_number(database: Database) -> None:
    """It divides and multiplies: never 0, never NULL."""
    database.execute("CREATE TABLE cases (id int)")
    assert row_width(database) == 1
    database.execute("ALTER TABLE cases DROP id", "INSERT INTO cases DEFAULT VALUES")
    assert row_width(database) == 2
