"""What doesn't go back as it was, said out loud in docs/TYPES.md: if one of these fails, a hole is closed."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from supa_assets_tests.support.databases import Database
from supa_assets_tests.support.way_back import restore, unequal_values


def export(database: Database, type_: str, value: str) -> str:
    database.execute(f"CREATE TABLE cases (v {type_})", f"INSERT INTO cases VALUES ({value})")
    return database.export(database.table())


def lost(database: Database, text: str) -> list[tuple[Any, Any]]:
    """(stored, restored)"""
    restore(database, database.table(), text)
    return [row[2:] for row in unequal_values(database, database.table())]


@pytest.mark.parametrize("type_", ["json", "jsonb"])
def test_a_json_null_comes_back_as_sql_null(any_database: Database, type_: str) -> None:
    text = export(any_database, type_, "'null'")
    assert text == '[\n{"v":null}\n]\n'
    restore(any_database, any_database.table(), text)
    assert any_database.fetch("SELECT v::text FROM restored") == [(None,)]


def test_an_array_comes_back_counted_from_1(any_database: Database) -> None:
    text = export(any_database, "int[]", "'[0:1]={1,2}'")
    assert text == '[\n{"v":[1,2]}\n]\n'
    assert lost(any_database, text) == [(("[0:1]={1,2}", False), ("{1,2}", False))]


def test_int8_and_numeric_inside_a_composite_are_numbers_with_all_digits(
    any_database: Database,
) -> None:
    any_database.execute("CREATE TYPE pair AS (big int8, exact numeric, at timestamp)")
    text = export(any_database, "pair", "ROW(9007199254740993, 1.10, '2026-01-02')::pair")
    assert text == '[\n{"v":{"big":9007199254740993,"exact":1.10,"at":"2026-01-02T00:00:00"}}\n]\n'
    assert lost(any_database, text) == []


def test_duplicate_keys_of_json_stay_and_come_back(any_database: Database) -> None:
    text = export(any_database, "json", """'{"a":1,"a":2}'""")
    assert text == '[\n{"v":{"a":1,"a":2}}\n]\n'
    assert lost(any_database, text) == []


@pytest.mark.parametrize("value", [r'{"a":"\ud800"}', r'{"a":"\u0000"}'])
def test_json_that_jsonb_would_refuse_is_verbatim_and_postgres_itself_cannot_read_the_file(
    any_database: Database, value: str
) -> None:
    text = export(any_database, "json", f"'{value}'")
    assert text == f'[\n{{"v":{value}}}\n]\n'
    with pytest.raises(psycopg.Error, match="Unicode"):
        restore(any_database, any_database.table(), text)
