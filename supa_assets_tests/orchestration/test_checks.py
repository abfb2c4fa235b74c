"""The check of a table, on the published file and on the one that an export has just written."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest
from dagster._core.events import StepMaterializationData

from supa_assets.errors import ExportFault
from supa_assets.files.verify import verify_table
from supa_assets.naming import CHECK_SUFFIX
from supa_assets.orchestration.checks import (
    build_table_check,
    check_published_table,
    check_written_table,
)
from supa_assets.orchestration.io_manager import JsonFileIOManager
from supa_assets.orchestration.jobs import EXPORT_ALL
from supa_assets_tests.support.exports import (
    edit,
    export,
    new_folder,
    plan_table,
    run_id,
    some_rows,
    stage,
)
from supa_assets_tests.support.project import Project

BREAK_PROFILES = (
    "ALTER TABLE profiles ADD broken int GENERATED ALWAYS AS (1 / (organization_id - 5)) VIRTUAL"
)


def test_a_check_blocks_what_depends_on_the_table() -> None:
    spec = build_table_check(plan_table("badges"))

    assert (spec.name, spec.asset_key, spec.blocking) == (CHECK_SUFFIX, dg.AssetKey("badges"), True)
    assert (spec.description or "").startswith("badges.json read back")


def faults_of(result: dg.AssetCheckResult | dg.AssetCheckEvaluation) -> list[str]:
    """What the UI's table of faults names."""
    shown = (result.metadata or {})["faults"]
    assert isinstance(shown, dg.TableMetadataValue)
    return [str(record.data["what"]) for record in shown.records]


def test_what_an_export_has_written_is_checked_before_it_is_published(tmp_path: Path) -> None:
    storage = new_folder(tmp_path)
    entry = stage(storage, "run", "badges", some_rows(2))
    staging = storage.staging(run_id("run"))
    passed = check_written_table(entry, verify_table(staging, entry))
    edit(staging.path / "badges.json", lambda data: data.replace(b"row 1", b"row 7"))
    failed = check_written_table(entry, verify_table(staging, entry))

    assert (passed.passed, passed.description) == (True, None)
    assert (passed.metadata or {})["rows"] == dg.IntMetadataValue(2)
    assert passed.asset_key == dg.AssetKey("badges")
    assert not failed.passed
    assert faults_of(failed) == ["sha256"]
    assert "row 7" not in str(failed)


@pytest.mark.slow
def test_a_check_names_every_fault_of_a_file_that_was_cut(
    project: Project, instance: dg.DagsterInstance
) -> None:
    project.run(instance)
    path = project.output / "organizations.json"
    path.write_bytes(path.read_bytes()[:-40])
    checks = project.verify(instance)

    assert not checks["organizations"].passed
    assert checks["badges"].passed
    description = checks["organizations"].description or ""
    for fault in ("byte count", "sha256", "layout", "row count", "source row count", "event row"):
        assert fault in description
    assert "Organization 1" not in description
    assert "event row count" in faults_of(checks["organizations"])


def materialize_again(
    instance: dg.DagsterInstance, run_id: str, name: str, *, row_count: int
) -> None:
    """Let the event log say of the table, in that run, that it has so many rows."""
    said = dg.AssetMaterialization(name, metadata={"dagster/row_count": row_count})
    event = dg.DagsterEvent(
        event_type_value=dg.DagsterEventType.ASSET_MATERIALIZATION.value,
        job_name=EXPORT_ALL,
        event_specific_data=StepMaterializationData(said),
    )
    instance.report_dagster_event(event, run_id=run_id)


def test_a_check_sees_that_the_materialization_said_another_row_count(
    project: Project, instance: dg.DagsterInstance
) -> None:
    result = project.run(instance)
    materialize_again(instance, result.run_id, "badges", row_count=7)
    checks = project.verify(instance)

    assert not checks["badges"].passed
    assert 'event row count of "public.badges" differs' in (checks["badges"].description or "")
    shown = checks["badges"].metadata["faults"]
    assert isinstance(shown, dg.TableMetadataValue)
    (fault,) = [record.data for record in shown.records]
    assert (fault["what"], fault["expected"], fault["found"]) == ("event row count", "7", "2")
    assert checks["organizations"].passed


@pytest.mark.slow
def test_a_materialization_of_no_run_says_nothing_of_the_file(
    project: Project, instance: dg.DagsterInstance
) -> None:
    result = project.run(instance)
    instance.report_runless_asset_event(
        dg.AssetMaterialization("badges", metadata={"dagster/row_count": 7})
    )

    assert project.verify(instance)["badges"].passed
    assert project.entries()["badges"].run_id == result.run_id


@pytest.mark.slow
def test_a_check_passes_on_the_earlier_export_after_a_run_that_published_nothing(
    project: Project, instance: dg.DagsterInstance
) -> None:
    first = project.run(instance)
    project.execute(f"INSERT INTO organizations VALUES (21, 'late', 0); {BREAK_PROFILES}")
    assert not project.run(instance).is_success
    checks = project.verify(instance)

    assert checks["organizations"].passed
    assert checks["organizations"].metadata["run_id"].value == first.run_id
    assert "note" not in checks["organizations"].metadata


@pytest.mark.slow
def test_a_check_notes_that_the_latest_materialization_is_not_the_file_s(
    project: Project, instance: dg.DagsterInstance
) -> None:
    first = project.run(instance)
    files = project.files()
    second = project.run(instance)
    for name, data in files.items():  # a copy of the earlier export was put back
        (project.output / name).write_bytes(data)
    checks = project.verify(instance)

    assert checks["badges"].passed
    assert checks["badges"].metadata["run_id"].value == first.run_id
    assert checks["badges"].metadata["note"].value == (
        f"the latest materialization is of run {second.run_id}, which is not the file's"
    )


def test_a_table_that_was_never_exported_has_no_check_that_could_pass(tmp_path: Path) -> None:
    export(new_folder(tmp_path), "run", {"orders": some_rows(2)})
    files = JsonFileIOManager(output=str(tmp_path))
    with dg.DagsterInstance.ephemeral() as history:
        assert check_published_table("orders", files, history).passed
        with pytest.raises(ExportFault, match='holds no export of "items"'):
            check_published_table("items", files, history)
