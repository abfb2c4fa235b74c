"""The one step of an export: begun, written table by table, published as a whole, and told of.

An asset for each table, but one step for all of them, since they are of one snapshot and are published together. What
runs the step (in-process, a process or a container of its own) makes no difference: whatever ends it ends its
connections, and with them the transaction at the source.
"""

# No `from __future__ import annotations` here: Dagster compares a context's annotation with the class itself.
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import dagster as dg
from pydantic import Field

from supa_assets.errors import ExportFault, SupaAssetsError
from supa_assets.export.run import ExportRun
from supa_assets.files.metadata import ExportMetadata
from supa_assets.orchestration.assets import build_table_out
from supa_assets.orchestration.checks import build_table_check
from supa_assets.orchestration.export_metadata import (
    EXPORT_ASSET,
    EXPORT_KEY,
    build_export_checks,
    build_export_out,
)
from supa_assets.orchestration.failures import failures
from supa_assets.orchestration.io_manager import IO_MANAGER_KEY, JsonFileIOManager
from supa_assets.orchestration.lifeline import ending_with_parent
from supa_assets.orchestration.progress import StepProgress
from supa_assets.orchestration.report import Report, report_export, report_failure
from supa_assets.orchestration.resource import SUPABASE_KEY, SupabaseResource
from supa_assets.orchestration.shown import PlainLog
from supa_assets.orchestration.verification import verify_export, verify_tables
from supa_assets.plan.export_plan import ExportPlan
from supa_assets.settings import Running

__all__ = ["EXPORT_STEP", "ExportConfig", "build_export_step"]

EXPORT_STEP = "supa_assets_export"

OnBegin = Callable[[ExportRun], None]


class ExportConfig(dg.Config):
    """How a run of the step ends."""

    keep_going: bool = Field(
        default=True,
        description="After a table that failed, go on, and publish those that are whole. Otherwise the first failure"
        " ends the run, and nothing is published.",
    )
    takes_new: bool = Field(
        default=False,
        description="Where some tables are selected, export those that the definitions don't know, too. A run of all"
        " tables does so anyway.",
    )


def build_export_step(
    plan: ExportPlan,
    *,
    files: JsonFileIOManager,
    running: Running,
    on_begin: OnBegin = lambda _: None,
) -> dg.AssetsDefinition:
    """The assets of all tables and of the export, with their checks, as one step of which any part can be selected.

    `on_begin` is called, in the process of the step, with each export that it begins.
    """
    storage = files.storage()
    names = [table.name for table in plan.tables]
    outs = {table.name: build_table_out(table, storage=storage) for table in plan.tables}
    dependencies = {table.name: _as_keys(table.depends_on) for table in plan.tables}

    @dg.multi_asset(
        name=EXPORT_STEP,
        outs={**outs, EXPORT_ASSET: build_export_out(storage)},
        internal_asset_deps={**dependencies, EXPORT_ASSET: _as_keys(names)},
        check_specs=[*map(build_table_check, plan.tables), *build_export_checks()],
        can_subset=True,
        required_resource_keys={SUPABASE_KEY, IO_MANAGER_KEY},
        pool=running.pool or None,
        op_tags={"dagster/kind": "postgres"},
    )
    def export_step(context: dg.AssetExecutionContext, config: ExportConfig) -> Iterator[Any]:
        with _asking_for_retry(running), failures(), ending_with_parent():
            yield from _Step(context, plan, config, on_begin).execute()

    return export_step


def _as_keys(names: list[str]) -> set[dg.AssetKey]:
    return {dg.AssetKey(name) for name in names}


@contextmanager
def _asking_for_retry(running: Running) -> Iterator[None]:
    """Ask Dagster for another attempt, a new export on a new snapshot, where time alone may mend what failed.

    A RetryPolicy would count for an interruption, too: a run in one process that somebody terminates would begin again.
    """
    try:
        yield
    except dg.Failure as failure:
        if not (failure.allow_retries and running.retries):
            raise
        raise dg.RetryRequested(running.retries, running.retry_delay_s) from failure


class _Step:
    """What the step does in one run."""

    def __init__(
        self,
        context: dg.AssetExecutionContext,
        plan: ExportPlan,
        config: ExportConfig,
        on_begin: OnBegin,
    ) -> None:
        self._context = context
        self._plan = plan
        self._config = config
        self._on_begin = on_begin
        self._supabase: SupabaseResource = getattr(context.resources, SUPABASE_KEY)
        self._files: JsonFileIOManager = getattr(context.resources, IO_MANAGER_KEY)

    def execute(self) -> Iterator[Any]:
        """Export the selected tables; of what isn't exported make the selected checks alone."""
        keys = self._context.selected_asset_keys
        selected = [t.name for t in self._plan.tables if dg.AssetKey(t.name) in keys]
        if selected or (EXPORT_KEY in keys and not self._plan.tables):
            yield from self._export(selected)
        else:
            yield from verify_export(self._context, self._files, self._plan)
        yield from verify_tables(self._context, self._files, self._plan)

    def _export(self, selected: list[str]) -> Iterator[Any]:
        is_everything = len(selected) == len(self._plan.tables)
        with self._supabase.begin_export(
            self._plan,
            self._files.storage(),
            selected=None if is_everything else selected,
            run_id=self._context.run.run_id,
            takes_new=self._config.takes_new,
            keep_going=self._config.keep_going,
            on_silence=PlainLog(self._context.log).warning,
        ) as run:
            self._on_begin(run)
            self._write(run)
            report = self._report(run)
            metadata = yield from self._publish(run, report)
        # The transaction has ended: the source needn't wait while Dagster is told of each table.
        yield from report_export(report, metadata)
        if error := run.explain_failures(metadata):
            raise error

    def _write(self, run: ExportRun) -> None:
        """Stage and verify the tables; the IO manager drains each table's stream."""
        for warning in run.list_warnings():
            PlainLog(self._context.log).warning(warning)
        progress = StepProgress(self._context, table_count=len(run.outcomes))
        progress.tell_refused(run.outcomes.values())
        drain = partial(self._files.drain, run, on_progress=progress.tell)
        for outcome in run.write_tables(drain):
            progress.tell_outcome(outcome)
        progress.check_run()

    def _publish(
        self, run: ExportRun, report: Report
    ) -> Generator[dg.AssetCheckResult, None, ExportMetadata]:
        """Publish what is whole; where that fails, tell what became of it, and raise why."""
        try:
            metadata = run.publish_whole()
            if metadata is None:
                raise run.explain_failures(None) or ExportFault("there is nothing to publish")
        except SupaAssetsError:
            yield from report_failure(report)
            raise
        return metadata

    def _report(self, run: ExportRun) -> Report:
        return Report(
            context=self._context,
            files=self._files,
            plan=self._plan,
            outcomes=list(run.outcomes.values()),
            drift=run.found.drift,
        )
