"""Random tables: any name, any types, any values come out of the server and go back, value by value.

What is compared with is PostgreSQL's own text of each value (the output function's, as psql shows it), read here
without the export's SQL, and the JSON as Python's json module reads it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from psycopg import sql

from supa_assets.files.metadata import ColumnEntry
from supa_assets.plan.export_plan import PlannedTable
from supa_assets_tests.support.databases import Database, new_database
from supa_assets_tests.support.random_tables import TYPES, Sample, create, samples
from supa_assets_tests.support.servers import Server
from supa_assets_tests.support.way_back import restore, unequal_values

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def typed_database(any_server: Server) -> Iterator[Database]:
    with new_database(any_server) as database:
        database.execute(TYPES)
        yield database


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(sample=samples())
def test_any_table_comes_out_and_goes_back_value_by_value(
    typed_database: Database, sample: Sample
) -> None:
    with psycopg.connect(
        typed_database.superuser_url, autocommit=True, client_encoding="UTF8"
    ) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("DROP TABLE IF EXISTS public.restored")
        try:
            create(connection, sample)
            table = typed_database.table(sample.name)
            for options in ({}, {"large_tables": (sample.name,), "chunk_bytes": 1024}):
                text = typed_database.export(table, **options)
                assert_says_what_postgres_says(connection, table, text)
            restore(typed_database, table, text)
            assert unequal_values(typed_database, table) == []
        finally:
            connection.execute(
                sql.SQL("DROP TABLE IF EXISTS public.{}").format(sql.Identifier(sample.name))
            )


def assert_says_what_postgres_says(
    connection: psycopg.Connection[Any], table: PlannedTable, text: str
) -> None:
    """One row to a line, its columns in order, and each value as its text in the server."""
    lines = text.split("\n")
    assert (lines[0], lines[-1]) == ("[" if len(lines) > 2 else "[]", "")
    rows = json.loads(text, parse_int=Number, parse_float=Number)
    assert len(rows) == max(0, len(lines) - 3)
    relation = sql.Identifier("public", table.relation.name)
    key = sql.Identifier(table.rows.columns[0].entry.name)
    for column in (column.entry for column in table.rows.columns):
        name = sql.Identifier(column.name)
        shown = sql.SQL("{}::numeric").format(name) if column.type == "money" else name
        query = (
            "SELECT CASE WHEN {name} IS DISTINCT FROM NULL THEN format('%s', {shown}) END"
            " FROM {relation} ORDER BY {key}"
        )
        stored = connection.execute(
            sql.SQL(query).format(name=name, shown=shown, relation=relation, key=key)
        ).fetchall()
        assert len(stored) == len(rows)
        for row, (expected,) in zip(rows, stored, strict=True):
            assert list(row) == [c.entry.name for c in table.rows.columns]
            assert_equal(row[column.name], expected, column)


class Number(str):
    """A JSON number's own digits."""


def assert_equal(value: Any, expected: str | None, column: ColumnEntry) -> None:
    if expected is None:
        assert value is None
    elif column.encoding == "boolean":
        assert value is (expected == "t")
    elif column.encoding == "number":
        assert value == expected
        assert isinstance(value, Number) == (expected not in ("NaN", "Infinity", "-Infinity"))
    elif column.encoding == "string":
        assert not isinstance(value, Number)
        assert value == expected
    elif column.encoding == "timestamp":
        assert value == as_iso(expected)
    elif column.encoding == "json":
        assert value == json.loads(expected, parse_int=Number, parse_float=Number)
    elif column.encoding in ("array", "text-array"):
        assert_array(value, parse_array(expected), COMPARE.get(column.type, as_it_is))
    else:
        assert column.encoding == "object"
        assert isinstance(value, dict)


def as_it_is(element: Any) -> Any:
    return element


def as_iso(text: str) -> str:
    """`2026-01-02 03:04:05+00 BC` as ISO 8601 has it."""
    if text in ("infinity", "-infinity"):
        return text
    moment, era = (text.removesuffix(" BC"), " BC") if text.endswith(" BC") else (text, "")
    return moment.removesuffix("+00").replace(" ", "T") + "+00:00" + era


COMPARE: dict[str, Callable[[Any], Any]] = {
    "timestamp without time zone[]": as_iso,
    "timestamp with time zone[]": as_iso,
    "boolean[]": lambda element: element == "t",
    "money[]": lambda element: element.replace("$", "").replace(",", ""),
}
"""How an element's text stands in the file, where that isn't its text."""


def assert_array(value: Any, expected: Any, compare: Callable[[Any], Any]) -> None:
    if isinstance(expected, list):
        assert isinstance(value, list)
        assert len(value) == len(expected)
        for one, other in zip(value, expected, strict=True):
            assert_array(one, other, compare)
    elif not isinstance(value, dict):  # objects are compared on their way back
        assert value == (None if expected is None else compare(expected))


def parse_array(text: str) -> list[Any]:
    """PostgreSQL's text of an array, as nested lists of elements' texts."""
    stack: list[list[Any]] = [[]]
    at = 0
    while at < len(text):
        if text[at] == "{":
            stack.append([])
        elif text[at] == "}":
            done = stack.pop()
            stack[-1].append(done)
        elif text[at] == '"':
            element = ""
            at += 1
            while text[at] != '"':
                at += text[at] == "\\"
                element += text[at]
                at += 1
            stack[-1].append(element)
        elif text[at] not in ",":
            end = min(found for found in (text.find(c, at) for c in ",}") if found >= 0)
            stack[-1].append(None if text[at:end] == "NULL" else text[at:end])
            at = end - 1
        at += 1
    return list(stack[0][0])
