"""The database as a resource: one snapshot for all tables of a process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from supa_assets.orchestration.resource import SupabaseResource, TableExport
from supa_assets_tests.support.dagster_runs import init_context
from supa_assets_tests.support.databases import Database, as_file


@contextmanager
def resource(database: Database) -> Iterator[SupabaseResource]:
    """As a process of a run has it that has no executor of ours."""
    made = SupabaseResource(database_url=database.url, settings={"auth": False})
    with made.yield_for_execution(init_context(None, None)) as supabase:
        yield supabase


@pytest.fixture
def two_tables(database: Database) -> Database:
    database.execute("CREATE TABLE a AS SELECT 1 AS id", "CREATE TABLE b AS SELECT 1 AS id")
    return database


def test_all_tables_are_streamed_from_one_snapshot(two_tables: Database) -> None:
    tables = two_tables.plan().tables
    with resource(two_tables) as supabase:
        first = supabase.stream(tables[0])
        two_tables.execute("INSERT INTO a VALUES (2)", "INSERT INTO b VALUES (2)")
        second = supabase.stream(tables[1])
        texts = [as_file(export.stream) for export in (first, second)]

    assert isinstance(first, TableExport)
    assert first.stream.snapshot == second.stream.snapshot
    assert first.source.database == two_tables.name
    assert first.session["TimeZone"] == "UTC"
    assert texts == ['[\n{"id":1}\n]\n'] * 2


def test_after_an_error_the_next_table_is_read_in_the_same_snapshot(two_tables: Database) -> None:
    tables = two_tables.plan().tables
    with resource(two_tables) as supabase:
        first = supabase.stream(tables[0])
        (connection,) = first.stream._connect(1)
        with pytest.raises(psycopg.Error):
            connection.execute("SELECT 1 / 0")
        second = supabase.stream(tables[1])
        assert as_file(second.stream) == '[\n{"id":1}\n]\n'
    assert first.stream.snapshot == second.stream.snapshot


def test_the_connections_end_with_the_run(two_tables: Database) -> None:
    with resource(two_tables) as supabase:
        as_file(supabase.stream(two_tables.plan().tables[0]).stream)
    count = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    assert two_tables.fetch_value(count) == 0


def test_the_database_is_known_without_a_connection() -> None:
    supabase = SupabaseResource(
        database_url="postgresql://u:secret@127.0.0.1:1/d", settings={"streams": 5}
    )
    assert supabase.database().describe().port == 1
    assert supabase.database().settings.running.streams == 5
