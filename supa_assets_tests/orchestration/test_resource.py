"""The database as a resource: what begins an export of it, and gives the cursors over its tables."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from supa_assets.errors import PermissionDenied, SettingsError
from supa_assets.export.run import ExportRun
from supa_assets.files.local_folder import LocalFolder
from supa_assets.orchestration.resource import SupabaseResource
from supa_assets_tests.support.databases import Database, as_file
from supa_assets_tests.support.exports import run_id


@contextmanager
def begin(database: Database, folder: Path, *, keep_going: bool = True) -> Iterator[ExportRun]:
    """As the step begins an export of everything."""
    supabase = SupabaseResource(database_url=database.url, settings={"auth": False})
    with supabase.begin_export(
        database.plan(),
        LocalFolder(folder),
        selected=None,
        run_id=run_id("run"),
        keep_going=keep_going,
    ) as run:
        yield run


@pytest.fixture
def two_tables(database: Database) -> Database:
    database.execute("CREATE TABLE a AS SELECT 1 AS id", "CREATE TABLE b AS SELECT 1 AS id")
    return database


def test_all_tables_are_streamed_from_one_snapshot(two_tables: Database, tmp_path: Path) -> None:
    with begin(two_tables, tmp_path) as run:
        first, second = run.tables
        one = run.open_stream(first)
        two_tables.execute("INSERT INTO a VALUES (2)", "INSERT INTO b VALUES (2)")
        other = run.open_stream(second)
        texts = [as_file(stream) for stream in (one, other)]

    assert run.run_id == run_id("run")
    assert one.snapshot == other.snapshot == run.hold.snapshot
    assert texts == ['[\n{"id":1}\n]\n'] * 2


def test_after_an_error_the_next_table_is_read_in_the_same_snapshot(
    two_tables: Database, tmp_path: Path
) -> None:
    with begin(two_tables, tmp_path) as run:
        first, second = run.tables
        (connection,) = run.open_stream(first)._connect(1)
        with pytest.raises(psycopg.Error):
            connection.execute("SELECT 1 / 0")
        stream = run.open_stream(second)
        assert as_file(stream) == '[\n{"id":1}\n]\n'
        assert stream.snapshot == run.hold.snapshot


def test_the_connections_end_with_the_export(two_tables: Database, tmp_path: Path) -> None:
    count = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    with begin(two_tables, tmp_path) as run:
        as_file(run.open_stream(run.tables[0]))
        assert two_tables.fetch_value(count) == 2
    assert two_tables.fetch_value(count) == 0


@pytest.mark.parametrize("keep_going", [True, False])
def test_an_export_that_keeps_going_begins_though_a_table_can_not_be_read(
    two_tables: Database, tmp_path: Path, keep_going: bool
) -> None:
    two_tables.execute(
        "ALTER TABLE a ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
        "ALTER ROLE postgres NOBYPASSRLS",
    )
    try:
        if keep_going:
            with begin(two_tables, tmp_path) as run:
                assert {name: o.status for name, o in run.outcomes.items()} == {
                    "a": "failed",
                    "b": "skipped",
                }
        else:
            with (
                pytest.raises(PermissionDenied, match="row-level security"),
                begin(two_tables, tmp_path, keep_going=False),
            ):
                pass
    finally:
        two_tables.execute("ALTER ROLE postgres BYPASSRLS")


def test_the_database_is_known_without_a_connection() -> None:
    supabase = SupabaseResource(
        database_url="postgresql://u:secret@127.0.0.1:1/d", settings={"streams": 5}
    )
    assert supabase.database().address.describe() == "127.0.0.1:1/d"
    assert supabase.database().settings.running.streams == 5


def test_the_url_is_the_environment_s_where_the_resource_has_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SUPABASE_DB_URL", "postgresql://u:secret@127.0.0.1:2/d")
    assert SupabaseResource().database().address.describe() == "127.0.0.1:2/d"
    other = SupabaseResource(database_url="postgresql://u:secret@127.0.0.1:3/d")
    assert other.database().address.describe() == "127.0.0.1:3/d"
    monkeypatch.delenv("SUPABASE_DB_URL")
    with pytest.raises(SettingsError, match="SUPABASE_DB_URL is not set"):
        SupabaseResource().database()
