"""A table's rows in SQL, as the server understands it."""

from __future__ import annotations

import json

from psycopg import sql

from supa_assets.naming import Relation
from supa_assets.stream.row_sql import (
    compose_columns,
    compose_line,
    compose_relation,
    compose_row_size,
    compose_value_sizes,
)
from supa_assets_tests.support.databases import Database
from supa_assets_tests.support.reading import reading


def count(database: Database, relation: Relation, *, is_partitioned: bool) -> int:
    source = compose_relation(relation, is_partitioned=is_partitioned)
    with database.session() as session:
        query = sql.SQL("SELECT pg_catalog.count(*) FROM {}").format(source)
        (counted,) = session.connection.execute(query).fetchone() or (None,)
    return int(str(counted))


def read_lines(database: Database) -> list[str]:
    with reading(database) as (reader, context):
        query = sql.SQL("SELECT {} FROM (SELECT {} FROM {}) AS r").format(
            compose_line(context.shape), compose_columns(context.shape), context.relation
        )
        return [line for (line,) in reader.ask(query)]


def test_a_relation_is_read_whatever_is_in_its_name(database: Database) -> None:
    relation = Relation('a "schema".b', 'x" AS t; DROP TABLE public.kept; --')
    quoted = ".".join('"' + part.replace('"', '""') + '"' for part in relation)
    database.execute(
        "CREATE TABLE kept (id int)",
        'CREATE SCHEMA "a ""schema"".b"',
        f"CREATE TABLE {quoted} AS SELECT 1 FROM generate_series(1, 3)",
    )
    assert count(database, relation, is_partitioned=False) == 3
    assert database.fetch_value("SELECT to_regclass('public.kept') IS NOT NULL")


def test_a_table_is_read_without_its_inheritance_children(database: Database) -> None:
    database.execute(
        "CREATE TABLE parent (id int)",
        "CREATE TABLE child () INHERITS (parent)",
        "INSERT INTO parent VALUES (1)",
        "INSERT INTO child VALUES (2), (3)",
    )
    assert count(database, Relation("public", "parent"), is_partitioned=False) == 1


def test_a_partitioned_table_is_read_with_its_leaves(database: Database) -> None:
    database.execute(
        "CREATE TABLE parted (id int) PARTITION BY LIST (id)",
        "CREATE TABLE one PARTITION OF parted FOR VALUES IN (1)",
        "CREATE TABLE others PARTITION OF parted DEFAULT",
        "INSERT INTO parted VALUES (1), (2), (3)",
    )
    assert count(database, Relation("public", "parted"), is_partitioned=True) == 3


def test_a_row_is_one_line_whatever_line_breaks_its_values_have(any_database: Database) -> None:
    any_database.execute(
        "CREATE TABLE cases (t text, j json)",
        r"""INSERT INTO cases VALUES (E'two\r\nlines', E'{\r\n  "a":\n"\\n"}')""",
    )
    (line,) = read_lines(any_database)
    assert "\n" not in line
    assert "\r" not in line
    assert json.loads(line) == {"t": "two\r\nlines", "j": {"a": "\n"}}


def test_columns_with_quotes_and_capitals_keep_their_names(database: Database) -> None:
    database.execute(
        'CREATE TABLE cases ("a ""b""" int, "Select" int, r int)',
        "INSERT INTO cases VALUES (1, 2, 3)",
    )
    assert read_lines(database) == [r'{"a \"b\"":1,"Select":2,"r":3}']


def test_a_large_value_s_size_is_told_without_fetching_it(any_database: Database) -> None:
    any_database.execute(
        "CREATE TABLE cases (compressed text, plain bytea, short varchar(5), n int, document jsonb, nothing text)",
        "ALTER TABLE cases ALTER plain SET STORAGE EXTERNAL, ALTER document SET STORAGE EXTERNAL",
        "INSERT INTO cases SELECT repeat('é', 1000000), decode(repeat('00', 1000000), 'hex'), 'abc', 1,"
        " jsonb_build_array(repeat('x', 1000000)), NULL",
    )
    with reading(any_database) as (reader, context):
        sizes = sql.SQL(", ").join(compose_value_sizes(context.shape))
        query = sql.SQL("SELECT {} FROM {}").format(sizes, context.relation)
        compressed, plain, short, number, document, nothing = reader.ask(query)[0]
        explained = reader.ask(sql.SQL("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {}").format(query))
    assert (compressed, plain, short, number, nothing) == (2_000_000, 1_000_000, 3, 4, 0)
    assert 1_000_000 < document < 1_000_100
    plan = explained[0][0][0]["Plan"]
    assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] < 10


def test_a_row_s_size_is_about_that_of_its_json(any_database: Database) -> None:
    """Ranges are cut by it, so names count, and so do rows that have NULL only."""
    any_database.execute(
        "CREATE TABLE cases (id int, a_rather_long_name text)",
        "INSERT INTO cases VALUES (1000, repeat('x', 5000)), (1001, 'short'), (NULL, NULL)",
    )
    with reading(any_database) as (reader, context):
        size = compose_row_size(context.shape)
        query = sql.SQL("SELECT {} FROM {}").format(size, context.relation)
        sizes = [row[0] for row in reader.ask(query)]
    expected = [len(line) for line in read_lines(any_database)]
    assert all(abs(size - json) < 15 for size, json in zip(sizes, expected, strict=True))
