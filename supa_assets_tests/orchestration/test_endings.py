"""However a run ends, the transaction ends with it, and the earlier export stays as it was."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
import psycopg
import pytest

from supa_assets.orchestration.executor import observing_events
from supa_assets_tests.support.programs import EXPORT_PROGRAM
from supa_assets_tests.support.project import Project
from supa_assets_tests.support.waiting import wait_until

pytestmark = pytest.mark.slow


@contextmanager
def export_program(project: Project, mode: str) -> Iterator[subprocess.Popen[str]]:
    """An export in a process of its own, which waits for a line of input once it has read the catalogue."""
    with subprocess.Popen(
        [sys.executable, str(EXPORT_PROGRAM), project.url, str(project.output), mode],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "planned\n"
            yield process
        finally:
            process.kill()


def begin(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


@contextmanager
def waiting_export(project: Project, mode: str) -> Iterator[subprocess.Popen[str]]:
    """An export that is stuck at `profiles`: the table it has locked itself, but not the index that it plans with."""
    with (
        export_program(project, mode) as process,
        psycopg.connect(project.superuser_url) as blocker,
    ):
        blocker.execute("REINDEX INDEX profiles_pkey")
        begin(process)
        wait_until(lambda: waits_for_lock(project), timeout_s=60)
        yield process


def waits_for_lock(project: Project) -> bool:
    return bool(
        project.fetch(
            "SELECT 1 FROM pg_stat_activity"
            " WHERE wait_event_type = 'Lock' AND application_name = 'supa-assets'"
        )
    )


@pytest.mark.parametrize("mode", ["in_process", "multiprocess"])
@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_run_at_once_and_nothing_is_left(
    project: Project, instance: dg.DagsterInstance, signal_number: signal.Signals, mode: str
) -> None:
    project.run(instance)
    before = project.files()
    with waiting_export(project, mode) as process:
        process.send_signal(signal_number)
        output, _ = process.communicate(timeout=20)

        assert "interrupted=True success=False" in output
        assert "Traceback" not in output
        assert project.files() == before
        assert project.staged() == []
    wait_until(lambda: project.open_transactions() == 0, timeout_s=5)
    (run,) = instance.get_runs(limit=1)
    assert run.is_failure_or_canceled


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_run_that_waits_for_its_locks(
    project: Project, instance: dg.DagsterInstance, signal_number: signal.Signals
) -> None:
    with (
        export_program(project, "in_process") as process,
        psycopg.connect(project.superuser_url) as blocker,
    ):
        blocker.execute("LOCK TABLE profiles IN ACCESS EXCLUSIVE MODE")
        begin(process)
        wait_until(lambda: waits_for_lock(project), timeout_s=60)
        process.send_signal(signal_number)
        output, _ = process.communicate(timeout=20)

        assert "interrupted=True success=False" in output
        assert "Traceback" not in output
    wait_until(lambda: project.open_transactions() == 0, timeout_s=5)
    assert project.entries() == {}
    assert project.staged() == []


def test_a_killed_executor_takes_its_step_processes_and_the_next_run_clears_up(
    project: Project, instance: dg.DagsterInstance
) -> None:
    with waiting_export(project, "multiprocess") as process:
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=10)
    wait_until(lambda: project.open_transactions() == 0, timeout_s=5)

    assert project.staged() != []
    assert project.run(instance).is_success
    assert project.staged() == []


def test_the_loss_of_the_snapshot_fails_the_run_and_publishes_nothing(
    project: Project, instance: dg.DagsterInstance
) -> None:
    def cut(_: str, event: dg.DagsterEvent) -> None:
        if event.is_step_success and event.step_key == "badges":
            project.fetch(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'supa-assets' AND query = 'SELECT 1'"
                " AND datname = current_database()"
            )

    with observing_events(cut):
        result = project.run(instance, keep_going=True)

    assert not result.is_success
    assert result.error is not None
    assert result.error.startswith("the connection that holds the run's snapshot was lost")
    assert "\nHINT: " in result.error
    assert project.entries() == {}
    assert project.staged() == []


def test_step_processes_read_one_snapshot_while_others_write(
    project: Project, instance: dg.DagsterInstance
) -> None:
    with (
        psycopg.connect(project.superuser_url, autocommit=True) as writer,
        export_program(project, "multiprocess") as process,
    ):
        begin(process)
        number = 1_000
        while process.poll() is None:
            number += 1
            with writer.transaction():
                writer.execute("INSERT INTO organizations VALUES (%s, 'moved', 1)", [number])
                writer.execute("INSERT INTO profiles (organization_id) VALUES (%s)", [number])
            time.sleep(0.01)
        output, _ = process.communicate()

    assert "success=True" in output, output
    entries = project.entries()
    assert len({entry.snapshot.id for entry in entries.values()}) == 1
    moved = {row["id"] for row in project.rows("organizations") if row["name"] == "moved"}
    children = {r["organization_id"] for r in project.rows("profiles")}
    assert {id_ for id_ in children if id_ > 1_000} == moved
    assert {entry.run_id for entry in entries.values()} == {instance.get_runs(limit=1)[0].run_id}


def test_a_killed_step_process_fails_its_table_and_the_run(
    project: Project, instance: dg.DagsterInstance
) -> None:
    with waiting_export(project, "multiprocess") as process:
        (pid,) = step_processes(process.pid)
        os.kill(pid, signal.SIGKILL)
        output, _ = process.communicate(timeout=30)

    assert "interrupted=False success=False" in output
    assert "profiles failed" in output
    assert project.entries() == {}
    wait_until(lambda: project.open_transactions() == 0, timeout_s=15)


def step_processes(executor: int) -> list[int]:
    """Children of the fork server, which is a child of the executor."""

    def children(pid: int) -> list[int]:
        listed = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False
        )
        return [int(line) for line in listed.stdout.split()]

    return [step for child in children(executor) for step in children(child)]
