"""Definitions that are older than the database, as those of a server are that never reloads: what is exported then."""

from __future__ import annotations

from typing import Any

import dagster as dg
import pytest

from supa_assets.orchestration.export_metadata import IS_COMPLETE
from supa_assets_tests.support.dagster_runs import (
    evaluations,
    logged,
    materializations,
    metadata_of,
    step_failure,
)
from supa_assets_tests.support.interference import after_table, change_byte
from supa_assets_tests.support.project import Project

TABLES = ["badges", "event_logs", "organizations", "profiles"]
NEWCOMERS = """
CREATE TABLE newcomers (id int PRIMARY KEY, organization_id int REFERENCES organizations);
INSERT INTO newcomers VALUES (1, 1), (2, 2);
"""


# A table that was made


def test_a_table_made_since_is_exported_with_file_entry_check_and_events(
    project: Project, instance: dg.DagsterInstance
) -> None:
    plan = project.plan()
    project.execute(NEWCOMERS)
    result = project.materialize(instance, plan=plan)

    assert result.success, step_failure(result)
    assert project.rows("newcomers") == [
        {"id": 1, "organization_id": 1},
        {"id": 2, "organization_id": 2},
    ]
    entries = project.entries()
    assert sorted(entries) == sorted([*TABLES, "newcomers"])
    assert len({entry.snapshot.id for entry in entries.values()}) == 1
    told = materializations(instance, result.run_id)
    assert set(told) == {*TABLES, "newcomers", "export_metadata"}
    shown = metadata_of(told["newcomers"])
    assert shown.keys() == {*metadata_of(told["badges"]), "drift"}
    assert shown["drift"] == '"public.newcomers": table added'
    assert shown["dagster/row_count"] == 2
    assert shown["sha256"] == entries["newcomers"].sha256
    assert shown["dagster/uri"] == (project.output / "newcomers.json").as_uri()
    checks = evaluations(instance, result.run_id)
    assert checks["newcomers"].passed
    assert checks["newcomers"].blocking
    assert checks[IS_COMPLETE].passed


def test_of_a_table_made_since_the_log_and_metadata_json_say_so(
    project: Project, instance: dg.DagsterInstance
) -> None:
    plan = project.plan()
    project.execute(NEWCOMERS)
    result = project.materialize(instance, plan=plan)

    assert [line for line in logged(instance, result.run_id) if line.startswith("warning")] == [
        (
            'warning: changed since the definitions loaded: "public.newcomers": table added;'
            " it is exported, and is among the assets once the definitions are reloaded"
        )
    ]
    metadata = project.metadata()
    assert metadata is not None
    assert [change.describe() for change in metadata.drift] == ['"public.newcomers": table added']
    assert metadata.not_exported == []
    levels = {position.table: position.level for position in metadata.import_order}
    assert levels["newcomers"] == levels["organizations"] + 1


@pytest.mark.slow
def test_the_events_of_a_table_made_since_are_those_of_its_asset_once_definitions_are_reloaded(
    project: Project, instance: dg.DagsterInstance
) -> None:
    plan = project.plan()
    project.execute(NEWCOMERS)
    exported = project.materialize(instance, plan=plan)
    checks = project.verify(instance)  # with definitions of now

    assert checks["newcomers"].passed
    assert checks["newcomers"].metadata["run_id"].value == exported.run_id
    event = instance.get_latest_materialization_event(dg.AssetKey("newcomers"))
    assert event is not None
    assert event.run_id == exported.run_id


@pytest.mark.slow
def test_a_table_made_since_that_fails_is_told_of_and_the_run_is_red(
    project: Project, instance: dg.DagsterInstance
) -> None:
    plan = project.plan()
    project.execute(NEWCOMERS)
    files = after_table("newcomers", change_byte(project, "newcomers"))
    result = project.materialize(instance, plan=plan, files=files)

    assert not result.success
    assert "\n  newcomers: sha256 of" in step_failure(result)
    assert set(materializations(instance, result.run_id)) == {*TABLES, "export_metadata"}
    checks = evaluations(instance, result.run_id)
    assert not checks["newcomers"].passed
    assert checks[IS_COMPLETE].description == '"public.newcomers" is missing: failed'


