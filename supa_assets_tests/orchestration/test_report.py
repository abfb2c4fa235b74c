"""What a step tells Dagster of an export that is over: of assets that it selected, and of those that it didn't."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from supa_assets.errors import ExportFault, SourceError
from supa_assets.export.outcome import TableOutcome
from supa_assets.files.metadata import DriftEntry, ExportMetadata
from supa_assets.files.verify import verify_table
from supa_assets.naming import CHECK_SUFFIX
from supa_assets.orchestration.export_metadata import (
    EXPORT_KEY,
    HAS_NO_KNOWN_HOLES,
    IS_COMPLETE,
    IS_ONE_SNAPSHOT,
)
from supa_assets.orchestration.io_manager import JsonFileIOManager
from supa_assets.orchestration.report import Report, report_export, report_failure
from supa_assets_tests.support.dagster_runs import (
    evaluations,
    logged,
    materializations,
    metadata_of,
)
from supa_assets_tests.support.exports import (
    export,
    new_folder,
    plan_export_of,
    plan_table,
    some_rows,
)
from supa_assets_tests.support.steps import run_in_step

PLAN = plan_export_of(plan_table("orders"), plan_table("items"))
OF_THE_EXPORT = [IS_COMPLETE, IS_ONE_SNAPSHOT, HAS_NO_KNOWN_HOLES]

Tell = Callable[[Report], Iterator[Any]]


@pytest.fixture
def history() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as history:
        yield history


class Exported:
    """An export that has `orders`, `items` and `newcomers`, of which the definitions don't know the last."""

    def __init__(self, folder: Path, history: dg.DagsterInstance) -> None:
        self.files = JsonFileIOManager(output=str(folder))
        self.history = history
        rows = {"orders": some_rows(2), "items": some_rows(3), "newcomers": some_rows(4)}
        self.metadata: ExportMetadata = export(new_folder(folder), "run", rows)
        self.outcomes = [
            TableOutcome(name, entry.relation, entry=entry, faults=())
            for name, entry in self.metadata.tables.items()
        ]

    def tell(
        self,
        tell: Tell,
        *,
        selection: dg.AssetSelection | None = None,
        outcomes: Sequence[TableOutcome] | None = None,
        drift: Sequence[DriftEntry] = (),
    ) -> dg.ExecuteInProcessResult:
        def action(context: dg.AssetExecutionContext) -> Iterator[Any]:
            told = self.outcomes if outcomes is None else outcomes
            yield from tell(Report(context, self.files, PLAN, told, drift))

        return run_in_step(
            action, plan=PLAN, files=self.files, instance=self.history, selection=selection
        )

    def tell_export(self, **options: Any) -> dg.ExecuteInProcessResult:
        return self.tell(lambda report: report_export(report, self.metadata), **options)


@pytest.fixture
def exported(tmp_path: Path, history: dg.DagsterInstance) -> Exported:
    return Exported(tmp_path, history)


def test_every_table_is_told_of_also_one_that_the_definitions_do_not_know(
    exported: Exported, history: dg.DagsterInstance
) -> None:
    result = exported.tell_export()

    assert result.success
    told = materializations(history, result.run_id)
    assert set(told) == {"orders", "items", "newcomers", "export_metadata"}
    shown = {name: metadata_of(event) for name, event in told.items()}
    assert {
        name: shown[name]["dagster/row_count"] for name in ("orders", "items", "newcomers")
    } == {
        "orders": 2,
        "items": 3,
        "newcomers": 4,
    }
    assert shown["newcomers"].keys() == shown["items"].keys()
    assert shown["export_metadata"]["rows"] == 9
    checks = evaluations(history, result.run_id)
    assert set(checks) == {"orders", "items", "newcomers", *OF_THE_EXPORT}
    assert all(check.passed for check in checks.values())
    assert checks["newcomers"].blocking
    assert checks["newcomers"].check_name == CHECK_SUFFIX


def test_what_is_selected_is_an_output_and_everything_else_an_event(
    exported: Exported, history: dg.DagsterInstance
) -> None:
    selection = dg.AssetSelection.assets("items").without_checks()
    result = exported.tell_export(selection=selection, outcomes=exported.outcomes[:1])

    assert result.success
    assert exported.outcomes[0].name == "items"
    outputs = [e.step_output_data.output_name for e in result.all_events if e.is_successful_output]
    assert outputs == ["items"]
    assert list(materializations(history, result.run_id)) == ["items", "export_metadata"]
    checks = evaluations(history, result.run_id)
    assert list(checks) == ["items", *OF_THE_EXPORT]
    assert checks["items"].blocking
    assert not checks[IS_ONE_SNAPSHOT].blocking
    assert checks[IS_ONE_SNAPSHOT].severity is dg.AssetCheckSeverity.WARN


