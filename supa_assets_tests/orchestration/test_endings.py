"""However a run ends, under whatever executor, the transaction ends with it, and the earlier export stays as it was."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import psycopg
import pytest

from supa_assets_tests.support.executors import (
    EXECUTORS,
    RunProcess,
    begin_run,
    holding_up,
    is_held_up,
    run_process,
    step_process,
    wait_until_held_up,
)
from supa_assets_tests.support.interference import run_interfered
from supa_assets_tests.support.processes import is_alive, parent
from supa_assets_tests.support.programs import EXPORT_PROGRAM
from supa_assets_tests.support.project import Project
from supa_assets_tests.support.ui import dagster_dev
from supa_assets_tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

_SECONDS = 5.0
"""In which the transaction of a run that was ended is gone; that this process still holds it up makes no difference."""


# Under every executor


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_run_is_of_one_snapshot_while_others_write(
    project: Project, instance: dg.DagsterInstance, tmp_path: Path, executor: str
) -> None:
    with (
        psycopg.connect(project.superuser_url, autocommit=True) as writer,
        begin_run(project, EXECUTORS[executor], folder=tmp_path) as run,
    ):
        number = 1_000
        while run.process.poll() is None:
            number += 1
            with writer.transaction():
                writer.execute("INSERT INTO organizations VALUES (%s, 'moved', 1)", [number])
                writer.execute("INSERT INTO profiles (organization_id) VALUES (%s)", [number])
            time.sleep(0.01)

    assert run.wait() == 0, run.said()
    entries = project.entries()
    assert entries.keys() == {"badges", "event_logs", "organizations", "profiles"}
    assert len({entry.snapshot.id for entry in entries.values()}) == 1
    moved = {row["id"] for row in project.rows("organizations") if row["name"] == "moved"}
    children = {row["organization_id"] for row in project.rows("profiles")}
    assert moved
    assert {id_ for id_ in children if id_ > 1_000} == moved
    (only,) = instance.get_runs()
    assert {entry.run_id for entry in entries.values()} == {only.run_id}
    is_of_its_own = step_process(instance, only.run_id) != run.process.pid
    assert is_of_its_own == (executor != "in process")


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_runs_process_ends_it_and_nothing_is_left(
    project: Project,
    instance: dg.DagsterInstance,
    tmp_path: Path,
    signal_number: signal.Signals,
    executor: str,
) -> None:
    with ended_in_the_middle(project, instance, executor, tmp_path) as run:
        run.process.send_signal(signal_number)
        assert run.wait(timeout_s=30) != 0
        assert instance.get_runs()[0].is_failure_or_canceled
        assert "STEP_UP_FOR_RETRY" not in run.said()


@pytest.mark.parametrize("executor", EXECUTORS)
def test_the_killed_process_of_a_run_takes_its_step_along(
    project: Project, instance: dg.DagsterInstance, tmp_path: Path, executor: str
) -> None:
    with ended_in_the_middle(project, instance, executor, tmp_path) as run:
        step = step_process(instance, instance.get_runs()[0].run_id)
        run.process.kill()
        run.wait()
        wait_until(lambda: not is_alive(step), timeout_s=2 * _SECONDS)


@pytest.mark.parametrize("executor", ["multiprocess", "step processes"])
def test_a_killed_process_of_a_step_fails_the_run(
    project: Project, instance: dg.DagsterInstance, tmp_path: Path, executor: str
) -> None:
    with ended_in_the_middle(project, instance, executor, tmp_path) as run:
        os.kill(step_process(instance, instance.get_runs()[0].run_id), signal.SIGKILL)
        assert run.wait(timeout_s=30) != 0
        assert instance.get_runs()[0].status is dg.DagsterRunStatus.FAILURE


@contextmanager
def ended_in_the_middle(
    project: Project, instance: dg.DagsterInstance, executor: str, folder: Path
) -> Iterator[RunProcess]:
    """A run that the context is to end while it waits for the server, after an export and a change.

    Nobody lets it go on: the transaction must end by itself, with nothing published. The next run clears up.
    """
    assert project.run(instance).is_success
    before = project.files()
    project.execute("UPDATE badges SET label = 'changed'")
    with holding_up(project), begin_run(project, EXECUTORS[executor], folder=folder) as run:
        wait_until_held_up(project)
        assert project.staged() != []
        yield run
        wait_until(lambda: project.open_transactions() == 0, timeout_s=_SECONDS)
        assert project.files() == before
    assert project.run(instance).is_success
    assert project.staged() == []
    assert {row["label"] for row in project.rows("badges")} == {"changed"}


def test_a_run_whose_shell_is_gone_goes_on(
    project: Project, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    shell = ["sh", "-c", '"$@" & read line', "sh"]
    with (
        holding_up(project),
        begin_run(project, EXECUTORS["multiprocess"], folder=tmp_path, through=shell) as run,
    ):
        wait_until_held_up(project)
        run.process.communicate(b"\n", timeout=10)
        time.sleep(3)
        assert is_held_up(project)
    wait_until(lambda: instance.get_runs()[0].is_finished, timeout_s=60)

    assert instance.get_runs()[0].is_success
    assert len(project.entries()) == 4


# Launched in the UI


def test_a_run_that_was_launched_in_the_ui_ends_however_it_is_ended(
    project: Project, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    """By its button, by the death of its process, by the death of the code server that began it and could end it."""
    assert project.run(instance).is_success
    before = project.files()
    project.execute("UPDATE badges SET label = 'changed'")
    statuses = {}
    with dagster_dev(project, tmp_path) as ui, holding_up(project):
        endings: dict[str, Callable[[str], None]] = {
            "button": ui.terminate,
            "process": lambda run_id: os.kill(run_process(instance, run_id), signal.SIGKILL),
            "code server": lambda run_id: os.kill(
                parent(run_process(instance, run_id)), signal.SIGKILL
            ),
        }
        for name, end in endings.items():
            run_id = ui.launch_all()
            wait_until_held_up(project)
            end(run_id)
            wait_until(lambda: project.open_transactions() == 0, timeout_s=_SECONDS)
            assert project.files() == before
            statuses[name] = ui.wait_for_end(run_id)

    assert statuses == {"button": "CANCELED", "process": "FAILURE", "code server": "FAILURE"}
    assert project.run(instance).is_success
    assert project.staged() == []
    assert {row["label"] for row in project.rows("badges")} == {"changed"}


# From Python and from the command line, in their own process


@contextmanager
def export_program(project: Project) -> Iterator[subprocess.Popen[str]]:
    """An export in a process of its own, which waits for a line of input once it has read the catalogue."""
    with subprocess.Popen(
        [sys.executable, str(EXPORT_PROGRAM), project.url, str(project.output)],
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


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_an_export_and_is_told_in_its_result(
    project: Project, instance: dg.DagsterInstance, signal_number: signal.Signals
) -> None:
    project.run(instance)
    before = project.files()
    with holding_up(project), export_program(project) as process:
        begin(process)
        wait_until_held_up(project)
        process.send_signal(signal_number)
        output, _ = process.communicate(timeout=20)
        wait_until(lambda: project.open_transactions() == 0, timeout_s=_SECONDS)

    assert "interrupted=True success=False" in output
    assert "Traceback" not in output
    assert project.files() == before
    assert project.staged() == []
    assert instance.get_runs()[0].is_failure_or_canceled


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_an_export_that_waits_for_its_locks(
    project: Project, signal_number: signal.Signals
) -> None:
    with (
        export_program(project) as process,
        psycopg.connect(project.superuser_url) as blocker,
    ):
        blocker.execute("LOCK TABLE profiles IN ACCESS EXCLUSIVE MODE")
        begin(process)
        wait_until_held_up(project)
        process.send_signal(signal_number)
        output, _ = process.communicate(timeout=20)
        wait_until(lambda: project.open_transactions() == 0, timeout_s=_SECONDS)

    assert "interrupted=True success=False" in output
    assert "Traceback" not in output
    assert project.entries() == {}
    assert project.staged() == []


def test_the_loss_of_the_snapshot_fails_the_run_and_publishes_nothing(
    project: Project, instance: dg.DagsterInstance
) -> None:
    def cut() -> None:
        project.fetch(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'supa-assets' AND query = 'SELECT 1'"
            " AND datname = current_database()"
        )

    result = run_interfered(project, instance, after={"badges": cut}, keep_going=True)

    assert not result.is_success
    assert result.error is not None
    assert result.error.startswith("the connection that holds the run's snapshot was lost")
    assert "\nHINT: " in result.error
    assert project.entries() == {}
    assert project.staged() == []
