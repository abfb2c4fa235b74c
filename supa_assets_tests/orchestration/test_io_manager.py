"""Where a run's files are found: staged by this run, else published."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from supa_assets.errors import ExportFault, PermissionDenied
from supa_assets.export.preflight import Preflight
from supa_assets.export.refusals import Refusal
from supa_assets.files.metadata import NotIncludedEntry
from supa_assets.files.structure import StructureEntry
from supa_assets.naming import Relation
from supa_assets.orchestration.io_manager import (
    FoundEntry,
    JsonFileIOManager,
    stage_preflight,
)
from supa_assets.orchestration.run_tags import HeldRun, write_held_run
from supa_assets_tests.support.dagster_runs import init_context, new_run
from supa_assets_tests.support.exports import (
    GivenChunks,
    export,
    new_folder,
    plan_table,
    some_rows,
    stage,
)


@pytest.fixture
def files(tmp_path: Path) -> JsonFileIOManager:
    return JsonFileIOManager(output=str(tmp_path / "out"))


def hold(files: JsonFileIOManager, instance: dg.DagsterInstance) -> str:
    """Let the manager be that of a step in a run whose executor is ours; gives the run's id."""
    run = new_run(instance)
    held = HeldRun(run_id=run.run_id, snapshot=GivenChunks.snapshot, process_id=1)
    write_held_run(instance, held)
    files.setup_for_execution(init_context(instance, run))
    return run.run_id


def test_without_an_executor_of_ours_an_entry_is_what_is_published(
    files: JsonFileIOManager,
) -> None:
    metadata = export(new_folder(Path(files.output)), "old", {"orders": some_rows(2)})
    found = files.find_entry("orders")
    assert isinstance(found, FoundEntry)
    assert found == FoundEntry(metadata.tables["orders"], files.storage())
    assert (files.staged_entries(), files.preflight()) == ({}, None)


def test_in_a_run_an_entry_is_what_the_run_staged(files: JsonFileIOManager) -> None:
    storage = new_folder(Path(files.output))
    export(storage, "old", {"orders": some_rows(2), "items": some_rows(1)})
    with dg.DagsterInstance.ephemeral() as instance:
        run_id = hold(files, instance)
    staged = stage(storage, run_id, "orders", some_rows(5))

    assert files.find_entry("orders") == FoundEntry(staged, files.storage().staging(run_id))
    assert files.find_entry("items").files == files.storage()
    assert files.staged_entries() == {"orders": staged}


def test_a_table_that_was_never_exported_is_a_fault(files: JsonFileIOManager) -> None:
    new_folder(Path(files.output))
    with pytest.raises(ExportFault, match='holds no export of "orders"'):
        files.find_entry("orders")


def test_what_the_executor_found_reaches_the_steps_of_its_run(files: JsonFileIOManager) -> None:
    orders, items = plan_table("orders"), plan_table("items")
    changed = orders.model_copy(update={"comment": "as it is now"})
    refusal = Refusal("may not", Relation("public", "items"), "GRANT", reason="no privilege")
    found = Preflight(
        tables={"orders": changed},
        refusals={"items": refusal},
        relations=[],
        failed_unless_published=[],
        not_included=NotIncludedEntry(),
        drift=[],
        structure=StructureEntry(read_at="2026-01-01"),
    )
    storage = new_folder(Path(files.output))
    assert files.table_of_run(orders) == orders
    with dg.DagsterInstance.ephemeral() as instance:
        stage_preflight(storage.staging(hold(files, instance)), found)

    assert files.preflight() == found
    assert files.table_of_run(orders) == changed
    with pytest.raises(PermissionDenied, match="may not"):
        files.table_of_run(items)
