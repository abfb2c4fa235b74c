"""Where a table that has to be sorted is cut."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import pytest
from psycopg import sql

from supa_assets.stream.limits import Limits
from supa_assets.stream.reader import TableReader
from supa_assets.stream.strategies.heap import read_heap
from supa_assets.stream.strategies.sorted_buckets import Sort, cut_into_sorts
from supa_assets_tests.support.databases import Database
from supa_assets_tests.support.reading import reading
from supa_assets_tests.support.shapes import SMALL_CHUNKS, SORTS_SMALL_HEAPS, fill


@contextmanager
def cut(
    database: Database, limits: Limits = SORTS_SMALL_HEAPS
) -> Iterator[tuple[TableReader, Sequence[Sort]]]:
    with reading(database, limits=limits, **SMALL_CHUNKS) as (reader, context):
        yield reader, cut_into_sorts(reader, context, read_heap(reader, context))


def is_cut(database: Database) -> bool:
    with cut(database) as (_, sorts):
        return bool(sorts)


def row_counts(reader: TableReader, sorts: Sequence[Sort]) -> list[int]:
    """Of each bucket, read as a range of its own."""
    query = "SELECT pg_catalog.count(*) FROM {}"
    ranges = [bucket for sort in sorts for bucket in sort.buckets]
    return [reader.ask(sql.SQL(query).format(range_.as_rows()))[0][0] for range_ in ranges]


@pytest.mark.parametrize("shape", ["random uuid", "random text", "composite, random"])
def test_the_buckets_have_each_row_once_and_about_as_many_each(
    any_database: Database, shape: str
) -> None:
    fill(any_database, shape)
    with cut(any_database) as (reader, (sort,)):
        counts = row_counts(reader, [sort])
    assert sum(counts) == 3000
    assert len(counts) > 20
    assert max(counts) < 3 * 3000 / len(counts)


def test_a_bucket_has_about_the_bytes_that_a_chunk_aims_at(database: Database) -> None:
    fill(database, "random uuid")
    with cut(database) as (_, (sort,)):
        bucket_count = len(sort.buckets)
    with database.session() as session:
        (chunk,) = session.stream(database.table())
    assert bucket_count == pytest.approx(len(chunk.data) / SMALL_CHUNKS["chunk_bytes"], rel=0.25)


def test_a_large_table_is_cut_into_several_sorts_that_follow_each_other(
    database: Database,
) -> None:
    fill(database, "random uuid")
    limits = replace(SORTS_SMALL_HEAPS, sorted_bytes=64 * 1024)
    with cut(database, limits) as (reader, sorts):
        counts = row_counts(reader, sorts)
    assert len(sorts) > 2
    assert sum(counts) == 3000
    assert sorts[0].rows.start is None
    assert sorts[-1].rows.end is None
    numbers = [sort.first_number for sort in sorts]
    for before, after, number in zip(sorts, sorts[1:], numbers[1:], strict=False):
        assert before.rows.end == after.rows.start is not None
        assert number == before.first_number + len(before.buckets)


def test_a_table_is_read_for_sorting_only_so_often(database: Database) -> None:
    """Each sort reads the whole of it."""
    fill(database, "random uuid")
    limits = replace(SORTS_SMALL_HEAPS, sorted_bytes=1, most_sorts=3)
    with cut(database, limits) as (_, sorts):
        assert len(sorts) == 3


@pytest.mark.parametrize("type_", ["macaddr", "timetz", "int[]", "code"])
def test_keys_that_width_bucket_does_not_order_are_not_cut(
    any_database: Database, type_: str
) -> None:
    """Of some types it would tell wrong buckets, and say nothing."""
    values = {
        "macaddr": "('08002b01' || lpad(to_hex(n), 4, '0'))::macaddr",
        "timetz": "'0:00+02'::timetz + n * interval '1.5 s'",
        "int[]": "ARRAY[n]",
        "code": "n::text",
    }
    any_database.execute(
        "CREATE DOMAIN code AS text",
        f"CREATE TABLE cases (id {type_} PRIMARY KEY)",
        f"INSERT INTO cases SELECT {values[type_]} FROM generate_series(1, 3000) n ORDER BY md5(n::text)",
    )
    assert not is_cut(any_database)


@pytest.mark.parametrize("shape", ["first key column all equal", "values outside the pages"])
def test_a_table_whose_buckets_would_differ_much_in_size_is_not_cut(
    database: Database, shape: str
) -> None:
    fill(database, shape)
    assert not is_cut(database)
