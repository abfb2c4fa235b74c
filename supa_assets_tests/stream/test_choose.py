"""Which strategy reads a table, by how it lies; `test_strategies.py` holds what they all give."""

from __future__ import annotations

from typing import Any

import pytest

from supa_assets.plan.export_plan import PlannedTable
from supa_assets.stream.strategies.choose import choose_strategy
from supa_assets.stream.strategies.key_ranges import KeyRangesByRowCount, KeyRangesBySize
from supa_assets.stream.strategies.one_piece import OnePiece
from supa_assets.stream.strategies.page_ranges import PageRanges
from supa_assets.stream.strategies.sorted_buckets import SortedBuckets
from supa_assets.stream.strategies.strategy import Strategy
from supa_assets_tests.support.databases import Database
from supa_assets_tests.support.reading import reading
from supa_assets_tests.support.shapes import SMALL_CHUNKS, SORTS_SMALL_HEAPS, fill, unordered


def choose(database: Database, table: PlannedTable | None = None, **settings: Any) -> Strategy:
    given = {**SMALL_CHUNKS, **settings}
    with reading(database, table, limits=SORTS_SMALL_HEAPS, **given) as (reader, context):
        return choose_strategy(reader, context)


@pytest.mark.parametrize(
    ("shape", "kind", "name"),
    [
        ("identity", KeyRangesByRowCount, "key ranges"),
        ("values outside the pages", KeyRangesBySize, "key ranges"),
        ("random uuid", SortedBuckets, "sorted buckets"),
        ("random, in a domain", KeyRangesByRowCount, "key ranges"),
        ("partitioned, random", SortedBuckets, "sorted buckets"),
    ],
)
def test_an_ordered_table_is_walked_along_its_key_or_sorted(
    database: Database, shape: str, kind: type[object], name: str
) -> None:
    fill(database, shape)
    strategy = choose(database)
    assert isinstance(strategy, kind)
    assert strategy.name == name


@pytest.mark.parametrize(
    ("shape", "name"),
    [("random uuid", "page ranges"), ("values outside the pages", "page ranges"), ("partitioned", "leaves")],
)  # fmt: skip
def test_a_table_in_no_order_is_read_as_it_lies(database: Database, shape: str, name: str) -> None:
    fill(database, shape)
    strategy = choose(database, unordered(database.table()))
    assert isinstance(strategy, PageRanges)
    assert strategy.name == name


@pytest.mark.parametrize(
    ("settings", "is_one_piece"),
    [
        ({}, True),
        ({"streaming_threshold": 3}, True),
        ({"streaming_threshold": 2}, False),
        ({"large_tables": ("cases",)}, False),
    ],
)
def test_a_table_of_few_rows_goes_in_one_piece(
    database: Database, settings: dict[str, Any], is_one_piece: bool
) -> None:
    database.execute("CREATE TABLE cases (id int PRIMARY KEY)")
    database.execute("INSERT INTO cases SELECT generate_series(1, 3)")
    given = {"chunk_bytes": 1024 * 1024, **settings}
    table = database.table(**given)
    assert isinstance(choose(database, table, **given), OnePiece) == is_one_piece


def test_few_rows_that_are_large_are_cut(database: Database) -> None:
    """One value of them all might be more than the server can make."""
    database.execute(
        "CREATE TABLE cases (id int PRIMARY KEY, t text)",
        "ALTER TABLE cases ALTER t SET STORAGE EXTERNAL",
        "INSERT INTO cases SELECT n, repeat('x', 20000) FROM generate_series(1, 5) n",
    )
    assert isinstance(choose(database), KeyRangesBySize)


def test_a_table_without_rows_is_one_piece_though_it_is_called_large(database: Database) -> None:
    database.execute(
        "CREATE TABLE cases (id uuid PRIMARY KEY)",
        "INSERT INTO cases SELECT gen_random_uuid() FROM generate_series(1, 1000)",
        "DELETE FROM cases",
    )
    table = database.table(large_tables=("cases",))
    assert isinstance(choose(database, table), OnePiece)


def test_lanes_are_asked_for_by_what_the_table_will_become(database: Database) -> None:
    """A table is never read over more connections than it has chunks."""
    fill(database, "identity")
    assert choose(database).expected_chunks > 20
    assert choose(database, chunk_bytes=64 * 1024 * 1024).expected_chunks == 1
