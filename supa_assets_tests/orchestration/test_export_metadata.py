"""The export as a whole: an asset with checks of its own, true after every run."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest
from dagster import AssetCheckKey

from supa_assets.files.local_folder import LocalFolder
from supa_assets.orchestration.executor import observing_events
from supa_assets.orchestration.export_metadata import (
    EXPORT_ASSET,
    HAS_NO_KNOWN_HOLES,
    IS_COMPLETE,
    IS_ONE_SNAPSHOT,
    build_export_asset,
    report_export,
)
from supa_assets_tests.support.exports import (
    export,
    new_folder,
    plan_export_of,
    plan_table,
    some_rows,
)
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
def test_a_run_without_the_assets_own_step_is_judged_too(
    project: Project, instance: dg.DagsterInstance
) -> None:
    project.run(instance)
    job = project.definitions().resolve_job_def("export_all")
    assert latest_check(instance, IS_ONE_SNAPSHOT).passed
    from supa_assets.orchestration.run import reconstructable_export

    dg.execute_job(
        reconstructable_export(project.settings(), project.plan(), has_dependencies=True),
        instance=instance,
        asset_selection=[dg.AssetKey("badges")],
    )

    assert job.name == "export_all"
    assert not latest_check(instance, IS_ONE_SNAPSHOT).passed


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
def test_a_table_created_since_the_definitions_were_loaded_is_missing_and_named(
    project: Project, instance: dg.DagsterInstance
) -> None:
    plan = project.plan()
    project.execute("CREATE TABLE newcomers (id int)")
    result = project.run(instance, plan=plan)

    assert result.is_success
    check = latest_check(instance, IS_COMPLETE)
    assert not check.passed
    assert check.severity is dg.AssetCheckSeverity.ERROR
    assert check.description == (
        '"public.newcomers" is missing: created since the definitions were loaded'
    )
    metadata = project.metadata()
    assert metadata is not None
    (entry,) = metadata.not_exported
    assert (entry.name, entry.reason) == ("newcomers", check.description.partition(": ")[2])
    assert [change.describe() for change in metadata.drift] == ['"public.newcomers": table added']


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
@pytest.mark.parametrize("mode", ["in_process", "multiprocess"])
def test_a_column_added_since_the_definitions_were_loaded_is_exported_and_told(
    project: Project, instance: dg.DagsterInstance, mode: str
) -> None:
    plan = project.plan()
    project.execute("ALTER TABLE badges ADD colour text DEFAULT 'red', DROP label")
    from supa_assets.orchestration.run import run_export

    result = run_export(project.settings(executor=mode), plan, instance=instance)

    assert result.is_success
    assert project.rows("badges") == [{"id": 1, "colour": "red"}, {"id": 2, "colour": "red"}]
    (record,) = instance.fetch_materializations(dg.AssetKey("badges"), limit=1).records
    assert record.asset_materialization is not None
    told = str(record.asset_materialization.metadata["drift"].value).splitlines()
    assert sorted(told) == [
        '"public.badges": column added "colour" (text)',
        '"public.badges": column dropped "label" (text)',
    ]


@pytest.mark.slow
def test_a_table_whose_file_failed_its_check_is_not_called_exported(
    project: Project, instance: dg.DagsterInstance
) -> None:
    def corrupt(run_id: str, event: dg.DagsterEvent) -> None:
        if event.is_step_success and event.step_key == "badges":
            path = project.output / ".supa-assets" / run_id / "badges.json"
            path.write_bytes(path.read_bytes().replace(b"first", b"worst"))

    with observing_events(corrupt):
        project.run(instance, keep_going=True)

    assert latest_check(instance, IS_COMPLETE).description == '"public.badges" is missing: failed'


PLAN = plan_export_of(plan_table("orders"), plan_table("items"))


def test_what_is_reported_of_a_run_names_it_and_what_the_export_lacks(tmp_path: Path) -> None:
    metadata = export(new_folder(tmp_path), "run", {"orders": some_rows(2)})
    with dg.DagsterInstance.ephemeral() as instance:
        report_export(instance, metadata, PLAN, run_id="run")

        (record,) = instance.fetch_materializations(dg.AssetKey(EXPORT_ASSET), limit=2).records
        assert record.asset_materialization is not None
        told = {name: value.value for name, value in record.asset_materialization.metadata.items()}
        assert (told["run_id"], told["tables"], told["rows"]) == ("run", 1, 2)
        assert told["missing"] == ["public.items"]
        check = latest_check(instance, IS_COMPLETE)
        assert check.description == '"public.items" is missing: it was not exported yet'
        assert latest_check(instance, IS_ONE_SNAPSHOT).passed


def test_the_asset_closes_the_graph_unless_nothing_shall_be_skipped(tmp_path: Path) -> None:
    storage = LocalFolder(tmp_path)
    key = dg.AssetKey(EXPORT_ASSET)
    asset = build_export_asset(plan=PLAN, storage=storage)
    assert asset.asset_deps[key] == {dg.AssetKey("orders"), dg.AssetKey("items")}
    alone = build_export_asset(plan=PLAN, storage=storage, has_dependencies=False)
    assert alone.asset_deps[key] == set()
