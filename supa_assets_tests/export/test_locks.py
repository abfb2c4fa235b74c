"""A run's tables are locked before its snapshot is taken."""

from __future__ import annotations

import threading

import psycopg
import pytest
from psycopg import errors

from supa_assets.export.locks import explain_lock_failure, lock_tables
from supa_assets.export.preflight import Preflight, preflight
from supa_assets.naming import Relation
from supa_assets.server.address import parse_url
from supa_assets_tests.support.databases import Database
from supa_assets_tests.support.waiting import wait_until

TABLES = """
CREATE TABLE accounts (id int PRIMARY KEY);
CREATE TABLE measures (at date NOT NULL) PARTITION BY RANGE (at);
CREATE TABLE measures_2025 PARTITION OF measures FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE other (id int PRIMARY KEY);
"""


def waiting(database: Database) -> int:
    return int(
        database.fetch_value(
            "SELECT count(*) FROM pg_locks WHERE NOT granted AND database ="
            " (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
    )


def look(database: Database, **overrides: object) -> Preflight:
    """The preflight of a run of all tables."""
    source = database.source(lock_timeout_s=1, **overrides)
    plan = source.read_plan()
    with source.hold_snapshot(plan.tables) as hold:
        return preflight(hold, plan, source.settings, selected=None)


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE accounts ADD note text",
        "DROP TABLE accounts",
        "TRUNCATE accounts",
        "DROP TABLE measures_2025",
        "VACUUM FULL measures_2025",
    ],
)
def test_no_ddl_slips_in_while_a_run_holds_its_tables(
    any_database: Database, statement: str
) -> None:
    any_database.execute(TABLES)
    with (
        any_database.source().hold_snapshot(any_database.plan().tables),
        psycopg.connect(any_database.superuser_url, autocommit=True) as other,
    ):
        other.execute("SET lock_timeout = '50ms'")
        with pytest.raises(errors.LockNotAvailable):
            other.execute(statement.encode())


def test_writers_and_readers_go_on_while_a_run_holds_its_tables(database: Database) -> None:
    database.execute(TABLES)
    with database.source().hold_snapshot(database.plan().tables) as hold:
        database.execute(
            "INSERT INTO accounts VALUES (1)",
            "UPDATE accounts SET id = 2",
            "SELECT * FROM accounts FOR UPDATE",
            "ANALYZE accounts",
        )
        assert hold.unlocked == {}


def test_ddl_that_commits_while_the_run_waits_for_it_is_seen_in_the_snapshot(
    any_database: Database,
) -> None:
    database = any_database
    database.execute(TABLES)
    plan = database.plan()
    source = database.source()
    seen: list[Preflight] = []

    def run() -> None:
        with source.hold_snapshot(plan.tables) as hold:
            seen.append(preflight(hold, plan, source.settings, selected=["accounts"]))

    with psycopg.connect(database.superuser_url) as other:
        other.execute("ALTER TABLE accounts ADD note text")
        thread = threading.Thread(target=run)
        thread.start()
        wait_until(lambda: waiting(database) == 1)
        other.commit()
        thread.join(timeout=30)

    assert [c.entry.name for c in seen[0].tables["accounts"].rows.columns] == ["id", "note"]


def test_a_table_that_can_not_be_locked_is_named_with_who_holds_it(any_database: Database) -> None:
    any_database.execute(TABLES)
    with psycopg.connect(any_database.superuser_url, application_name="migration") as other:
        other.execute("LOCK TABLE accounts, measures_2025 IN ACCESS EXCLUSIVE MODE")
        found = look(any_database)
        pid = other.info.backend_pid

    assert set(found.refusals) == {"accounts", "measures"}
    assert set(found.tables) == {"other"}
    for name in found.refusals:
        message = found.refusals[name].text
        assert f'"public.{name}" could not be locked for reading within 1 s' in message
        assert f"process {pid} (application migration, role supabase_admin" in message
        assert "has ACCESS EXCLUSIVE" in message
    reasons = {entry.name: entry.reason for entry in found.relations}
    assert reasons == {"accounts": "locked", "measures": "locked"}


def test_who_only_waits_in_front_of_a_reader_is_named_too(database: Database) -> None:
    database.execute(TABLES)
    plan = database.plan()
    with (
        psycopg.connect(database.superuser_url) as reader,
        psycopg.connect(database.superuser_url, application_name="waiter") as waiter,
    ):
        reader.execute("SELECT * FROM accounts")
        waiter.execute("SET lock_timeout = '20s'")

        def alter() -> None:
            with pytest.raises(psycopg.Error):
                waiter.execute("ALTER TABLE accounts ADD note text")

        thread = threading.Thread(target=alter)
        thread.start()
        wait_until(lambda: waiting(database) == 1)
        source = database.source(lock_timeout_s=1)
        with source.hold_snapshot(plan.tables) as hold:
            found = preflight(hold, plan, source.settings, selected=["accounts", "other"])
        waiter.cancel()
        thread.join(timeout=30)

    assert "(application waiter" in found.refusals["accounts"].text
    assert "waits for ACCESS EXCLUSIVE" in found.refusals["accounts"].text
    assert set(found.tables) == {"other"}


def test_an_inheritance_parent_is_locked_without_its_children(database: Database) -> None:
    database.execute(TABLES, "CREATE TABLE child () INHERITS (other)")
    source = database.source(exclude=["public.child"])
    with source.hold_snapshot(source.read_plan().tables):
        database.execute("ALTER TABLE child ADD note text")


def test_a_table_that_can_not_be_locked_costs_the_others_nothing(database: Database) -> None:
    database.execute(TABLES)
    plan = database.plan()
    with (
        psycopg.connect(database.superuser_url) as other,
        psycopg.connect(database.url) as connection,
    ):
        other.execute("LOCK TABLE accounts IN ACCESS EXCLUSIVE MODE")
        failed = lock_tables(connection, plan.tables, timeout_s=0.1)
        held = connection.execute(
            "SELECT relation::regclass::text FROM pg_locks"
            " WHERE pid = pg_backend_pid() AND mode = 'AccessShareLock' AND relation > 16384"
        ).fetchall()

    assert {str(relation) for relation in failed} == {"public.accounts"}
    assert isinstance(failed[Relation("public", "accounts")], errors.LockNotAvailable)
    assert {name for (name,) in held} == {"measures", "measures_2025", "other"}


def test_a_lock_that_is_given_back_meanwhile_is_explained_without_its_holder(
    database: Database,
) -> None:
    database.execute(TABLES)
    accounts = Relation("public", "accounts")
    address = parse_url(database.url)
    with psycopg.connect(database.url) as connection:
        explained = explain_lock_failure(connection, [accounts], timeout_s=2.5, address=address)
        assert explain_lock_failure(connection, [], timeout_s=1, address=address) == {}

    assert explained[accounts].text == (
        '"public.accounts" could not be locked for reading within 2.5 s:'
        " another session held it, and is done by now"
    )
    assert explained[accounts].relation == accounts