@pytest.mark.slow
def test_a_table_made_since_does_not_take_the_name_of_another(
    project: Project, instance: dg.DagsterInstance
) -> None:
    """Definitions of now call both otherwise; those that are loaded have `badges`, and it stays what it is."""
    plan = project.plan()
    project.execute('CREATE TABLE "Badges" (id int); INSERT INTO "Badges" VALUES (7)')
    result = project.materialize(instance, plan=plan)

    assert result.success
    tables = {entry.table: name for name, entry in project.entries().items()}
    assert tables["badges"] == "badges"
    assert project.rows("badges")[0] == {"id": 1, "label": "first"}
    assert project.rows(tables["Badges"]) == [{"id": 7}]
    assert tables["Badges"] in materializations(instance, result.run_id)


@pytest.mark.slow
def test_where_there_was_no_table_yet_the_asset_of_the_export_exports_those_made_since(
    make_project: Any, instance: dg.DagsterInstance
) -> None:
    project = make_project("SELECT 1")
    plan = project.plan()
    assert plan.tables == []
    project.execute("CREATE TABLE firsts (id int); INSERT INTO firsts VALUES (1)")
    result = project.materialize(instance, plan=plan)

    assert result.success, step_failure(result)
    assert project.rows("firsts") == [{"id": 1}]
    assert set(materializations(instance, result.run_id)) == {"firsts", "export_metadata"}
    checks = evaluations(instance, result.run_id)
    assert checks["firsts"].passed
    assert checks[IS_COMPLETE].passed


@pytest.mark.slow
def test_where_there_is_no_table_at_all_a_run_says_so(
    make_project: Any, instance: dg.DagsterInstance
) -> None:
    project = make_project("SELECT 1")
    result = project.materialize(instance)

    assert not result.success
    assert step_failure(result).startswith("there is no table to export\nHINT: ")


@pytest.mark.slow
def test_the_command_line_exports_a_table_made_since_it_read_the_catalogue(
    project: Project, instance: dg.DagsterInstance
) -> None:
    plan = project.plan()
    project.execute(NEWCOMERS)
    result = project.run(instance, plan=plan)

    assert result.is_success
    assert result.tables["newcomers"].status == "written"
    assert set(result.published) == {*TABLES, "newcomers"}


# A table that was dropped


@pytest.mark.parametrize("keep_going", [True, False])
def test_a_table_dropped_since_leaves_the_export_and_the_run_is_green(
    project: Project, instance: dg.DagsterInstance, keep_going: bool
) -> None:
    project.materialize(instance)
    plan = project.plan()
    project.execute("DROP TABLE badges")
    result = project.materialize(instance, plan=plan, keep_going=keep_going)

    assert result.success, step_failure(result)
    assert "badges" not in project.entries()
    assert "badges.json" not in project.files()
    assert "badges" not in materializations(instance, result.run_id)
    checks = evaluations(instance, result.run_id)
    assert "badges" not in checks
    assert checks[IS_COMPLETE].passed
    assert [line for line in logged(instance, result.run_id) if line.startswith("warning")] == [
        (
            'warning: changed since the definitions loaded: "public.badges": table dropped;'
            " it leaves the export"
        )
    ]


@pytest.mark.slow
def test_downstream_of_a_dropped_table_nothing_runs_and_downstream_of_the_others_everything(
    project: Project, instance: dg.DagsterInstance
) -> None:
    @dg.asset
    def of_badges(badges: Any) -> int:
        return len(badges)

    @dg.asset
    def of_profiles(profiles: Any) -> int:
        return len(profiles)

    plan = project.plan()
    project.execute("DROP TABLE badges")
    beside = dg.Definitions(assets=[of_badges, of_profiles])
    result = project.materialize(instance, plan=plan, beside=beside)

    assert result.success, step_failure(result)
    assert result.output_for_node("of_profiles") == 50
    assert [e.step_key for e in result.all_events if e.is_step_skipped] == ["of_badges"]


