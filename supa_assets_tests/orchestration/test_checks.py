"""Checks that are run alone, on what is published."""

from __future__ import annotations

import dagster as dg
import pytest
from dagster._core.events import StepMaterializationData

from supa_assets.naming import CHECK_SUFFIX
from supa_assets.orchestration.checks import build_table_check
from supa_assets.orchestration.export_metadata import (
    HAS_NO_KNOWN_HOLES,
    IS_COMPLETE,
    IS_ONE_SNAPSHOT,
)
from supa_assets.orchestration.io_manager import IO_MANAGER_KEY
from supa_assets.orchestration.jobs import EXPORT_ALL
from supa_assets.orchestration.resource import SUPABASE_KEY
from supa_assets_tests.support.exports import plan_table
from supa_assets_tests.support.project import Project


@pytest.mark.slow
def test_checks_pass_alone_while_the_database_is_down(
    project: Project, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.run(instance)
    job = project.verify_job()
    monkeypatch.delenv("SUPABASE_DB_URL")
    result = job.execute_in_process(instance=instance)

    evaluations = result.get_asset_check_evaluations()
    of_files = [e for e in evaluations if e.check_name == CHECK_SUFFIX]
    assert len(of_files) == 4
    assert all(evaluation.passed and evaluation.blocking for evaluation in of_files)
    of_the_whole = [e for e in evaluations if e.check_name != CHECK_SUFFIX]
    assert {e.check_name for e in of_the_whole} == {
        IS_COMPLETE,
        IS_ONE_SNAPSHOT,
        HAS_NO_KNOWN_HOLES,
    }
    assert all(evaluation.passed for evaluation in of_the_whole)


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


def test_a_check_blocks_what_depends_on_the_table_and_needs_files_alone() -> None:
    check = build_table_check(table=plan_table("badges"), position=2)

    (spec,) = check.check_specs
    assert (spec.name, spec.asset_key, spec.blocking) == (CHECK_SUFFIX, dg.AssetKey("badges"), True)
    assert SUPABASE_KEY not in check.required_resource_keys
    assert IO_MANAGER_KEY in check.required_resource_keys


@pytest.mark.slow
def test_a_check_passes_on_the_earlier_export_after_a_run_that_published_nothing(
    project: Project, instance: dg.DagsterInstance
) -> None:
    project.run(instance)
    project.execute(
        "INSERT INTO organizations VALUES (21, 'late', 0);"
        "ALTER TABLE profiles ADD broken int GENERATED ALWAYS AS (1 / (organization_id - 5)) VIRTUAL"
    )
    assert not project.run(instance).is_success
    checks = project.verify(instance)

    assert checks["organizations"].passed
    assert "is not the file's" in str(checks["organizations"].metadata["note"].value)


@pytest.mark.slow
def test_a_check_of_a_table_that_was_never_exported_raises_and_does_not_pass(
    project: Project, instance: dg.DagsterInstance
) -> None:
    result = project.verify_job().execute_in_process(instance=instance, raise_on_error=False)

    assert not result.success
    assert result.get_asset_check_evaluations() == []
    failure = result.failure_data_for_node("badges_file_matches_metadata")
    assert failure is not None
    assert failure.user_failure_data is not None
    assert 'holds no export of "badges"' in (failure.user_failure_data.description or "")
