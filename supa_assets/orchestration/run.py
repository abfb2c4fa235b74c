"""A run of the same asset graph that the UI shows, from the command line's process, on the user's Dagster instance."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

import dagster as dg

# Where `dagster asset materialize` itself takes its instance from: DAGSTER_HOME, else ./dagster.yaml. Nothing public
# does both.
from dagster._cli.utils import get_possibly_temporary_instance_for_cli

# The reason a run failed is in a public event, but its type has no public name.
from dagster._core.events import RunFailureReason

from supa_assets.errors import SettingsError
from supa_assets.export.known_plan import read_or_recall_plan
from supa_assets.files.metadata import TableEntry
from supa_assets.files.open import open_storage
from supa_assets.files.publish import read_metadata
from supa_assets.naming import CHECK_SUFFIX
from supa_assets.orchestration.build import build_definitions
from supa_assets.orchestration.executor import observing_events
from supa_assets.orchestration.export_metadata import EXPORT_ASSET
from supa_assets.orchestration.failures import explain_error, explain_step_failure, was_interrupted
from supa_assets.orchestration.jobs import EXPORT_ALL
from supa_assets.orchestration.load import carried_plan, carry_plan
from supa_assets.plan.export_plan import ExportPlan
from supa_assets.settings import DATABASE_URL_VARIABLE, Settings, load_settings

if TYPE_CHECKING:
    from dagster._core.definitions.reconstruct import ReconstructableJob

__all__ = ["RunResult", "TableResult", "open_instance", "reconstructable_export", "run_export"]


@dataclass(frozen=True)
class TableResult:
    """What became of one table of a run."""

    name: str
    status: Literal["written", "failed", "skipped"]
    """Skipped: not begun, since a table before it failed or the run was stopped."""
    is_verified: bool | None = None
    """What its check said; None where it didn't come to that."""
    row_count: int | None = None
    byte_count: int | None = None
    duration_ms: int | None = None
    entry: TableEntry | None = None
    """As published; None for a table that this run did not publish."""
    error: str | None = None
    """Of a failed one: the message, and `HINT:` on a line of its own."""


@dataclass(frozen=True)
class RunResult:
    """What became of a run."""

    run_id: str
    is_success: bool
    is_interrupted: bool
    tables: dict[str, TableResult]
    """Every selected table, in import order."""
    error: str | None
    """What failed the run besides its tables: the snapshot was lost, the files could not be published."""


@contextmanager
def open_instance() -> Iterator[dg.DagsterInstance]:
    """The instance that `dagster dev` uses here: that of DAGSTER_HOME, else the one that ./dagster.yaml describes."""
    quiet = logging.Logger("supa_assets.instance", level=logging.WARNING)
    with get_possibly_temporary_instance_for_cli("supa-assets", logger=quiet) as instance:
        yield instance


def run_export(
    settings: Settings,
    plan: ExportPlan,
    *,
    instance: dg.DagsterInstance,
    select: Sequence[str] | None = None,
    keep_going: bool = False,
    on_run_started: Callable[[str], None] | None = None,
) -> RunResult:
    """Export the tables of `plan`, or of it `select` (asset names), and tell what became of each.

    By default the first failed table or check stops the run and nothing is published. With `keep_going` every table is
    tried, whatever happened to those it references, and those that are whole are published. `on_run_started` is told
    the run's id, under which export.log can be followed. SIGINT and SIGTERM end the run early; they are told in the
    result, not raised. To be called on the main thread, since only there Dagster hears signals.
    """
    selected = [table.name for table in plan.tables if select is None or table.name in select]
    if not selected:
        raise SettingsError(
            "there is no table to export",
            hint="see `supa-assets tables`, and the settings schemas and auth.",
        )
    with _url_in_environment(settings), _telling_run_id(on_run_started):
        result = dg.execute_job(
            reconstructable_export(settings, plan, has_dependencies=not keep_going),
            instance=instance,
            asset_selection=[dg.AssetKey(name) for name in [*selected, EXPORT_ASSET]],
            run_config={
                "execution": {"config": {"on_failure": "continue" if keep_going else "stop"}},
                "loggers": {"console": {}},  # the silent one; unnamed, Dagster's own would speak
            },
        )
        return _read_result(result, selected, settings)


def reconstructable_export(
    settings: Settings, plan: ExportPlan, *, has_dependencies: bool
) -> ReconstructableJob:
    """The job `export_all`, in a form that the processes of its run can build again from what they are told."""
    plan_json = plan.model_dump_json()
    fingerprint = hashlib.sha256(plan_json.encode()).hexdigest()[:16]
    _plans[fingerprint] = plan
    return dg.build_reconstructable_job(
        __name__,
        reconstruct_job.__name__,
        reconstructable_kwargs={
            "fingerprint": fingerprint,
            "overrides": _overrides(settings),
            "has_dependencies": has_dependencies,
        },
    )


def reconstruct_job(
    *, fingerprint: str, overrides: Mapping[str, Any], has_dependencies: bool
) -> dg.JobDefinition:
    """What `reconstructable_export` calls in each process of the run."""
    settings = load_settings(**overrides)
    key = f"supa_assets/plan/{fingerprint}"
    plan = _plans.get(fingerprint) or carried_plan(key) or read_or_recall_plan(settings).plan
    carry_plan(key, plan)
    return _build_job(settings, plan.model_dump_json(), has_dependencies)


