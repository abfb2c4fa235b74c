"""An executor that reads all tables of a run in one snapshot and publishes their files together at the end.

It wraps Dagster's own in-process or multiprocess executor. Before the first step it begins an `ExportRun`. The
snapshot goes to a tag of the run and what was found to the run's staged files, where steps in any process find them.
After the last step it publishes the tables that are whole, and however the run ends, the `ExportRun` ends with it.

The hole: `dg.materialize`, `execute_in_process` and other executors know nothing of this. There a table is published
as soon as it is written, and each process reads in a snapshot of its own.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import dagster as dg

# dg.Executor is public and made to be derived from. But an executor that has something of its own to do and to say,
# besides what the one it wraps does, needs these three: to be interrupted as a step is, and to write events.
from dagster._core.errors import raise_execution_interrupts
from dagster._core.events import DagsterEvent, EngineEventData

from supa_assets.errors import SupaAssetsError
from supa_assets.export.run import ExportRun, begin_export
from supa_assets.export.source import SourceDatabase
from supa_assets.files.export_log import ExportLog
from supa_assets.orchestration.export_metadata import EXPORT_ASSET, report_export
from supa_assets.orchestration.failures import explain_step_failure, was_interrupted
from supa_assets.orchestration.io_manager import (
    IO_MANAGER_KEY,
    JsonFileIOManager,
    stage_preflight,
)
from supa_assets.orchestration.resource import SUPABASE_KEY, SupabaseResource
from supa_assets.orchestration.run_tags import HeldRun, held_in_this_process, write_held_run
from supa_assets.orchestration.steps import TableSteps
from supa_assets.plan.export_plan import ExportPlan

if TYPE_CHECKING:
    from dagster._core.execution.context.system import PlanOrchestrationContext
    from dagster._core.execution.plan.plan import ExecutionPlan
    from dagster._core.execution.retries import RetryMode
    from dagster._core.execution.step_dependency_config import StepDependencyConfig

__all__ = ["OneSnapshotExecutor", "build_executor", "observing_events"]

PRELOADED_MODULE = "supa_assets.orchestration.preload"
_MOST_PROCESSES = 2
"""Of a multiprocess run by default. Each has a connection, besides the one that holds the snapshot."""
_STEP_PROCESS_GRACE_S = 10.0

_CONFIG_SCHEMA = {
    "max_concurrent": dg.Field(
        dg.Int,
        default_value=_MOST_PROCESSES,
        description="Processes, and so connections, at a time in mode multiprocess.",
    ),
    "on_failure": dg.Field(
        dg.Enum("OnFailure", [dg.EnumValue("continue"), dg.EnumValue("stop")]),
        default_value="continue",
        description="After a failed step: go on with what doesn't depend on it and publish the tables that are"
        " whole, or stop the run and publish nothing.",
    ),
}


def build_executor(
    *, plan: ExportPlan, resources: dict[str, Any], mode: str = "in_process"
) -> dg.ExecutorDefinition:
    """The executor for runs that export tables of `plan`; `resources` are those of the definitions."""
    modes = dg.Enum("StepProcesses", [dg.EnumValue("in_process"), dg.EnumValue("multiprocess")])
    description = "One process for all steps, or one for each, forked from a preloaded server."
    mode_field = dg.Field(modes, default_value=mode, description=description)

    @dg.executor(
        name="one_snapshot_executor",
        config_schema={"mode": mode_field, **_CONFIG_SCHEMA},
        requirements=_requirements,
    )
    def one_snapshot_executor(context: dg.InitExecutorContext) -> dg.Executor:
        return OneSnapshotExecutor(
            _build_wrapped(context),
            plan=plan,
            resources=resources,
            stops_at_failure=context.executor_config["on_failure"] == "stop",
        )

    return one_snapshot_executor


def _requirements(config: Any) -> list[Any]:
    if config["mode"] == "multiprocess":
        return list(dg.multiple_process_executor_requirements())
    return []


def _build_wrapped(context: dg.InitExecutorContext) -> dg.Executor:
    """One of Dagster's own executors, made by its own definition."""
    config: dict[str, object] = {"retries": {"enabled": {}}}
    definition = dg.in_process_executor
    if context.executor_config["mode"] == "multiprocess":
        definition = dg.multiprocess_executor
        config |= {
            "max_concurrent": context.executor_config["max_concurrent"],
            # A spawned step takes 3 seconds until it runs; one forked from a server that imported everything, 0.4.
            "start_method": {"forkserver": {"preload_modules": [PRELOADED_MODULE]}},
        }
    create = definition.executor_creation_fn
    assert create is not None
    return create(
        dg.InitExecutorContext(
            job=context.job,
            executor_def=definition,
            executor_config=config,
            instance=context.instance,
        )
    )


