"""Others at work on the database, or on the folder, while an export runs."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

import dagster as dg
import psycopg
import pytest

from supa_assets.files.local_folder import LocalFolder
from supa_assets.files.verify import verify_export
from supa_assets_tests.support.interference import run_interfered
from supa_assets_tests.support.programs import EXPORT_PROGRAM
from supa_assets_tests.support.project import Project
from supa_assets_tests.support.waiting import wait_until

pytestmark = pytest.mark.slow


@contextmanager
def writing(project: Project) -> Iterator[None]:
    """Move money from one table to another, and add parents with their children, all the time."""
    is_over = threading.Event()

    def write() -> None:
        with psycopg.connect(project.superuser_url, autocommit=True) as writer:
            number = 1_000
            while not is_over.is_set():
                number += 1
                with writer.transaction():
                    writer.execute("UPDATE savings SET amount = amount - 1.25")
                    writer.execute("UPDATE loans SET amount = amount + 1.25")
                    writer.execute("INSERT INTO organizations VALUES (%s, 'new', 1)", [number])
                    writer.execute("INSERT INTO profiles (organization_id) VALUES (%s)", [number])

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def test_money_that_moves_between_tables_during_the_export_is_neither_lost_nor_doubled(
    project: Project, instance: dg.DagsterInstance
) -> None:
    project.execute(
        "CREATE TABLE savings (id int PRIMARY KEY, amount numeric(12,2));"
        "CREATE TABLE loans (id int PRIMARY KEY, amount numeric(12,2));"
        "INSERT INTO savings SELECT n, 1000 FROM generate_series(1, 100) n;"
        "INSERT INTO loans SELECT n, 0 FROM generate_series(1, 100) n"
    )
    with writing(project):
        result = project.run(instance)

    assert result.is_success
    amounts = [Decimal(r["amount"]) for name in ("savings", "loans") for r in project.rows(name)]
    assert sum(amounts) == 100_000
    parents = {row["id"] for row in project.rows("organizations")}
    children = [row["organization_id"] for row in project.rows("profiles")]
    assert set(children) <= parents
    assert {id_ for id_ in parents if id_ > 1_000} <= set(children)


def test_ddl_that_comes_during_the_export_waits_for_its_end_and_holds_nothing_up(
    project: Project, instance: dg.DagsterInstance
) -> None:
    done = threading.Event()

    def alter() -> None:
        project.execute("ALTER TABLE event_logs DROP what, ADD late text")
        done.set()

    thread = threading.Thread(target=alter)

    def begin_to_alter() -> None:
        thread.start()
        wait_until(
            lambda: (
                project.fetch(
                    "SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock'"
                )
                != [0]
            )
        )
        assert not done.is_set()

    result = run_interfered(project, instance, after={"badges": begin_to_alter})
    thread.join(timeout=30)

    assert result.is_success, result
    assert done.is_set()
    assert list(project.rows("event_logs")[0]) == ["id", "at", "what"]
    assert len(project.rows("event_logs")) == 15_000


def test_two_exports_into_one_folder_at_once_leave_one_whole_export(
    project: Project, instance: dg.DagsterInstance
) -> None:
    arguments = [sys.executable, str(EXPORT_PROGRAM), project.url, str(project.output)]
    programs = [
        subprocess.Popen(
            arguments,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(2)
    ]
    outputs = [program.communicate("\n", timeout=120)[0] for program in programs]

    assert all("success=True" in output for output in outputs), outputs
    metadata = project.metadata()
    assert metadata is not None
    assert metadata.is_one_snapshot
    assert verify_export(LocalFolder(project.output), full=True) == []
    assert project.staged() == []


def test_a_statement_timeout_of_one_second_on_the_role_does_not_end_a_longer_read(
    project: Project, instance: dg.DagsterInstance
) -> None:
    name = project.url.rpartition("/")[2]
    for setting in ("statement_timeout", "idle_in_transaction_session_timeout"):
        project.execute(f'ALTER ROLE postgres IN DATABASE "{name}" SET {setting} = 1000')
    waited = threading.Event()

    def hold_up() -> None:
        threading.Thread(target=block).start()
        assert begun.wait(30)

    begun = threading.Event()

    def block() -> None:
        with psycopg.connect(project.superuser_url) as blocker:
            blocker.execute("REINDEX INDEX profiles_pkey")
            begun.set()
            wait_until(
                lambda: (
                    project.fetch(
                        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                        " AND clock_timestamp() - query_start > '1.5 s'"
                        " AND datname = current_database()"
                    )
                    != [0]
                )
            )
            waited.set()

    result = run_interfered(project, instance, before={"profiles": hold_up})

    assert waited.is_set()
    assert result.is_success, result
