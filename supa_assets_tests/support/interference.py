"""Something that happens in the middle of a run, right before or right after a table that a test names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import dagster as dg
import pytest

from supa_assets.errors import SupaAssetsError
from supa_assets.export.run import ExportRun
from supa_assets.files.local_folder import INTERNAL_FOLDER
from supa_assets.files.metadata import TableEntry
from supa_assets.orchestration import build
from supa_assets.orchestration.build import build_definitions
from supa_assets.orchestration.failures import explain_step_failure
from supa_assets.orchestration.io_manager import IO_MANAGER_KEY, JsonFileIOManager
from supa_assets.orchestration.jobs import EXPORT_ALL
from supa_assets.orchestration.step import EXPORT_STEP
from supa_assets.plan.export_plan import ExportPlan, PlannedTable
from supa_assets_tests.support.project import Project

__all__ = [
    "InterferedRun",
    "after_table",
    "change_byte",
    "cut_connections",
    "run_interfered",
    "writing_with",
]

Interference = Callable[[ExportRun], object]
Action = Callable[[], object]


def _interfere(
    before: Mapping[str, Interference], after: Mapping[str, Interference]
) -> type[JsonFileIOManager]:
    """Files as they are, but for what happens before tables are read, and after they are staged, by asset name."""

    class Interfering(JsonFileIOManager):
        def drain(self, run: ExportRun, table: PlannedTable, on_progress: Any) -> TableEntry:
            before.get(table.name, _do_nothing)(run)
            entry = super().drain(run, table, on_progress)
            after.get(table.name, _do_nothing)(run)
            return entry

    return Interfering


def _do_nothing(_: ExportRun) -> None:
    pass


def after_table(
    name: str, interfere: Interference, *, times: int = 1_000
) -> type[JsonFileIOManager]:
    """An IO manager where something happens when table `name` is staged and not read back yet, so many times."""
    left = times

    def count(run: ExportRun) -> None:
        nonlocal left
        if left:
            left -= 1
            interfere(run)

    return _interfere({}, {name: count})


@contextmanager
def writing_with(files: type[JsonFileIOManager]) -> Iterator[None]:
    """Let `run_export` write with an IO manager of a test's; its own definitions let none in."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "JsonFileIOManager", files)
        yield


def change_byte(project: Project, name: str) -> Interference:
    """Change a byte of the table's staged file, and leave its size."""

    def change(run: ExportRun) -> None:
        path = project.output / INTERNAL_FOLDER / run.run_id / f"{name}.json"
        data = path.read_bytes()
        position = data.index(b":") + 1
        path.write_bytes(data[:position] + b"7" + data[position + 1 :])

    return change


def cut_connections(project: Project) -> Interference:
    """End every connection of exports of the project's database."""
    return lambda _: project.fetch(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = 'supa-assets' AND datname = current_database()"
    )


@dataclass(frozen=True)
class InterferedRun:
    """What became of it."""

    is_success: bool
    error: str | None
    """Of the step, with its hint."""
    failures: Mapping[str, SupaAssetsError]
    """By asset name, of tables."""


def run_interfered(
    project: Project,
    instance: dg.DagsterInstance,
    *,
    before: Mapping[str, Action] | None = None,
    after: Mapping[str, Action] | None = None,
    plan: ExportPlan | None = None,
    keep_going: bool = False,
) -> InterferedRun:
    """`export_all` in this process, tried once, with actions before or after tables."""
    begun: list[ExportRun] = []
    definitions = build_definitions(
        plan or project.plan(),
        project.settings(retries=0),
        overrides={"auth": False},
        on_begin=begun.append,
    )
    files = _interfere(_without_run(before or {}), _without_run(after or {}))
    resources = {**(definitions.resources or {}), IO_MANAGER_KEY: files(output=str(project.output))}
    result = (
        dg.Definitions(assets=definitions.assets, jobs=definitions.jobs, resources=resources)
        .resolve_job_def(EXPORT_ALL)
        .execute_in_process(
            instance=instance,
            run_config={"ops": {EXPORT_STEP: {"config": {"keep_going": keep_going}}}},
            raise_on_error=False,
        )
    )
    errors = [explain_step_failure(event) for event in result.get_step_failure_events()]
    return InterferedRun(
        is_success=result.success,
        error=errors[0] if errors else None,
        failures=begun[-1].failures if begun else {},
    )


def _without_run(actions: Mapping[str, Action]) -> dict[str, Interference]:
    return {name: partial(_act, action) for name, action in actions.items()}


def _act(action: Action, _: ExportRun) -> None:
    action()
