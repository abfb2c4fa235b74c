"""Runs of everything under each executor, in processes of their own, that a test can hold up and end."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import psycopg

from supa_assets.orchestration.step import EXPORT_STEP
from supa_assets_tests.support.project import Project
from supa_assets_tests.support.waiting import wait_until

__all__ = [
    "EXECUTORS",
    "RunProcess",
    "begin_run",
    "export_settings",
    "holding_up",
    "is_held_up",
    "run_process",
    "step_process",
    "wait_until_held_up",
]

_HERE = Path(__file__).parent
EXECUTORS = {
    "in process": ("-m", "supa_assets.code_location"),
    "multiprocess": ("-m", "supa_assets"),  # as Dagster does where nobody chose
    "step processes": ("-f", str(_HERE / "step_processes.py")),
}
"""By what executes the steps, the code location that `dagster` is to load."""


def export_settings(project: Project) -> dict[str, str]:
    """What the environment of a program says of the project's export, besides the URL."""
    return {
        "SUPA_ASSETS_OUTPUT": str(project.output),
        "SUPA_ASSETS_AUTH": "false",
        "SUPA_ASSETS_LOCK_TIMEOUT_S": "120",
    }


@dataclass(frozen=True)
class RunProcess:
    """The process of a run; with some executors it has a child for the step."""

    process: subprocess.Popen[bytes]
    log: Path

    def wait(self, *, timeout_s: float = 120) -> int:
        """Its exit status."""
        return self.process.wait(timeout_s)

    def said(self) -> str:
        return self.log.read_text()


@contextmanager
def begin_run(
    project: Project,
    location: Sequence[str],
    *,
    folder: Path,
    through: Sequence[str] = (),
    variables: Mapping[str, str] | None = None,
) -> Iterator[RunProcess]:
    """`dagster asset materialize` of all assets of the code location; killed at the end, if it is still there.

    `through` is a program that is to run the command, with arguments before it.
    """
    log = folder / "run.log"
    command = [sys.executable, "-m", "dagster", "asset", "materialize", *location]
    with (
        log.open("wb") as said,
        subprocess.Popen(
            [*through, *command, "--select", "*"],
            cwd=folder,
            env={**os.environ, **export_settings(project), **(variables or {})},
            stdin=subprocess.PIPE,
            stdout=said,
            stderr=said,
        ) as process,
    ):
        try:
            yield RunProcess(process, log)
        finally:
            process.kill()


@contextmanager
def holding_up(project: Project) -> Iterator[None]:
    """Let exports get stuck in the middle: at `profiles`, whose table they can lock, but not the index to plan with."""
    with psycopg.connect(project.superuser_url) as blocker:
        blocker.execute("REINDEX INDEX profiles_pkey")
        yield


def is_held_up(project: Project) -> bool:
    """Whether an export waits for a lock."""
    return bool(project.fetch(_WAITING))


def wait_until_held_up(project: Project, *, timeout_s: float = 90) -> None:
    """On one connection: a hundred would take the time of the processes that are waited for."""
    with psycopg.connect(project.superuser_url, autocommit=True) as watcher:
        wait_until(lambda: bool(watcher.execute(_WAITING).fetchall()), timeout_s=timeout_s)


_WAITING = """
    SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock'
    AND application_name = 'supa-assets' AND datname = current_database()
"""


def step_process(instance: dg.DagsterInstance, run_id: str) -> int:
    """The process that the run's export is in; with `in process`, the run's own."""
    return _process_of(instance, run_id, dg.DagsterEventType.STEP_START, EXPORT_STEP)


def run_process(instance: dg.DagsterInstance, run_id: str) -> int:
    """The process of a run that somebody else began."""
    return _process_of(instance, run_id, dg.DagsterEventType.RUN_START, None)


def _process_of(
    instance: dg.DagsterInstance, run_id: str, kind: dg.DagsterEventType, step: str | None
) -> int:
    """Who told of the event."""
    entries = instance.all_logs(run_id, of_type=kind)
    (process_id,) = [e.get_dagster_event().pid for e in entries if e.step_key == step]
    assert process_id is not None
    return process_id
