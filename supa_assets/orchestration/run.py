"""A run of the same asset graph that the UI shows, from the command line's process, on a Dagster instance."""

from __future__ import annotations

import logging
import os
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import dagster as dg

from supa_assets.errors import SupaAssetsError
from supa_assets.export.outcome import TableOutcome
from supa_assets.export.preflight import Preflight
from supa_assets.export.refusals import explain_emptiness
from supa_assets.export.run import ExportRun
from supa_assets.files.metadata import TableEntry
from supa_assets.files.open import open_storage
from supa_assets.files.publish import read_published
from supa_assets.orchestration.build import build_definitions
from supa_assets.orchestration.export_metadata import EXPORT_ASSET
from supa_assets.orchestration.failures import explain_error, explain_step_failure, was_interrupted
from supa_assets.orchestration.jobs import EXPORT_ALL
from supa_assets.orchestration.step import EXPORT_STEP
from supa_assets.plan.export_plan import ExportPlan
from supa_assets.settings import DATABASE_URL_VARIABLE, Settings

__all__ = ["RunResult", "run_export"]


@dataclass(frozen=True)
class RunResult:
    """What became of a run."""

    run_id: str
    is_success: bool
    is_interrupted: bool
    tables: Mapping[str, TableOutcome]
    """What became of each table; none where it didn't come to a snapshot."""
    published: Mapping[str, TableEntry]
    """What lies in the folder now and is of this run, by asset name."""
    unreadable: str | None
    """Why the folder could not be read after a failed run: whether something was published, nobody can say then."""
    error: str | None
    """What failed the run besides its tables: the snapshot was lost, the files could not be published."""
    found: Preflight | None
    """What the run saw in the database; None where it didn't come to that."""


def run_export(
    settings: Settings,
    plan: ExportPlan,
    *,
    instance: dg.DagsterInstance,
    select: Sequence[str] | None = None,
    takes_new: bool = False,
    keep_going: bool = False,
    run_id: str | None = None,
) -> RunResult:
    """Export everything, or of `plan` the tables `select` (asset names), and tell what became of each.

    By default the first failed table stops the run and nothing is published. With `keep_going` every table is tried,
    and those that are whole are published. Nothing is tried again, and no pool is waited for: who called it sees what
    becomes of it. With `takes_new` tables that `plan` doesn't know are meant besides `select`, too.

    export.log has the run's lines under `run_id`. SIGINT and SIGTERM end the run early; they are told in
    the result, not raised. To be called on the main thread, since only there Dagster hears signals.
    """
    selected = [table.name for table in plan.tables if select is None or table.name in select]
    if not selected:
        raise explain_emptiness()
    begun: list[ExportRun] = []
    job = _build_job(settings, plan, begun.append)
    with _url_in_environment(settings):
        result = job.execute_in_process(
            instance=instance,
            asset_selection=[dg.AssetKey(name) for name in [*selected, EXPORT_ASSET]],
            run_config={
                "ops": {
                    EXPORT_STEP: {"config": {"keep_going": keep_going, "takes_new": takes_new}}
                },
                "loggers": {"silent": {}},  # unnamed, Dagster's own would speak
            },
            raise_on_error=False,
            run_id=run_id or str(uuid.uuid4()),
        )
    return _read_result(result, begun[-1] if begun else None, settings)


def _build_job(
    settings: Settings, plan: ExportPlan, on_begin: Callable[[ExportRun], None]
) -> dg.JobDefinition:
    """`export_all`, with settings as they were given by whatever way, without retries, and in no pool.

    Where a pool is full, Dagster lets a run in one process wait unseen: it keeps a CPU busy, and hears no Ctrl-C.
    """
    given = settings.values(only_given=True, as_json=True)
    definitions = build_definitions(
        plan,
        settings.changed(retries=0, pool=""),
        overrides={name: value for name, value in given.items() if name != "database_url"},
        on_begin=on_begin,
    )
    silent = dg.Definitions(loggers={"silent": _silent_logger})
    return dg.Definitions.merge(definitions, silent).resolve_job_def(EXPORT_ALL)


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


# Result


def _read_result(
    result: dg.ExecuteInProcessResult, run: ExportRun | None, settings: Settings
) -> RunResult:
    """What was published is read from the folder, however the run ended."""
    published: Mapping[str, TableEntry] = {}
    unreadable = None
    try:
        published = read_published(open_storage(settings.places.output), result.run_id)
    except SupaAssetsError as error:
        if result.success:
            raise
        unreadable = str(error)
    return RunResult(
        run_id=result.run_id,
        is_success=result.success,
        is_interrupted=_was_interrupted(result),
        tables=dict(run.outcomes) if run else {},
        published=published,
        unreadable=unreadable,
        error=_explain_failure(result, run),
        found=run.found if run else None,
    )


def _explain_failure(result: dg.ExecuteInProcessResult, run: ExportRun | None) -> str | None:
    """What failed the run besides its tables."""
    of_tables = str(run.explain_failures(None)) if run else None
    for event in result.get_step_failure_events():
        said = explain_step_failure(event)
        return None if said == of_tables or was_interrupted(event) else said
    for event in result.all_events:
        if event.is_job_failure:
            return explain_error(event.job_failure_data.error)
    return None


def _was_interrupted(result: dg.ExecuteInProcessResult) -> bool:
    return result.dagster_run.status is dg.DagsterRunStatus.CANCELED or any(
        was_interrupted(event) for event in result.get_step_failure_events()
    )
