"""Keys: which one orders a file, and what compares its values."""

from __future__ import annotations

from typing import Literal

import pytest
from psycopg import sql

from supa_assets.stream.key import Key, read_key, trust_type
from supa_assets.stream.reader import TableReader
from supa_assets_tests.support.databases import Database
from supa_assets_tests.support.reading import reading
from supa_assets_tests.support.shapes import unordered


def key_of(database: Database) -> Key | None:
    with database.session() as session:
        return read_key(TableReader(session.connection), database.table())


def select(
    database: Database, operator: Literal[">=", "<"], boundary: tuple[str, ...]
) -> list[object]:
    """Column `n` of the rows on one side of the boundary, in the key's order."""
    with reading(database) as (reader, context):
        key = context.whole.require_key()
        query = sql.SQL("SELECT n FROM {} WHERE {} ORDER BY {}").format(
            context.relation, key.compare(operator, boundary), key.as_list()
        )
        return [n for (n,) in reader.ask(query)]


def test_the_key_has_the_primary_key_s_columns_in_its_own_order(database: Database) -> None:
    database.execute("CREATE TABLE cases (a int, b numeric(5,2), c text, PRIMARY KEY (c, a))")
    assert key_of(database) == Key(names=("c", "a"), types=("text", "integer"))


def test_a_file_in_the_heap_s_order_has_no_key(database: Database) -> None:
    database.execute("CREATE TABLE cases (a int PRIMARY KEY)")
    with database.session() as session:
        assert read_key(TableReader(session.connection), unordered(database.table())) is None


def test_types_of_postgres_itself_need_no_operators_by_name(any_database: Database) -> None:
    any_database.execute("CREATE TABLE cases (a uuid, b text[], PRIMARY KEY (a, b))")
    key = key_of(any_database)
    assert key is not None
    assert key.operators == ()


@pytest.mark.parametrize("boundary", [("B",), ("b", "7")])
def test_values_are_compared_as_the_type_s_own_operators_do(
    any_database: Database, boundary: tuple[str, ...]
) -> None:
    """Sessions have an empty search_path, in which a bare `<` of two citext would be text's."""
    any_database.execute(
        "CREATE EXTENSION citext",
        "CREATE TABLE cases (k citext, n int, PRIMARY KEY (k, n))",
        "INSERT INTO cases VALUES ('a', 1), ('A', 2), ('b', 6), ('B', 7), ('c', 8), ('C', 9)",
    )
    key = key_of(any_database)
    assert key is not None
    assert [set(operators) for operators in key.operators] == [{"<", "<=", "=", ">=", ">"}] * 2
    smaller, greater = select(any_database, "<", boundary), select(any_database, ">=", boundary)
    assert smaller + greater == [1, 2, 6, 7, 8, 9]
    assert smaller == ([1, 2] if len(boundary) == 1 else [1, 2, 6])


def test_a_key_s_types_are_the_table_s_where_its_index_stores_others(
    any_database: Database,
) -> None:
    """An index on `name` stores cstring, which nothing can be cast to."""
    any_database.execute(
        "CREATE TYPE mood AS ENUM ('sad', 'glad')",
        "CREATE DOMAIN short AS char(3)",
        "CREATE TABLE cases (k name, m mood, c short, n int, PRIMARY KEY (k, m, c))",
        "INSERT INTO cases VALUES ('a', 'glad', 'ab', 1), ('b', 'sad', 'ab', 2), ('b', 'sad', 'abc', 3)",
    )
    key = key_of(any_database)
    assert key is not None
    assert key.types == ("name", "public.mood", "bpchar")
    assert select(any_database, ">=", ("b", "sad", "abc")) == [3]
    assert select(any_database, "<", ("b", "sad", "abc")) == [1, 2]


def test_a_boundary_may_have_the_first_columns_only(database: Database) -> None:
    database.execute(
        "CREATE TABLE cases (a int, b text, n int, PRIMARY KEY (a, b))",
        "INSERT INTO cases VALUES (1, 'x', 1), (2, 'it''s', 2), (2, 'y', 3), (3, 'a', 4)",
    )
    assert select(database, "<", ("2",)) == [1]
    assert select(database, ">=", ("2",)) == [2, 3, 4]
    assert select(database, "<", ("2", "it's")) == [1]
    assert select(database, ">=", ("2", "it's")) == [2, 3, 4]


def test_a_type_s_name_goes_back_to_the_server_as_it_came(any_database: Database) -> None:
    any_database.execute(
        'CREATE SCHEMA "a.b"',
        'CREATE TYPE "a.b"."Odd ""type""" AS ENUM (\'x\')',
        'CREATE TABLE cases (a numeric(5,2), b varchar(3)[], c "a.b"."Odd ""type""", d "char", e timestamptz(3))',
    )
    with reading(any_database) as (reader, context):
        types = [column.type for column in context.shape.columns]
        nulls = sql.SQL(", ").join(sql.SQL("NULL::{}").format(trust_type(t)) for t in types)
        made = reader.connection.execute(sql.SQL("SELECT {}").format(nulls)).pgresult
        assert made is not None
        found = [
            reader.ask(
                sql.SQL("SELECT pg_catalog.format_type({}, {})").format(
                    sql.Literal(made.ftype(n)), sql.Literal(made.fmod(n))
                )
            )[0][0]
            for n in range(made.nfields)
        ]
    assert found == types
    assert '"a.b"."Odd ""type"""' in types
