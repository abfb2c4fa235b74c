"""Which tables of a run are whole, by how its steps ended."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from supa_assets.orchestration.run_tags import READS_TAG, TABLE_TAG
from supa_assets.orchestration.steps import TableSteps
from supa_assets_tests.support.dagster_runs import a_step, plan_of

READS, TABLE = READS_TAG.replace("/", "__"), TABLE_TAG.replace("/", "__")


def found() -> TableSteps:
    """Two tables that are read, of which one is verified in the same run; and a report."""
    return TableSteps.find(
        plan_of(
            a_step("orders", **{READS: "source", TABLE: "orders"}),
            a_step("orders_check", **{TABLE: "orders"}),
            a_step("items", **{READS: "source", TABLE: "items"}),
            a_step("report"),
        )
    )


def end(steps: TableSteps, key: str, *, well: bool = True) -> None:
    event: Any = SimpleNamespace(is_step_success=well, step_key=key)
    steps.note(event)


def test_steps_are_told_apart_by_their_tags() -> None:
    steps = found()
    assert steps.tables() == {"orders", "items"}
    assert steps.table_of("orders_check") == "orders"
    assert steps.table_of("report") is None
    assert steps.table_of(None) is None


def test_a_table_is_whole_once_it_is_written_and_verified_where_the_run_verifies_it() -> None:
    steps = found()
    assert steps.whole() == []
    end(steps, "orders")
    end(steps, "items")
    assert steps.whole() == ["items"]
    end(steps, "orders_check", well=False)
    assert steps.whole() == ["items"]
    end(steps, "orders_check")
    assert steps.whole() == ["items", "orders"]
