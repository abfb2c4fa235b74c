"""An export beside other people's assets: in a project that has assets, an IO manager and an executor of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import psycopg
import pytest
from dagster._core.execution.stats import StepEventStatus

from supa_assets.orchestration.step import EXPORT_STEP
from supa_assets_tests.support import executors
from supa_assets_tests.support.executors import (
    holding_up,
    is_held_up,
    step_process,
    wait_until_held_up,
)
from supa_assets_tests.support.project import Project
from supa_assets_tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

NEIGHBOURS = Path(executors.__file__).with_name("neighbour_project.py")
OTHERS = {"weather", "traffic", "report"}
TABLES = {"badges", "event_logs", "organizations", "profiles"}


@contextmanager
def neighbours_run(
    project: Project, folder: Path, executor: str, variables: Mapping[str, str] | None = None
) -> Iterator[executors.RunProcess]:
    """A run of all assets of the neighbours' project."""
    given = {"NEIGHBOUR_FOLDER": str(folder), "NEIGHBOUR_EXECUTOR": executor, **(variables or {})}
    location = ("-f", str(NEIGHBOURS))
    with executors.begin_run(project, location, folder=folder, variables=given) as run:
        yield run


def recorded(folder: Path, name: str) -> dict[str, Any]:
    """What a neighbour's asset wrote, by its own IO manager."""
    found: dict[str, Any] = json.loads((folder / f"{name}.json").read_bytes())
    return found


def handled(folder: Path) -> set[str]:
    """Assets that the neighbours' IO manager was given."""
    return {path.stem for path in folder.glob("*.json")}


def statuses(instance: dg.DagsterInstance) -> dict[str, StepEventStatus | None]:
    """Of the latest run's steps."""
    (run, *_) = instance.get_runs()
    return {stats.step_key: stats.status for stats in instance.get_run_step_stats(run.run_id)}


def test_assets_run_in_processes_of_their_own_beside_an_export_that_takes_long(
    project: Project, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    with neighbours_run(project, tmp_path, "multiprocess") as run:
        with holding_up(project):
            wait_until_held_up(project)
            wait_until((tmp_path / "traffic.json").exists, timeout_s=60)
            wait_until((tmp_path / "weather.json").exists, timeout_s=60)
            assert is_held_up(project)
            assert project.entries() == {}
            assert not (tmp_path / "report.json").exists()
        assert run.wait() == 0, run.said()

    (only,) = instance.get_runs()
    found = {name: recorded(tmp_path, name) for name in OTHERS}
    processes = {found[name]["process"] for name in OTHERS}
    assert len({run.process.pid, step_process(instance, only.run_id), *processes}) == 5
    (export,) = instance.get_run_step_stats(only.run_id, [EXPORT_STEP])
    assert export.start_time is not None
    assert export.end_time is not None
    for name in ("weather", "traffic"):
        assert found[name]["began"] < export.end_time
        assert found[name]["ended"] > export.start_time
    assert handled(tmp_path) == OTHERS
    assert project.entries().keys() == TABLES
    assert found["report"]["rows"] == 20
    assert found["report"]["is_of_this_run"]


def test_an_asset_that_fails_leaves_the_export_and_what_depends_on_it_green(
    project: Project, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    """In a project whose steps all run in one process."""
    with neighbours_run(project, tmp_path, "in process", {"NEIGHBOUR_FAILS": "1"}) as run:
        assert run.wait() != 0

    assert statuses(instance) == {
        "traffic": StepEventStatus.FAILURE,
        "weather": StepEventStatus.SUCCESS,
        EXPORT_STEP: StepEventStatus.SUCCESS,
        "report": StepEventStatus.SUCCESS,
    }
    assert project.entries().keys() == TABLES
    assert handled(tmp_path) == {"weather", "report"}
    found = {name: recorded(tmp_path, name) for name in ("weather", "report")}
    assert found["report"]["is_of_this_run"]
    (only,) = instance.get_runs()
    assert step_process(instance, only.run_id) == run.process.pid
    assert {f["process"] for f in found.values()} == {run.process.pid}


def test_an_export_that_fails_leaves_unrelated_assets_green_and_begins_none_that_depends_on_it(
    project: Project, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    """In a project that has no executor of its own, so that Dagster gives each step a process."""
    hurried = {"SUPA_ASSETS_LOCK_TIMEOUT_S": "1", "SUPA_ASSETS_RETRIES": "0"}
    with psycopg.connect(project.superuser_url) as blocker:
        blocker.execute("LOCK TABLE badges IN ACCESS EXCLUSIVE MODE")
        with neighbours_run(project, tmp_path, "none", hurried) as run:
            assert run.wait() != 0

    assert statuses(instance) == {
        "weather": StepEventStatus.SUCCESS,
        "traffic": StepEventStatus.SUCCESS,
        EXPORT_STEP: StepEventStatus.FAILURE,
    }
    assert project.entries().keys() == TABLES - {"badges"}
    assert handled(tmp_path) == {"weather", "traffic"}
    (only,) = instance.get_runs()
    processes = {recorded(tmp_path, name)["process"] for name in ("weather", "traffic")}
    assert len({run.process.pid, step_process(instance, only.run_id), *processes}) == 4