_plans: dict[str, ExportPlan] = {}
"""Plans of this process's runs, since Dagster reconstructs a job also in the process that begins the run."""


@lru_cache(maxsize=1)
def _build_job(settings: Settings, plan_json: str, has_dependencies: bool) -> dg.JobDefinition:
    """Dagster asks for the job several times in a process."""
    definitions = build_definitions(
        ExportPlan.model_validate_json(plan_json),
        settings,
        has_dependencies=has_dependencies,
        overrides=_overrides(settings),
        loggers={"console": _silent_logger},
    )
    return definitions.resolve_job_def(EXPORT_ALL)


def _overrides(settings: Settings) -> dict[str, Any]:
    """What was set, by whatever way, for processes that know nothing of this one's command line."""
    given = settings.values(only_given=True, as_json=True)
    return {name: value for name, value in given.items() if name != "database_url"}


def _create_silent_logger(_: dg.InitLoggerContext) -> logging.Logger:
    logger = logging.Logger("supa_assets.silent")
    logger.addHandler(logging.NullHandler())
    return logger


_silent_logger = dg.LoggerDefinition(_create_silent_logger)


@contextmanager
def _url_in_environment(settings: Settings) -> Iterator[None]:
    """The URL travels by environment only: config, tags and arguments of a run are stored and shown."""
    url = settings.places.require_database_url()
    before = os.environ.get(DATABASE_URL_VARIABLE)
    os.environ[DATABASE_URL_VARIABLE] = url
    try:
        yield
    finally:
        if before is None:
            del os.environ[DATABASE_URL_VARIABLE]
        else:
            os.environ[DATABASE_URL_VARIABLE] = before


@contextmanager
def _telling_run_id(on_run_started: Callable[[str], None] | None) -> Iterator[None]:
    told: set[str] = set()

    def observe(run_id: str, _: dg.DagsterEvent) -> None:
        if on_run_started and run_id not in told:
            told.add(run_id)
            on_run_started(run_id)

    with observing_events(observe):
        yield


# Result


def _read_result(
    result: dg.JobExecutionResult, selected: Sequence[str], settings: Settings
) -> RunResult:
    told = _ToldByEvents(result)
    reason = told.run_failure_reason
    may_have_published = reason in (None, RunFailureReason.STEP_FAILURE)
    entries = _published_entries(settings, result.run_id) if may_have_published else {}
    return RunResult(
        run_id=result.run_id,
        is_success=result.success,
        is_interrupted=reason is RunFailureReason.UNEXPECTED_TERMINATION
        or result.dagster_run.status is dg.DagsterRunStatus.CANCELED,
        tables={name: told.table(name, entries.get(name)) for name in selected},
        error=told.run_error if reason is RunFailureReason.RUN_EXCEPTION else None,
    )


def _published_entries(settings: Settings, run_id: str) -> dict[str, TableEntry]:
    published = read_metadata(open_storage(settings.places.output))
    tables = published.tables if published else {}
    return {name: entry for name, entry in tables.items() if entry.run_id == run_id}


class _ToldByEvents:
    """What a run's events say of its tables, and of itself."""

    def __init__(self, result: dg.JobExecutionResult) -> None:
        self._materializations = {
            event.asset_key.path[-1]: event.materialization
            for event in result.get_asset_materialization_events()
            if event.asset_key
        }
        self._evaluations = {
            evaluation.asset_key.path[-1]: evaluation
            for evaluation in result.get_asset_check_evaluations()
        }
        self._step_errors = {
            event.step_key: explain_step_failure(event)
            for event in result.get_step_failure_events()
            if not was_interrupted(event)
        }
        failures = [event for event in result.all_events if event.is_job_failure]
        data = failures[-1].job_failure_data if failures else None
        self.run_failure_reason = data.failure_reason if data else None
        self.run_error = explain_error(data.error) if data else None

    def table(self, name: str, entry: TableEntry | None) -> TableResult:
        evaluation = self._evaluations.get(name)
        error = self._error(name, evaluation)
        materialization = self._materializations.get(name)
        values: dict[str, Any] = (
            {key: value.value for key, value in materialization.metadata.items()}
            if materialization
            else {}
        )
        status: Literal["written", "failed", "skipped"] = (
            "written" if materialization else "skipped"
        )
        return TableResult(
            name=name,
            status="failed" if error else status,
            is_verified=evaluation.passed if evaluation else None,
            row_count=values.get("dagster/row_count"),
            byte_count=values.get("dagster/size_bytes"),
            duration_ms=round(values["duration_s"] * 1000) if values else None,
            entry=entry,
            error=error,
        )

    def _error(self, name: str, evaluation: dg.AssetCheckEvaluation | None) -> str | None:
        if evaluation and not evaluation.passed:
            return f"{evaluation.description}\nHINT: export the table again; if it differs again, look at the disk."
        check_step = f"{name}_{CHECK_SUFFIX}"
        return self._step_errors.get(name) or self._step_errors.get(check_step)
