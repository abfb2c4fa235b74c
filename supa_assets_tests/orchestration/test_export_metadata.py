"""The export as a whole: an asset with checks of its own, true after every run."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest
from dagster import AssetCheckKey

from supa_assets.export.assessment import assess_published
from supa_assets.files.local_folder import LocalFolder
from supa_assets.orchestration.export_metadata import (
    EXPORT_ASSET,
    EXPORT_KEY,
    HAS_NO_KNOWN_HOLES,
    IS_COMPLETE,
    IS_ONE_SNAPSHOT,
    build_export_checks,
    build_export_out,
    check_export,
    describe_export,
)
from supa_assets_tests.support.exports import (
    export,
    new_folder,
    plan_export_of,
    plan_table,
    some_rows,
)
from supa_assets_tests.support.interference import after_table, change_byte, writing_with
from supa_assets_tests.support.project import Project


def latest_check(instance: dg.DagsterInstance, name: str) -> dg.AssetCheckEvaluation:
    """As the UI shows it."""
    key = AssetCheckKey(dg.AssetKey(EXPORT_ASSET), name)
    summary = instance.event_log_storage.get_asset_check_summary_records([key])[key]
    record = summary.last_check_execution_record
    assert record is not None
    assert record.event is not None
    assert record.event.dagster_event is not None
    evaluation = record.event.dagster_event.event_specific_data
    assert isinstance(evaluation, dg.AssetCheckEvaluation)
    return evaluation


def test_a_run_of_all_tables_is_complete_and_of_one_snapshot(
    project: Project, instance: dg.DagsterInstance
) -> None:
    result = project.run(instance)

    assert result.is_success
    metadata = project.metadata()
    assert metadata is not None
    assert metadata.is_one_snapshot
    (snapshot,) = metadata.snapshots
    assert (snapshot.table_count, snapshot.run_ids) == (4, [result.run_id])
    assert metadata.not_exported == []
    assert latest_check(instance, IS_COMPLETE).passed
    assert latest_check(instance, IS_ONE_SNAPSHOT).passed
    assert latest_check(instance, HAS_NO_KNOWN_HOLES).passed
    records = instance.fetch_materializations(dg.AssetKey(EXPORT_ASSET), limit=5).records
    assert [record.run_id for record in records] == [result.run_id]


@pytest.mark.slow
def test_a_run_of_some_tables_over_an_older_export_shows_as_such(
    project: Project, instance: dg.DagsterInstance
) -> None:
    project.run(instance)
    project.run(instance, select=["badges"])

    metadata = project.metadata()
    assert metadata is not None
    assert not metadata.is_one_snapshot
    assert [snapshot.table_count for snapshot in metadata.snapshots] == [3, 1]
    check = latest_check(instance, IS_ONE_SNAPSHOT)
    assert not check.passed
    assert check.severity is dg.AssetCheckSeverity.WARN
    assert "event_logs, organizations, profiles" in (check.description or "")
    assert latest_check(instance, IS_COMPLETE).passed


@pytest.mark.slow
def test_a_run_that_does_not_select_the_asset_is_judged_too(
    project: Project, instance: dg.DagsterInstance
) -> None:
    project.run(instance)
    assert latest_check(instance, IS_ONE_SNAPSHOT).passed
    result = project.materialize(instance, dg.AssetSelection.assets("badges"))

    assert not latest_check(instance, IS_ONE_SNAPSHOT).passed
    assert latest_check(instance, IS_COMPLETE).passed
    (record,) = instance.fetch_materializations(EXPORT_KEY, limit=1).records
    assert record.run_id == result.run_id
    assert record.asset_materialization is not None
    assert record.asset_materialization.metadata["snapshots"].value == 2


@pytest.mark.slow
def test_values_with_a_known_hole_are_a_warning_that_names_their_columns(
    project: Project, instance: dg.DagsterInstance
) -> None:
    project.execute("ALTER TABLE badges ADD doc jsonb, ADD tags text[], ADD at timestamptz")
    project.execute("UPDATE badges SET doc = 'null', tags = '[0:0]={a}'")
    project.execute("UPDATE event_logs SET at = 'infinity' WHERE id = 1")
    result = project.run(instance)

    assert result.is_success
    holes = {column.name: column.holes for column in project.entries()["badges"].columns}
    assert holes["id"] is None
    assert holes["at"] is not None
    assert holes["at"].times_beyond_rfc3339 == 0
    check = latest_check(instance, HAS_NO_KNOWN_HOLES)
    assert not check.passed
    assert check.severity is dg.AssetCheckSeverity.WARN
    said = (check.description or "").splitlines()
    assert [line.partition(": ")[2] for line in said if not line.startswith("HINT: ")] == [
        '2 values in "doc" of "public.badges"',
        '2 values in "tags" of "public.badges"',
        '1 value in "at" of "public.event_logs"',
    ]
    shown = check.metadata["holes"]
    assert isinstance(shown, dg.TableMetadataValue)
    assert [record.data["values"] for record in shown.records] == ["2", "2", "1"]


@pytest.mark.slow
def test_a_failed_table_is_missing_with_its_reason(
    project: Project, instance: dg.DagsterInstance
) -> None:
    project.execute("ALTER TABLE badges ADD broken int GENERATED ALWAYS AS (1 / (id - 2)) VIRTUAL")
    result = project.run(instance, keep_going=True)

    assert not result.is_success
    metadata = project.metadata()
    assert metadata is not None
    assert {entry.name: entry.reason for entry in metadata.not_exported} == {"badges": "failed"}
    check = latest_check(instance, IS_COMPLETE)
    assert (check.passed, check.description) == (False, '"public.badges" is missing: failed')


@pytest.mark.slow
def test_a_table_whose_file_failed_its_check_is_not_called_exported(
    project: Project, instance: dg.DagsterInstance
) -> None:
    with writing_with(after_table("badges", change_byte(project, "badges"))):
        project.run(instance, keep_going=True)

    assert latest_check(instance, IS_COMPLETE).description == '"public.badges" is missing: failed'


PLAN = plan_export_of(plan_table("orders"), plan_table("items"))


def test_what_an_export_lacks_is_told_by_the_asset_and_by_its_check(tmp_path: Path) -> None:
    metadata = export(new_folder(tmp_path), "run", {"orders": some_rows(2)})
    assessment = assess_published(metadata, PLAN)
    told = describe_export(assessment)
    results = {result.check_name: result for result in check_export(assessment)}

    assert (told["tables"], told["rows"], told["snapshots"]) == (1, 2, 1)
    assert told["dagster/size_bytes"] == metadata.tables["orders"].byte_count
    assert told["missing"] == ["public.items"]
    complete = results[IS_COMPLETE]
    assert not complete.passed
    assert complete.severity is dg.AssetCheckSeverity.ERROR
    assert complete.description == '"public.items" is missing: it was not exported yet'
    assert results[IS_ONE_SNAPSHOT].passed
    assert results[HAS_NO_KNOWN_HOLES].passed
    assert {result.asset_key for result in results.values()} == {EXPORT_KEY}


def test_the_asset_shows_where_metadata_json_lies_and_passes_nothing_on(tmp_path: Path) -> None:
    out = build_export_out(LocalFolder(tmp_path))
    assert (out.key, out.group_name, out.is_required) == (EXPORT_KEY, "export", False)
    assert out.metadata is not None
    assert out.metadata["dagster/uri"] == (tmp_path / "metadata.json").as_uri()
    assert out.dagster_type is dg.Nothing


def test_the_checks_of_the_whole_block_nothing() -> None:
    specs = build_export_checks()
    assert [spec.name for spec in specs] == [IS_COMPLETE, IS_ONE_SNAPSHOT, HAS_NO_KNOWN_HOLES]
    assert not any(spec.blocking for spec in specs)
    assert all(spec.asset_key == EXPORT_KEY and spec.description for spec in specs)
