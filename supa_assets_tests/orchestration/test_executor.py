"""The executor around Dagster's own: whole runs are in test_run and test_endings."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import dagster as dg

from supa_assets.orchestration.executor import (
    OneSnapshotExecutor,
    build_executor,
    observing_events,
)
from supa_assets_tests.support.dagster_runs import a_step, plan_of
from supa_assets_tests.support.exports import plan_export_of, plan_table

PLAN = plan_export_of(plan_table("orders"))


class Wrapped(dg.Executor):
    """Tells of its steps by their keys."""

    retries: Any = "its own"

    def execute(self, plan_context: Any, execution_plan: Any) -> Iterator[Any]:
        steps = execution_plan.get_steps_to_execute_in_topo_order()
        yield from (step.key for step in steps)


def test_a_run_that_reads_no_table_is_the_wrapped_executors_alone_and_is_observed() -> None:
    executor = OneSnapshotExecutor(Wrapped(), plan=PLAN, resources={}, stops_at_failure=True)
    context: Any = SimpleNamespace(run_id="run")
    seen: list[Any] = []
    with observing_events(lambda run_id, event: seen.append((run_id, event))):
        events: list[Any] = list(
            executor.execute(context, plan_of(a_step("report"), a_step("mail")))
        )

    assert events == ["report", "mail"]
    assert seen == [("run", "report"), ("run", "mail")]
    retries: Any = executor.retries
    assert retries == "its own"


def test_its_mode_is_the_settings_unless_a_runs_config_says_otherwise() -> None:
    executor = build_executor(plan=PLAN, resources={}, mode="multiprocess")

    assert executor.name == "one_snapshot_executor"
    schema: Any = executor.config_schema
    fields = schema.as_field().config_type.fields
    assert fields["mode"].default_value == "multiprocess"
    assert fields["on_failure"].default_value == "continue"
    assert fields["max_concurrent"].default_value == 2