def test_a_check_can_be_selected_without_the_others(
    exported: Exported, history: dg.DagsterInstance
) -> None:
    complete = dg.AssetSelection.checks(dg.AssetCheckKey(EXPORT_KEY, IS_COMPLETE))
    selection = dg.AssetSelection.assets("items", "orders").without_checks() | complete
    result = exported.tell_export(selection=selection)

    assert result.success
    outputs = [e.step_output_data.output_name for e in result.all_events if e.is_successful_output]
    assert set(outputs) == {"items", "orders", f"export_metadata_{IS_COMPLETE}"}
    assert set(evaluations(history, result.run_id)) == {
        "orders",
        "items",
        "newcomers",
        *OF_THE_EXPORT,
    }


def test_of_a_changed_table_it_is_told_what_changed(
    exported: Exported, history: dg.DagsterInstance
) -> None:
    drift = DriftEntry(schema_name="public", table="items", change="column added", column="colour")
    result = exported.tell_export(drift=[drift])

    told = {n: metadata_of(m) for n, m in materializations(history, result.run_id).items()}
    assert told["items"]["drift"] == drift.describe()
    assert "drift" not in told["orders"]


def test_a_failed_table_is_told_of_by_its_check_alone(
    exported: Exported, history: dg.DagsterInstance
) -> None:
    result = exported.tell_export(outcomes=[damaged(exported), *exported.outcomes[1:]])

    assert not result.success  # a check that blocks has failed
    assert "items" not in materializations(history, result.run_id)
    checks = evaluations(history, result.run_id)
    assert not checks["items"].passed
    assert checks["orders"].passed


def damaged(exported: Exported) -> TableOutcome:
    """What became of `items` if its file was changed after it was written."""
    written = exported.outcomes[0]
    assert written.entry is not None
    entry = written.entry.model_copy(update={"sha256": "0" * 64})
    faults = tuple(verify_table(exported.files.storage(), entry))
    return replace(written, entry=entry, faults=faults, error=ExportFault("differs"))


def of_another_attempt(outcome: TableOutcome) -> TableOutcome:
    """Written under the same run's id, but not what lies in the folder."""
    assert outcome.entry is not None
    entry = outcome.entry.model_copy(update={"exported_at": "2026-01-01T00:00:00.000000+00:00"})
    return replace(outcome, entry=entry)


def test_an_export_that_was_published_all_the_same_is_told_of_as_published(
    exported: Exported, history: dg.DagsterInstance
) -> None:
    """Its publication was decided when the disk failed, and whoever came next finished it."""
    result = exported.tell(report_failure)

    assert set(materializations(history, result.run_id)) == {
        "orders", "items", "newcomers", "export_metadata",
    }  # fmt: skip
    assert not any("nothing was published" in said for said in logged(history, result.run_id))


def test_where_the_folder_can_not_be_read_nothing_is_said_of_what_lies_in_it(
    exported: Exported, history: dg.DagsterInstance
) -> None:
    (Path(exported.files.output) / "metadata.json").write_text("{")
    result = exported.tell(report_failure)

    assert materializations(history, result.run_id) == {}
    (said,) = logged(history, result.run_id)
    assert "; whether anything was published could not be read: " in said.splitlines()[0]


def test_of_an_export_that_published_nothing_only_checks_that_failed_are_told(
    exported: Exported, history: dg.DagsterInstance
) -> None:
    unread = TableOutcome("parts", exported.outcomes[1].relation, error=SourceError("gone"))
    outcomes = [damaged(exported), of_another_attempt(exported.outcomes[1]), unread]
    result = exported.tell(report_failure, outcomes=outcomes)

    assert materializations(history, result.run_id) == {}
    assert list(evaluations(history, result.run_id)) == ["items"]
    (said,) = logged(history, result.run_id)
    assert said.startswith("info: tables that are whole: 1 of 3; nothing was published\n")


def test_a_check_that_failed_is_told_also_where_the_run_did_not_select_it(
    exported: Exported, history: dg.DagsterInstance
) -> None:
    result = exported.tell(
        report_failure,
        outcomes=[damaged(exported)],
        selection=dg.AssetSelection.assets("items").without_checks(),
    )

    (check,) = evaluations(history, result.run_id).values()
    assert (check.asset_key, check.passed, check.blocking) == (dg.AssetKey("items"), False, True)
