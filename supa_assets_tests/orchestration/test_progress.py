"""How far an export is, told in a run's log; and whether the run is still wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from supa_assets.errors import SourceError
from supa_assets.export.outcome import TableOutcome
from supa_assets.naming import Relation
from supa_assets.orchestration import progress
from supa_assets.orchestration.io_manager import JsonFileIOManager
from supa_assets.orchestration.progress import StepProgress
from supa_assets_tests.support.dagster_runs import logged, step_failure
from supa_assets_tests.support.exports import plan_export_of, plan_table
from supa_assets_tests.support.steps import run_in_step

PLAN = plan_export_of(plan_table("orders"), plan_table("items"))
WRITTEN = TableOutcome("orders", Relation("public", "orders"))
FAILED = TableOutcome(
    "orders", Relation("public", "orders"), error=SourceError("gone", hint="wait")
)

Run = Callable[[Callable[[StepProgress, dg.AssetExecutionContext], object]], Any]


@pytest.fixture
def history() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as history:
        yield history


@pytest.fixture
def run(history: dg.DagsterInstance, tmp_path: Path) -> Run:
    """Run a step that only tells of its progress."""

    def start(tell: Callable[[StepProgress, dg.AssetExecutionContext], object]) -> Any:
        def action(context: dg.AssetExecutionContext) -> Iterator[Any]:
            tell(StepProgress(context, table_count=2), context)
            yield from ()

        files = JsonFileIOManager(output=str(tmp_path))
        return run_in_step(action, plan=PLAN, files=files, instance=history)

    return start


def test_a_table_that_grows_is_told_of_at_intervals_only(
    run: Run, history: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tell(told: StepProgress, _: dg.AssetExecutionContext) -> None:
        told.tell("orders", 1_000, 50_000)
        monkeypatch.setattr(progress, "_INTERVAL_S", 0)
        told.tell_outcome(WRITTEN)
        told.tell("items", 2_000, 70_000)
        monkeypatch.setattr(progress, "_INTERVAL_S", 10)
        told.tell("items", 3_000, 90_000)

    result = run(tell)

    assert result.success
    assert logged(history, result.run_id) == [
        "info: 1 of 2 tables; items: 2,000 rows, 70,000 bytes so far"
    ]


def test_a_failure_is_told_at_once_with_what_to_do(run: Run, history: dg.DagsterInstance) -> None:
    result = run(lambda told, _: told.tell_outcome(FAILED))

    assert logged(history, result.run_id) == ['error: table "orders": gone\nHINT: wait']


def test_while_a_run_is_going_on_nothing_ends_it(run: Run) -> None:
    assert run(lambda told, _: told.check_run()).success


@pytest.mark.parametrize("notices", ["check_run", "tell"])
def test_a_run_that_was_ended_elsewhere_ends_here_too(
    run: Run, monkeypatch: pytest.MonkeyPatch, notices: str
) -> None:
    monkeypatch.setattr(progress, "_INTERVAL_S", 0)

    def tell(told: StepProgress, context: dg.AssetExecutionContext) -> None:
        context.instance.report_run_canceled(context.run)
        told.tell("orders", 1, 1) if notices == "tell" else told.check_run()

    said = step_failure(run(tell))
    assert "is CANCELED already" in said
    assert "\nHINT: nothing of it is published" in said


def test_that_a_run_was_ended_is_no_failure_of_a_table(run: Run) -> None:
    """Else an export that keeps going would go on with the next one."""
    raised: list[BaseException] = []

    def tell(told: StepProgress, context: dg.AssetExecutionContext) -> None:
        context.instance.report_run_canceled(context.run)
        with pytest.raises(dg.Failure) as caught:
            told.check_run()
        raised.append(caught.value)

    run(tell)
    (failure,) = raised
    assert isinstance(failure, dg.Failure)
    assert not failure.allow_retries
