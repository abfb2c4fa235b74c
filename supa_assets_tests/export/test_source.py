"""Snapshots of the source, and the sessions that join them."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import errors

from supa_assets.errors import SourceError, SourceUnavailable
from supa_assets.export.source import SnapshotHold
from supa_assets_tests.support.databases import Database


def test_a_session_reads_what_the_hold_s_snapshot_shows(any_database: Database) -> None:
    any_database.execute("CREATE TABLE t AS SELECT 1 AS id")
    source = any_database.source()
    with source.hold_snapshot() as hold:
        any_database.execute("INSERT INTO t VALUES (2)")
        source.check_joinable(hold.snapshot)
        with source.open_session(hold.snapshot) as session:
            counted = session.connection.execute("SELECT count(*) FROM public.t").fetchone()
            assert session.snapshot == hold.snapshot
    assert counted == (1,)


def test_a_hold_that_lost_its_connection_says_so_when_it_is_checked(database: Database) -> None:
    with database.source().hold_snapshot() as hold:
        assert isinstance(hold, SnapshotHold)
        hold.check()
        database.fetch(f"SELECT pg_terminate_backend({hold.connection.info.backend_pid})")
        with pytest.raises(SourceUnavailable, match="holds the run's snapshot was lost"):
            hold.check()


def test_a_hold_knows_what_was_to_be_locked_and_what_could_not_be(database: Database) -> None:
    database.execute("CREATE TABLE a (id int)", "CREATE TABLE b (id int)")
    plan = database.plan()
    database.execute("DROP TABLE a")
    with database.source().hold_snapshot(plan.tables) as hold:
        assert [table.name for table in hold.tables] == ["a", "b"]
        assert [table.name for table in hold.locked] == ["b"]
        assert isinstance(hold.unlocked[plan.table("a").relation], errors.UndefinedTable)


def test_a_snapshot_ends_with_its_hold(database: Database) -> None:
    source = database.source()
    with source.hold_snapshot() as hold:
        pass
    with pytest.raises(SourceError):
        source.check_joinable(hold.snapshot)
    assert hold.connection.closed


def test_a_session_is_not_usable_after_an_error(database: Database) -> None:
    with database.session() as session:
        assert session.is_usable()
        with pytest.raises(psycopg.Error):
            session.connection.execute("SELECT 1 / 0")
        assert not session.is_usable()
