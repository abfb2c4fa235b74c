"""What an executor tells the steps of its run."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg
import pytest

from supa_assets.errors import SourceError
from supa_assets.orchestration.run_tags import (
    HeldRun,
    check_hold,
    held_in_this_process,
    locked_by_hold,
    read_held_run,
    write_held_run,
)
from supa_assets_tests.support.dagster_runs import init_context, new_run
from supa_assets_tests.support.databases import Database
from supa_assets_tests.support.exports import GivenChunks


@pytest.fixture
def history() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def test_a_step_reads_what_its_runs_executor_wrote_after_the_step_got_its_copy(
    history: dg.DagsterInstance,
) -> None:
    run = new_run(history)
    held = HeldRun(run_id=run.run_id, snapshot=GivenChunks.snapshot, process_id=7)
    assert read_held_run(init_context(history, run)) is None
    write_held_run(history, held)
    assert read_held_run(init_context(history, run)) == held


def test_the_snapshot_of_the_run_that_is_executed_again_is_not_this_runs(
    history: dg.DagsterInstance,
) -> None:
    first = new_run(history)
    write_held_run(
        history, HeldRun(run_id=first.run_id, snapshot=GivenChunks.snapshot, process_id=7)
    )
    again = new_run(history, like=first)
    assert read_held_run(init_context(history, again)) is None


def test_outside_of_a_run_nothing_is_held() -> None:
    assert read_held_run(init_context(None, None)) is None
    assert locked_by_hold() == []
    check_hold()


def test_in_the_executors_process_a_lost_snapshot_is_noticed_before_a_table_is_read(
    database: Database,
) -> None:
    database.execute("CREATE TABLE t (id int)")
    plan = database.plan()
    with database.source().hold_snapshot(plan.tables) as hold:
        with held_in_this_process(hold):
            check_hold()
            assert locked_by_hold() == plan.tables
            hold.connection.close()
            with pytest.raises(SourceError, match="snapshot was lost"):
                check_hold()
        check_hold()
