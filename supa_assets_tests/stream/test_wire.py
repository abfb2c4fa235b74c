"""A second wire is an added class: every strategy gives the same file over it, and the guard counts its bytes."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from psycopg import sql

from supa_assets.plan.row_shape import RowShape
from supa_assets.stream.chunk import Chunk
from supa_assets.stream.limits import Limits
from supa_assets.stream.row_sql import compose_columns
from supa_assets.stream.wire import JsonWire, MakeWire
from supa_assets_tests.support.databases import Database, as_file
from supa_assets_tests.support.shapes import (
    SMALL_CHUNKS,
    SORTS_SMALL_HEAPS,
    fill,
    unordered,
)

CHUNK_BYTES = int(SMALL_CHUNKS["chunk_bytes"])
MOST_CHUNKS = Limits().most_chunks_in_one


class HexWire(JsonWire):
    """The rows' JSON in hexadecimal: twice the bytes on the wire."""

    def compose_values(self) -> Sequence[sql.Composable]:
        (json,) = super().compose_values()
        as_hex = "pg_catalog.encode(pg_catalog.convert_to({}, 'UTF8'), 'hex')"
        return [sql.SQL(as_hex).format(json)]

    def expect_wire_bytes(self, json_bytes: int) -> int:
        return 2 * json_bytes

    def decode(self, values: list[bytes], row_count: int) -> bytes:
        return bytes.fromhex(super().decode(values, row_count).decode())


class BinaryWire(JsonWire):
    """The rows' JSON as bytea, which only the binary format sends as it is."""

    is_binary = True

    def compose_values(self) -> Sequence[sql.Composable]:
        (json,) = super().compose_values()
        return [sql.SQL("pg_catalog.convert_to({}, 'UTF8')").format(json)]


class ColumnsWire:
    """A value for each column: its JSON values between separators that JSON text can't hold."""

    is_binary = False

    def __init__(self, shape: RowShape) -> None:
        self._shape = shape

    def compose_columns(self) -> sql.Composable:
        return compose_columns(self._shape)

    def compose_values(self) -> Sequence[sql.Composable]:
        aggregate = (
            "pg_catalog.string_agg(coalesce(pg_catalog.to_json(r.{})::text, 'null'), E'\\x1f')"
        )
        return [sql.SQL(aggregate).format(sql.Identifier(c.name)) for c in self._shape.columns]

    def compose_wire_bytes(self, values: Sequence[sql.Composable]) -> sql.Composable:
        sizes = [sql.SQL("pg_catalog.octet_length({})").format(value) for value in values]
        return sql.SQL(" + ").join(sizes)

    def expect_wire_bytes(self, json_bytes: int) -> int:
        return json_bytes

    def decode(self, values: list[bytes], row_count: int) -> bytes:
        names = [f'"{column.name}":'.encode() for column in self._shape.columns]
        columns = [value.split(b"\x1f") for value in values]
        rows = [
            b"{" + b",".join(name + value for name, value in zip(names, row, strict=True)) + b"}"
            for row in zip(*columns, strict=True)
        ]
        assert len(rows) == row_count
        return b",\n".join(rows)


def slow(value: object) -> object:
    return pytest.param(value, marks=pytest.mark.slow)


WIRES: list[MakeWire] = [HexWire, BinaryWire, ColumnsWire]
EVERY_STRATEGY = {
    "one piece": "identity",
    "key ranges": "identity",
    "key ranges by size": "compressible values",
    "sorted buckets": "random uuid",
    "page ranges": "identity",
    "page ranges by size": "values outside the pages",
    "leaves": "partitioned",
}


@pytest.mark.parametrize(
    "make_wire", [slow(HexWire), slow(BinaryWire), ColumnsWire], ids=lambda wire: wire.__name__
)
@pytest.mark.parametrize("strategy", EVERY_STRATEGY)
@pytest.mark.parametrize("streams", [slow(1), 2])
def test_over_another_wire_every_strategy_gives_the_same_bytes(
    database: Database, make_wire: MakeWire, strategy: str, streams: int
) -> None:
    fill(database, EVERY_STRATEGY[strategy])
    table = database.table()
    if strategy.startswith(("page", "leaves")):
        table = unordered(table)
    given = {"streaming_threshold": 10_000} if strategy == "one piece" else SMALL_CHUNKS
    with database.session(**given, streams=streams) as session:
        expected = session.stream(table, limits=SORTS_SMALL_HEAPS)
        found = session.stream(table, wire=make_wire, limits=SORTS_SMALL_HEAPS)
        assert as_file(found) == as_file(expected)
        assert strategy.startswith(str(found.strategy))


def read_chunks(
    database: Database, make_wire: MakeWire = JsonWire, limits: Limits = SORTS_SMALL_HEAPS
) -> list[Chunk]:
    with database.session(**SMALL_CHUNKS, streams=1) as session:
        return list(session.stream(database.table(), wire=make_wire, limits=limits))


@pytest.fixture
def widening(database: Database) -> Database:
    """Rows 30 times as wide after the first hundred, so that the first ranges are guessed too large."""
    database.execute(
        "CREATE TABLE cases (id int PRIMARY KEY, t text)",
        "INSERT INTO cases SELECT n, repeat('x', CASE WHEN n > 100 THEN 300 ELSE 10 END)"
        " FROM generate_series(1, 2000) n",
    )
    return database


@pytest.mark.parametrize("make_wire", [JsonWire, *WIRES])
def test_a_chunk_that_is_too_large_on_the_wire_is_fetched_in_parts(
    widening: Database, make_wire: MakeWire
) -> None:
    chunks = read_chunks(widening, make_wire)
    assert sum(chunk.row_count for chunk in chunks) == 2000
    assert max(len(chunk.data) for chunk in chunks) <= MOST_CHUNKS * CHUNK_BYTES * 1.1


class TightHexWire(HexWire):
    """Takes twice the bytes, and says it takes as many: the guard must see the bytes on the wire."""

    def expect_wire_bytes(self, json_bytes: int) -> int:
        return json_bytes


@pytest.mark.parametrize("shape", ["identity", "random uuid"])
def test_the_guard_counts_bytes_on_the_wire(database: Database, shape: str) -> None:
    """Chunks that pass as JSON are cut where they would be sent in hexadecimal."""
    fill(database, shape)
    two_in_one = Limits(small_heap_bytes=0, most_chunks_in_one=2)
    as_json = read_chunks(database, limits=two_in_one)
    as_hex = read_chunks(database, HexWire, two_in_one)
    tight = read_chunks(database, TightHexWire, two_in_one)
    most = 2 * CHUNK_BYTES
    assert [chunk.row_count for chunk in as_hex] == [chunk.row_count for chunk in as_json]
    assert any(2 * len(chunk.data) > most for chunk in as_json if chunk.row_count > 1)
    assert all(2 * len(chunk.data) <= most for chunk in tight if chunk.row_count > 1)
    assert b",\n".join(c.data for c in tight) == b",\n".join(c.data for c in as_json)


def test_json_is_sent_as_it_stands_in_the_file(database: Database) -> None:
    """Neither copied nor changed: the value is the chunk."""
    database.execute("CREATE TABLE cases (id int)")
    data = b'{"id":1},\n{"id":2}'
    assert JsonWire(database.table().rows).decode([data], 2) is data


def test_ranges_learn_from_bytes_of_json(database: Database) -> None:
    """On a wire that takes twice the bytes, ranges are as long as on the other."""
    fill(database, "identity")
    as_json = [chunk.row_count for chunk in read_chunks(database)]
    assert [chunk.row_count for chunk in read_chunks(database, HexWire)] == as_json