@pytest.mark.slow
def test_a_selected_table_that_was_dropped_fails_and_its_earlier_file_stays(
    project: Project, instance: dg.DagsterInstance
) -> None:
    project.materialize(instance)
    plan = project.plan()
    project.execute("DROP TABLE badges")
    result = project.materialize(
        instance, dg.AssetSelection.assets("badges", "profiles"), plan=plan
    )

    assert not result.success
    assert '"public.badges" is no longer in the database' in step_failure(result)
    assert "badges" in project.entries()
    assert project.entries()["profiles"].run_id == result.run_id
    assert "badges" not in evaluations(instance, result.run_id)


# A table that was altered


@pytest.mark.parametrize("selected", [None, "badges"])
def test_a_table_altered_since_is_exported_as_it_is_and_its_materialization_says_what_changed(
    project: Project, instance: dg.DagsterInstance, selected: str | None
) -> None:
    plan = project.plan()
    project.execute("ALTER TABLE badges ADD colour text DEFAULT 'red', DROP label")
    selection = dg.AssetSelection.assets(selected) if selected else None
    result = project.materialize(instance, selection, plan=plan)

    assert result.success, step_failure(result)
    assert project.rows("badges") == [{"id": 1, "colour": "red"}, {"id": 2, "colour": "red"}]
    told = materializations(instance, result.run_id)["badges"]
    assert sorted(str(metadata_of(told)["drift"]).splitlines()) == [
        '"public.badges": column added "colour" (text)',
        '"public.badges": column dropped "label" (text)',
    ]
    schema = told.metadata["dagster/column_schema"].value
    assert isinstance(schema, dg.TableSchema)
    assert [column.name for column in schema.columns] == ["id", "colour"]
    assert evaluations(instance, result.run_id)["badges"].passed
    warnings = [line for line in logged(instance, result.run_id) if line.startswith("warning")]
    assert len(warnings) == 2
    assert all("changed since the definitions loaded" in line for line in warnings)


@pytest.mark.slow
def test_of_tables_that_did_not_change_nothing_is_said(
    project: Project, instance: dg.DagsterInstance
) -> None:
    plan = project.plan()
    project.execute("ALTER TABLE badges ADD colour text")
    result = project.materialize(instance, plan=plan)

    told = materializations(instance, result.run_id)
    assert [name for name in TABLES if "drift" in told[name].metadata] == ["badges"]


# A selection


@pytest.mark.slow
def test_a_run_of_a_selection_exports_no_other_table_and_says_which_is_missing(
    project: Project, instance: dg.DagsterInstance
) -> None:
    project.materialize(instance)
    plan = project.plan()
    project.execute(f"{NEWCOMERS} DROP TABLE event_logs")
    result = project.materialize(instance, dg.AssetSelection.assets("badges"), plan=plan)

    assert result.success
    assert sorted(project.entries()) == TABLES
    assert list(materializations(instance, result.run_id)) == ["badges", "export_metadata"]
    checks = evaluations(instance, result.run_id)
    assert not checks[IS_COMPLETE].passed
    assert checks[IS_COMPLETE].severity is dg.AssetCheckSeverity.ERROR
    assert checks[IS_COMPLETE].description == (
        '"public.newcomers" is missing: created since the definitions were loaded'
    )


@pytest.mark.slow
def test_all_tables_without_the_asset_of_the_export_are_everything_too(
    project: Project, instance: dg.DagsterInstance
) -> None:
    plan = project.plan()
    project.execute(NEWCOMERS)
    selection = dg.AssetSelection.assets(*TABLES).without_checks()
    result = project.materialize(instance, selection, plan=plan)

    assert result.success
    assert "newcomers" in project.entries()
    assert evaluations(instance, result.run_id)[IS_COMPLETE].passed


@pytest.mark.slow
def test_the_next_run_of_everything_mends_what_a_selection_left_out(
    project: Project, instance: dg.DagsterInstance
) -> None:
    project.materialize(instance)
    plan = project.plan()
    project.execute(f"{NEWCOMERS} DROP TABLE event_logs")
    project.materialize(instance, dg.AssetSelection.assets("badges"), plan=plan)
    result = project.materialize(instance, plan=plan)

    assert result.success
    assert sorted(project.entries()) == ["badges", "newcomers", "organizations", "profiles"]
    assert evaluations(instance, result.run_id)[IS_COMPLETE].passed
