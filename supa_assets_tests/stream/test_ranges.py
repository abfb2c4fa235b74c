"""Ranges of a table's rows, and where sizes cut them."""

from __future__ import annotations

import pytest
from psycopg import sql

from supa_assets.stream.context import TableContext
from supa_assets.stream.key import HEAP_ORDER
from supa_assets.stream.ranges import ChunkRange, compose_borders_by_size
from supa_assets.stream.reader import TableReader
from supa_assets_tests.support.databases import Database
from supa_assets_tests.support.reading import reading


def ids(reader: TableReader, range_: ChunkRange) -> list[int]:
    rows = reader.ask(sql.SQL("SELECT t.id FROM {}").format(range_.as_ordered_rows()))
    return [id_ for (id_,) in rows]


def cut_by_size(
    reader: TableReader, context: TableContext, range_: ChunkRange, stored_bytes: int
) -> list[list[int]]:
    """The ids of each part."""
    query = compose_borders_by_size(context.shape, range_, stored_bytes=stored_bytes, rows=10_000)
    parts = range_.cut_at(border for *border, _ in reader.ask(query))
    return [ids(reader, part) for part in parts]


@pytest.fixture
def uneven(database: Database) -> Database:
    """A hundred rows, of which each tenth is wide."""
    database.execute(
        "CREATE TABLE cases (id int PRIMARY KEY, t text)",
        "INSERT INTO cases SELECT n, repeat('x', CASE n % 10 WHEN 0 THEN 100000 ELSE 100 END)"
        " FROM generate_series(1, 100) n ORDER BY md5(n::text)",
    )
    return database


def test_a_row_wider_than_a_chunk_stands_alone(uneven: Database) -> None:
    with reading(uneven) as (reader, context):
        parts = cut_by_size(reader, context, context.whole, 10_000)
    assert [id_ for part in parts for id_ in part] == list(range(1, 101))
    assert [part for part in parts if any(id_ % 10 == 0 for id_ in part)] == [
        [n] for n in range(10, 101, 10)
    ]
    assert (
        len(parts) <= 30
    )  # a border may fall among the nine between two wide rows, and no more than one


def test_rows_of_one_size_are_cut_into_parts_of_one_length(any_database: Database) -> None:
    any_database.execute(
        "CREATE TABLE cases (id int PRIMARY KEY, t text)",
        "INSERT INTO cases SELECT n, repeat('x', 985) FROM generate_series(1, 95) n",  # 1,000 bytes each
    )
    with reading(any_database) as (reader, context):
        parts = cut_by_size(reader, context, context.whole, 10_000)
    assert [len(part) for part in parts] == [9, *[10] * 8, 6]


def test_compressed_text_counts_with_its_whole_size(any_database: Database) -> None:
    any_database.execute(
        "CREATE TABLE cases (id int PRIMARY KEY, t text)",
        "INSERT INTO cases SELECT n, repeat('x', 100000) FROM generate_series(1, 4) n",
    )
    with reading(any_database) as (reader, context):
        assert cut_by_size(reader, context, context.whole, 50_000) == [[1], [2], [3], [4]]


def test_pages_are_cut_by_size_like_a_key(uneven: Database) -> None:
    with reading(uneven) as (reader, context):
        whole = ChunkRange(context.relation, HEAP_ORDER)
        parts = cut_by_size(reader, context, whole, 10_000)
    found = [id_ for part in parts for id_ in part]
    assert sorted(found) == list(range(1, 101)) != found
    assert [len(part) for part in parts if any(id_ % 10 == 0 for id_ in part)] == [1] * 10


def test_only_so_many_rows_are_looked_at_and_the_last_one_is_marked(uneven: Database) -> None:
    """There the next look begins."""
    with reading(uneven) as (reader, context):

        def look(rows: int) -> list[tuple[str, bool]]:
            query = compose_borders_by_size(
                context.shape, context.whole, stored_bytes=10_000, rows=rows
            )
            return [(key, is_last) for key, is_last in reader.ask(query)]

        assert look(25) == [
            ("10", False), ("11", False), ("20", False), ("21", False), ("25", True)
        ]  # fmt: skip
        assert look(10) == [("10", True)]
        assert not any(is_last for _, is_last in look(101))


def test_borders_cut_a_range_into_one_part_more_than_there_are(uneven: Database) -> None:
    with reading(uneven) as (reader, context):
        middle = ChunkRange(context.relation, context.key, ("20",), ("40",))
        parts = list(middle.cut_at([("25",), ("25",), ("30",)]))
        assert [ids(reader, part) for part in parts] == [
            list(range(20, 25)), [], list(range(25, 30)), list(range(30, 40))
        ]  # fmt: skip
        assert list(middle.cut_at([])) == [middle]


def test_a_range_without_a_key_is_not_cut(uneven: Database) -> None:
    with (
        reading(uneven) as (_, context),
        pytest.raises(ValueError, match="without a key"),
    ):
        ChunkRange(context.relation).require_key()
