"""A chunk on its way: what the server is asked for, and what is taken out of its answer."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from psycopg import sql

from supa_assets.stream.chunk import (
    Chunk,
    Fetched,
    compose_aggregates,
    compose_fetched,
    take_fetched,
    take_int,
)
from supa_assets.stream.wire import JsonWire, MakeWire
from supa_assets_tests.support.databases import Database
from supa_assets_tests.support.reading import reading

ROWS = b'{"id":1,"t":"one"},\n{"id":2,"t":"two"}'


@pytest.fixture
def two_rows(database: Database) -> Database:
    database.execute(
        "CREATE TABLE cases (id int PRIMARY KEY, t text)",
        "INSERT INTO cases VALUES (1, 'one'), (2, 'two')",
    )
    return database


def fetch(
    database: Database,
    *,
    first_id: int = 1,
    most_wire_bytes: int | None = None,
    wire: MakeWire = JsonWire,
    before: Sequence[int] = (),
) -> Fetched:
    """The rows from `first_id` on; `before` are selected before the chunk's columns."""
    with reading(database, wire=wire) as (reader, context):
        query = sql.SQL(
            "SELECT {before} {fetched} FROM (SELECT {aggregates} FROM"
            " (SELECT {columns} FROM {relation} WHERE id >= {first_id} ORDER BY id) AS r) AS c"
        ).format(
            before=sql.SQL("").join(sql.SQL("{}, ").format(number) for number in before),
            fetched=compose_fetched(context.wire, most_wire_bytes=most_wire_bytes),
            aggregates=compose_aggregates(context.wire),
            columns=context.wire.compose_columns(),
            relation=context.relation,
            first_id=sql.Literal(first_id),
        )
        result = reader.connection.execute(query).pgresult
        assert result is not None
        return take_fetched(result, context.wire, first_column=len(before))


def test_rows_come_joined_with_their_number_and_their_bytes(two_rows: Database) -> None:
    assert fetch(two_rows) == Fetched(Chunk(ROWS, 2), row_count=2, wire_bytes=len(ROWS))


def test_rows_above_the_limit_are_not_sent_but_counted(two_rows: Database) -> None:
    assert fetch(two_rows, most_wire_bytes=len(ROWS)).chunk == Chunk(ROWS, 2)
    too_large = fetch(two_rows, most_wire_bytes=len(ROWS) - 1)
    assert too_large == Fetched(None, row_count=2, wire_bytes=len(ROWS))
    assert too_large.is_too_large


def test_a_single_row_is_sent_whatever_the_limit(two_rows: Database) -> None:
    """It can't be cut."""
    assert fetch(two_rows, first_id=2, most_wire_bytes=1).chunk == Chunk(b'{"id":2,"t":"two"}', 1)


@pytest.mark.parametrize("most_wire_bytes", [None, 1])
def test_no_rows_are_no_chunk_and_not_too_large(
    two_rows: Database, most_wire_bytes: int | None
) -> None:
    nothing = fetch(two_rows, first_id=3, most_wire_bytes=most_wire_bytes)
    assert nothing == Fetched(None, row_count=0, wire_bytes=0)
    assert not nothing.is_too_large


def test_a_chunk_is_taken_from_behind_other_columns(two_rows: Database) -> None:
    assert fetch(two_rows, before=[7, 8]).chunk == Chunk(ROWS, 2)


class WireOfTwo(JsonWire):
    """A chunk that consists of two values."""

    def compose_values(self) -> Sequence[sql.Composable]:
        return [
            sql.SQL("pg_catalog.string_agg(r.id::pg_catalog.text, ',')"),
            sql.SQL("pg_catalog.string_agg(r.t, ',')"),
        ]

    def compose_wire_bytes(self, values: Sequence[sql.Composable]) -> sql.Composable:
        return sql.SQL("pg_catalog.octet_length({}) + pg_catalog.octet_length({})").format(*values)

    def decode(self, values: list[bytes], row_count: int) -> bytes:
        return b" of ".join(values)


def test_a_wire_of_several_values_gets_them_in_its_own_order(two_rows: Database) -> None:
    assert fetch(two_rows, wire=WireOfTwo) == Fetched(
        Chunk(b"1,2 of one,two", 2), row_count=2, wire_bytes=len("1,2one,two")
    )
    assert fetch(two_rows, wire=WireOfTwo, most_wire_bytes=9).is_too_large


@pytest.mark.parametrize("binary", [False, True])
def test_a_number_is_the_same_in_text_and_in_binary(database: Database, binary: bool) -> None:
    with database.session() as session, session.connection.cursor(binary=binary) as cursor:
        cursor.execute("SELECT 0, 300::int4, 5000000000::int8, NULL::int8")
        result = cursor.pgresult
        assert result is not None
        assert [take_int(result, column) for column in range(4)] == [0, 300, 5_000_000_000, 0]