class OneSnapshotExecutor(dg.Executor):
    """Holds a run's snapshot and publishes its files; the steps themselves are left to the executor it wraps."""

    def __init__(
        self,
        wrapped: dg.Executor,
        *,
        plan: ExportPlan,
        resources: dict[str, Any],
        stops_at_failure: bool,
    ) -> None:
        self._wrapped = wrapped
        self._plan = plan
        self._resources = resources
        self._stops_at_failure = stops_at_failure

    @property
    def retries(self) -> RetryMode:
        return self._wrapped.retries

    @property
    def step_dependency_config(self) -> StepDependencyConfig:
        return self._wrapped.step_dependency_config

    def execute(
        self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan
    ) -> Iterator[DagsterEvent]:
        """Run the steps; those of a run that reads no table (checks alone, reports) without snapshot and staging."""
        steps = TableSteps.find(execution_plan)
        events = _Events(plan_context.run_id, self._wrapped.execute(plan_context, execution_plan))
        if not steps.reading:
            yield from events
            return
        with self._configured_resources(plan_context) as (supabase, files), ExitStack() as stack:
            run = self._begin_run(plan_context, steps, supabase.database(), files, stack)
            stopped_at = yield from self._watch_steps(events, steps, run.log)
            if stopped_at:
                said = f'stopped at "{stopped_at}"; nothing is published'
                run.log.run_failed(SupaAssetsError(said))
            else:
                count = self._publish(run, steps, plan_context.instance)
                said = f"published {count} of {len(steps.reading)} tables to {run.staging.location}"
            yield DagsterEvent.engine_event(plan_context, said, EngineEventData())

    def _begin_run(
        self,
        plan_context: PlanOrchestrationContext,
        steps: TableSteps,
        database: SourceDatabase,
        files: JsonFileIOManager,
        stack: ExitStack,
    ) -> ExportRun:
        """Begin the export of the run's tables, and tell its steps; `stack` ends it."""
        with raise_execution_interrupts():
            run = stack.enter_context(
                begin_export(
                    database,
                    files.storage(),
                    self._plan,
                    selected=steps.tables(),
                    run_id=plan_context.run_id,
                    stops_at_failure=self._stops_at_failure,
                )
            )
        stack.enter_context(held_in_this_process(run.hold))
        for warning in run.list_warnings():
            plan_context.log.warning(warning)
        stage_preflight(run.staging, run.found)
        write_held_run(
            plan_context.instance,
            HeldRun(run_id=run.run_id, snapshot=run.hold.snapshot, process_id=os.getpid()),
        )
        return run

    def _watch_steps(
        self, events: _Events, steps: TableSteps, log: ExportLog
    ) -> Generator[DagsterEvent, None, str | None]:
        """The wrapped executor's events; gives the step that the run was stopped at, if any."""
        others = set(multiprocessing.active_children())
        try:
            for event in events:
                yield event
                steps.note(event)
                if event.is_step_failure and not was_interrupted(event):
                    _log_failed_step(log, steps, event)
                    if self._stops_at_failure:
                        yield from events.end()
                        return event.step_key
        finally:
            _wait_for_end(set(multiprocessing.active_children()) - others)
        return None

    def _publish(self, run: ExportRun, steps: TableSteps, instance: dg.DagsterInstance) -> int:
        """Publish the tables that are whole, if any; gives their number."""
        whole = steps.whole()
        metadata = run.publish(whole)
        if metadata is None:
            return 0
        is_assessed = EXPORT_ASSET in steps.succeeded and set(whole) == steps.tables()
        if not is_assessed:
            report_export(instance, metadata, self._plan, run_id=run.run_id)
        return len(whole)

    @contextmanager
    def _configured_resources(
        self, plan_context: PlanOrchestrationContext
    ) -> Iterator[tuple[SupabaseResource, JsonFileIOManager]]:
        """The resources as the run's config makes them, so that the executor and the steps mean the same places."""
        given: Any = plan_context.run_config.get("resources", {})
        ours = {key: self._resources[key] for key in (SUPABASE_KEY, IO_MANAGER_KEY)}
        with dg.build_resources(
            ours,
            instance=plan_context.instance,
            resource_config={key: value for key, value in given.items() if key in ours},
            log_manager=plan_context.log,
        ) as built:
            yield getattr(built, SUPABASE_KEY), getattr(built, IO_MANAGER_KEY)


def _log_failed_step(log: ExportLog, steps: TableSteps, event: DagsterEvent) -> None:
    """Say in export.log which table a failed step leaves out."""
    if table := steps.table_of(event.step_key):
        log.table_failed(table, SupaAssetsError(explain_step_failure(event)))


class _Events:
    """The wrapped executor's events, shown to who observes the process's runs."""

    def __init__(self, run_id: str, events: Iterator[DagsterEvent]) -> None:
        assert isinstance(events, Generator)
        self._run_id = run_id
        self._events = events

    def __iter__(self) -> Iterator[DagsterEvent]:
        for event in self._events:
            for observer in _observers.get():
                observer(self._run_id, event)
            yield event

    def end(self) -> Iterator[DagsterEvent]:
        """Stop the wrapped executor and yield its remaining events; it ends its steps as when anything fails in it.

        To be called at a step's failure only: a step that is thrown out of its middle says so on stderr.
        """
        try:
            yield self._events.throw(_StoppedError())
            yield from self._events
        except _StoppedError:
            return


class _StoppedError(Exception):
    """Ends the wrapped executor; never leaves this module."""


def _wait_for_end(processes: set[Any]) -> None:
    """Wait for step processes that were told to end; one that doesn't is killed, or it would go on writing."""
    deadline = time.monotonic() + _STEP_PROCESS_GRACE_S
    for process in processes:
        process.join(max(0.0, deadline - time.monotonic()))
        if process.is_alive():
            process.kill()
            process.join()


Observer = Callable[[str, DagsterEvent], None]
_observers: ContextVar[tuple[Observer, ...]] = ContextVar("observers", default=())


@contextmanager
def observing_events(observer: Observer) -> Iterator[None]:
    """Let `observer` see each event, with its run's id, of the runs that this process begins meanwhile."""
    token = _observers.set((*_observers.get(), observer))
    try:
        yield
    finally:
        _observers.reset(token)
