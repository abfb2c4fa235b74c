"""The step: what it exports of a selection, what a run of it records, and when nothing is recorded."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import psycopg
import pytest

from supa_assets import code_location
from supa_assets.export.run import ExportRun
from supa_assets.files.export_log import LOG_FILE, follow_log
from supa_assets.naming import CHECK_SUFFIX
from supa_assets.orchestration import progress
from supa_assets.orchestration.export_metadata import EXPORT_KEY
from supa_assets.orchestration.io_manager import JsonFileIOManager
from supa_assets.orchestration.step import EXPORT_STEP, ExportConfig, build_export_step
from supa_assets.settings import Running
from supa_assets_tests.support.dagster_runs import (
    evaluations,
    logged,
    materializations,
    metadata_of,
    step_failure,
)
from supa_assets_tests.support.exports import plan_export_of, plan_table
from supa_assets_tests.support.interference import after_table, change_byte, cut_connections
from supa_assets_tests.support.project import Project
from supa_assets_tests.support.waiting import wait_until

TABLES = ["badges", "event_logs", "organizations", "profiles"]
"""Of the project, in import order."""
OF_THE_EXPORT = ["export_is_complete", "export_is_of_one_snapshot", "export_has_no_known_holes"]
BREAK_PROFILES = (
    "ALTER TABLE profiles ADD broken int GENERATED ALWAYS AS (1 / (organization_id - 5)) VIRTUAL"
)


def steps_of(result: dg.ExecuteInProcessResult) -> set[str | None]:
    return {event.step_key for event in result.all_events if event.is_step_event}


# What is exported


def test_everything_is_one_step_in_which_tables_of_one_snapshot_are_published_and_checked(
    project: Project, instance: dg.DagsterInstance
) -> None:
    result = project.materialize(instance)

    assert result.success
    assert steps_of(result) == {EXPORT_STEP}
    entries = project.entries()
    assert sorted(entries) == TABLES
    assert len({entry.snapshot.id for entry in entries.values()}) == 1
    assert {entry.run_id for entry in entries.values()} == {result.run_id}
    assert list(materializations(instance, result.run_id)) == [*TABLES, "export_metadata"]
    checks = evaluations(instance, result.run_id)
    assert list(checks) == [*TABLES, *OF_THE_EXPORT]
    assert all(check.passed for check in checks.values())
    assert project.open_transactions() == 0
    assert project.staged() == []


@pytest.mark.parametrize("is_checked", [True, False])
def test_of_a_selection_its_own_tables_are_replaced_and_the_export_as_a_whole_is_told_of(
    project: Project, instance: dg.DagsterInstance, is_checked: bool
) -> None:
    first = project.materialize(instance)
    project.execute("INSERT INTO badges VALUES (3, 'new'); DELETE FROM profiles")
    badges = dg.AssetSelection.assets("badges")
    second = project.materialize(instance, badges if is_checked else badges.without_checks())

    assert second.success
    assert steps_of(second) == {EXPORT_STEP}
    assert len(project.rows("badges")) == 3
    assert len(project.rows("profiles")) == 50
    runs = {name: entry.run_id for name, entry in project.entries().items()}
    assert runs.pop("badges") == second.run_id
    assert set(runs.values()) == {first.run_id}
    assert list(materializations(instance, second.run_id)) == ["badges", "export_metadata"]
    checks = evaluations(instance, second.run_id)
    assert list(checks) == ["badges", *OF_THE_EXPORT]
    assert checks["badges"].passed
    assert checks["badges"].blocking
    assert not checks["export_is_of_one_snapshot"].passed


@pytest.mark.slow
def test_files_are_checked_also_where_a_run_of_everything_selects_no_check(
    project: Project, instance: dg.DagsterInstance
) -> None:
    everything = dg.AssetSelection.all().without_checks()
    whole = project.materialize(instance, everything)
    files = after_table("badges", change_byte(project, "badges"))
    faulty = project.materialize(instance, everything, files=files)

    assert whole.success
    assert list(materializations(instance, whole.run_id)) == [*TABLES, "export_metadata"]
    assert list(evaluations(instance, whole.run_id)) == [*TABLES, *OF_THE_EXPORT]
    assert not faulty.success
    assert not evaluations(instance, faulty.run_id)["badges"].passed
    assert project.entries()["badges"].run_id == whole.run_id


@pytest.mark.slow
def test_with_the_asset_of_the_export_in_a_selection_it_is_told_of_once(
    project: Project, instance: dg.DagsterInstance
) -> None:
    result = project.materialize(
        instance, dg.AssetSelection.assets("badges", "export_metadata").without_checks()
    )

    assert result.success
    assert list(materializations(instance, result.run_id)) == ["badges", "export_metadata"]
    assert list(evaluations(instance, result.run_id)) == ["badges", *OF_THE_EXPORT]
    assert evaluations(instance, result.run_id)["export_is_complete"].description == (
        '"public.event_logs" is missing: not selected in this run\n'
        '"public.organizations" is missing: not selected in this run\n'
        '"public.profiles" is missing: not selected in this run'
    )


@pytest.mark.slow
def test_a_table_can_be_exported_while_the_published_file_of_another_is_checked(
    project: Project, instance: dg.DagsterInstance
) -> None:
    first = project.materialize(instance)
    of_profiles = dg.AssetSelection.checks(dg.AssetCheckKey(dg.AssetKey("profiles"), CHECK_SUFFIX))
    second = project.materialize(instance, dg.AssetSelection.assets("badges") | of_profiles)

    assert second.success
    checks = evaluations(instance, second.run_id)
    assert set(checks) == {"badges", "profiles", *OF_THE_EXPORT}
    assert metadata_of(checks["badges"])["run_id"] == second.run_id
    assert metadata_of(checks["profiles"])["run_id"] == first.run_id


def test_one_step_holds_whatever_can_be_selected() -> None:
    plan = plan_export_of(plan_table("orders"), plan_table("items", references=["orders"]))
    step = build_export_step(plan, files=JsonFileIOManager(output="out"), running=Running())

    assert step.op.name == EXPORT_STEP
    assert step.can_subset
    assert step.keys == {dg.AssetKey("orders"), dg.AssetKey("items"), EXPORT_KEY}
    assert {(key.asset_key.path[-1], key.name) for key in step.check_keys} == {
        ("orders", CHECK_SUFFIX),
        ("items", CHECK_SUFFIX),
        *(("export_metadata", name) for name in OF_THE_EXPORT),
    }
    assert step.asset_deps[EXPORT_KEY] == {dg.AssetKey("orders"), dg.AssetKey("items")}


def test_whoever_builds_the_step_is_told_of_each_export_that_begins(
    project: Project, instance: dg.DagsterInstance
) -> None:
    begun: list[ExportRun] = []
    built = project.definitions()
    step = build_export_step(
        project.plan(),
        files=JsonFileIOManager(output=str(project.output)),
        running=Running(),
        on_begin=begun.append,
    )
    result = dg.materialize([step], resources=built.resources, instance=instance)

    (run,) = begun
    assert run.run_id == result.run_id
    assert [outcome.status for outcome in run.outcomes.values()] == ["written"] * 4


# What fails


def test_where_a_failure_ends_the_run_no_table_is_materialized_and_the_checks_say_why(
    project: Project, instance: dg.DagsterInstance
) -> None:
    project.materialize(instance)
    before = project.files()
    files = after_table("event_logs", change_byte(project, "event_logs"))
    result = project.materialize(instance, files=files, keep_going=False)

    assert not result.success
    assert step_failure(result).startswith('sha256 of "public.event_logs" differs')
    assert materializations(instance, result.run_id) == {}
    (check,) = evaluations(instance, result.run_id).values()
    assert check.asset_key == dg.AssetKey("event_logs")
    assert not check.passed
    assert check.blocking
    assert "sha256" in (check.description or "")
    assert project.files() == before
    said = logged(instance, result.run_id)
    assert said[-1].splitlines()[0] == "info: tables that are whole: 1 of 4; nothing was published"
    assert said[-1].splitlines()[-2:] == ["  organizations: not begun", "  profiles: not begun"]


def test_a_run_that_keeps_going_materializes_the_tables_that_are_whole(
    project: Project, instance: dg.DagsterInstance
) -> None:
    files = after_table("badges", change_byte(project, "badges"))
    result = project.materialize(instance, files=files)

    assert not result.success
    assert result.dagster_run.status is dg.DagsterRunStatus.FAILURE
    assert step_failure(result).startswith("1 of 4 tables were not exported:\n  badges: sha256 of")
    assert list(materializations(instance, result.run_id)) == [*TABLES[1:], "export_metadata"]
    checks = evaluations(instance, result.run_id)
    assert {name: check.passed for name, check in checks.items() if name in TABLES} == {
        "badges": False,
        "event_logs": True,
        "organizations": True,
        "profiles": True,
    }
    assert checks["export_is_complete"].description == '"public.badges" is missing: failed'
    assert sorted(project.entries()) == TABLES[1:]
    assert project.staged() == []


@pytest.mark.slow
def test_a_table_that_can_not_be_read_has_neither_a_materialization_nor_a_check(
    project: Project, instance: dg.DagsterInstance
) -> None:
    project.execute(BREAK_PROFILES)
    result = project.materialize(instance)

    assert not result.success
    assert 'profiles: reading "public.profiles" failed: division by zero' in step_failure(result)
    assert "profiles" not in materializations(instance, result.run_id)
    checks = evaluations(instance, result.run_id)
    assert list(checks) == [*TABLES[:3], *OF_THE_EXPORT]
    assert checks["export_is_complete"].description == '"public.profiles" is missing: failed'
    assert any(
        line.startswith('error: table "profiles": reading "public.profiles" failed')
        for line in logged(instance, result.run_id)
    )


@pytest.mark.slow
def test_where_no_table_is_whole_nothing_is_published_though_the_run_keeps_going(
    project: Project, instance: dg.DagsterInstance
) -> None:
    project.execute(BREAK_PROFILES)
    result = project.materialize(instance, dg.AssetSelection.assets("profiles"))

    assert not result.success
    assert step_failure(result).startswith("1 of 1 tables were not exported:")
    assert materializations(instance, result.run_id) == {}
    assert evaluations(instance, result.run_id) == {}
    assert project.entries() == {}


def test_by_default_a_run_keeps_going(project: Project, instance: dg.DagsterInstance) -> None:
    assert ExportConfig().keep_going
    project.execute(BREAK_PROFILES)
    result = project.job().execute_in_process(instance=instance, raise_on_error=False)

    assert not result.success
    assert sorted(project.entries()) == TABLES[:3]


@pytest.mark.slow
def test_without_a_url_the_step_says_what_to_set(
    project: Project, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = project.job()
    monkeypatch.delenv("SUPABASE_DB_URL")
    result = job.execute_in_process(instance=instance, raise_on_error=False)

    assert step_failure(result).startswith("SUPABASE_DB_URL is not set\nHINT: ")
    assert not project.output.exists()


# What is told


def test_the_log_and_the_export_tell_what_became_of_each_table_and_how_long_it_took(
    project: Project, instance: dg.DagsterInstance
) -> None:
    files = after_table("badges", change_byte(project, "badges"))
    result = project.materialize(instance, files=files)

    told = metadata_of(materializations(instance, result.run_id)["export_metadata"])
    (outcomes,) = [
        value
        for name, value in materializations(instance, result.run_id)[
            "export_metadata"
        ].metadata.items()
        if name == "outcomes"
    ]
    assert isinstance(outcomes, dg.TableMetadataValue)
    records = [record.data for record in outcomes.records]
    assert [(record["table"], record["outcome"]) for record in records] == [
        ("badges", "failed"),
        ("event_logs", "written"),
        ("organizations", "written"),
        ("profiles", "written"),
    ]
    assert [record["rows"] for record in records] == [2, 15_000, 20, 50]
    assert all(isinstance(record["seconds"], float) for record in records)
    assert told["tables"] == 3
    (summary,) = [line for line in logged(instance, result.run_id) if "are whole" in line]
    first, *lines = summary.splitlines()
    assert first == f"info: tables that are whole: 3 of 4; published to {project.output}"
    assert [line.split(":")[0].strip() for line in lines] == TABLES
    assert all(line.endswith(" s") for line in lines[1:])


# Retries


def test_a_lost_connection_is_tried_again_on_a_new_snapshot(
    project: Project, instance: dg.DagsterInstance
) -> None:
    snapshots: list[str] = []

    def cut(run: ExportRun) -> None:
        snapshots.append(run.hold.snapshot.id)
        project.execute("INSERT INTO organizations VALUES (100, 'late', 0)")
        cut_connections(project)(run)

    files = after_table("badges", cut, times=1)
    result = project.materialize(instance, files=files, retries=1, retry_delay_s=0)

    assert result.success, step_failure(result)
    assert list(materializations(instance, result.run_id)) == [*TABLES, "export_metadata"]
    (published,) = {entry.snapshot.id for entry in project.entries().values()}
    assert snapshots != [published]
    assert 100 in {row["id"] for row in project.rows("organizations")}
    assert project.open_transactions() == 0
    assert project.staged() == []


@pytest.mark.slow
def test_as_many_retries_are_made_as_the_setting_says(
    project: Project, instance: dg.DagsterInstance
) -> None:
    attempts: list[str] = []

    def cut(run: ExportRun) -> None:
        attempts.append(run.hold.snapshot.id)
        cut_connections(project)(run)

    for retries in (0, 2):
        attempts.clear()
        result = project.materialize(
            instance, files=after_table("badges", cut), retries=retries, retry_delay_s=0
        )
        assert step_failure(result).startswith("the connection that holds the run's snapshot was")
        assert len(attempts) == 1 + retries
    assert project.entries() == {}


@pytest.mark.slow
@pytest.mark.parametrize("keep_going", [True, False])
def test_what_time_will_not_mend_is_not_tried_again(
    project: Project, instance: dg.DagsterInstance, keep_going: bool
) -> None:
    attempts: list[str] = []
    project.execute(BREAK_PROFILES)
    files = after_table("badges", lambda run: attempts.append(run.run_id))
    result = project.materialize(
        instance, files=files, keep_going=keep_going, retries=3, retry_delay_s=0
    )

    assert not result.success
    assert len(attempts) == 1


def test_a_locked_table_is_read_once_the_lock_is_gone_with_all_the_others_again(
    project: Project, instance: dg.DagsterInstance
) -> None:
    with psycopg.connect(project.superuser_url) as blocker:
        blocker.execute("LOCK TABLE profiles IN ACCESS EXCLUSIVE MODE")
        files = after_table("organizations", lambda _: blocker.rollback())
        result = project.materialize(
            instance, files=files, retries=1, retry_delay_s=0, lock_timeout_s=1
        )

    assert result.success, step_failure(result)
    assert sorted(project.entries()) == TABLES
    assert len({entry.snapshot.id for entry in project.entries().values()}) == 1
    told = instance.fetch_materializations(dg.AssetKey("badges"), limit=5).records
    assert [record.run_id for record in told] == [result.run_id] * 2  # it was published each time
    said = [
        record.asset_materialization.metadata for record in told if record.asset_materialization
    ]
    assert said[0]["snapshot_id"].value == project.entries()["badges"].snapshot.id


def build(**running: object) -> dg.OpDefinition:
    plan = plan_export_of(plan_table("orders"))
    files = JsonFileIOManager(output="out")
    op = build_export_step(plan, files=files, running=Running.model_validate(running)).op
    assert isinstance(op, dg.OpDefinition)
    return op


def test_the_settings_make_the_pool_and_no_policy_would_begin_a_terminated_run_again() -> None:
    assert build(retries=4).retry_policy is None
    assert build().pool == "supa_assets"
    assert build(pool="shop").pool == "shop"
    assert build(pool="").pool is None


@pytest.mark.slow
def test_in_a_pool_with_one_place_a_second_run_waits_for_the_first(
    project: Project, instance: dg.DagsterInstance
) -> None:
    instance.event_log_storage.set_concurrency_slots("supa_assets", 1)
    seconds: list[dg.ExecuteInProcessResult] = []
    beside = threading.Thread(target=lambda: seconds.append(project.materialize(instance)))

    def begin_second(_: ExportRun) -> None:
        beside.start()
        wait_until(lambda: waits_for_pool(instance))

    first = project.materialize(instance, files=after_table("badges", begin_second))
    beside.join()

    (second,) = seconds
    assert first.success
    assert second.success
    (ended,) = instance.get_run_step_stats(first.run_id)
    (began,) = instance.get_run_step_stats(second.run_id)
    assert ended.end_time is not None
    assert began.start_time is not None
    assert began.start_time >= ended.end_time


def waits_for_pool(instance: dg.DagsterInstance) -> bool:
    pool = instance.event_log_storage.get_concurrency_info("supa_assets")
    return (pool.active_slot_count, pool.pending_step_count) == (1, 1)


# Re-execution


@dg.asset
def report(organizations: Any) -> int:
    """Fails as long as there is a file of this name."""
    if Path("broken").exists():
        raise dg.Failure("not today")
    return len(organizations)


def code_location_job() -> dg.JobDefinition:
    """All assets of the project that the environment names, and one downstream."""
    everything = dg.define_asset_job("everything", selection=dg.AssetSelection.all())
    beside = dg.Definitions(assets=[report], jobs=[everything])
    return dg.Definitions.merge(code_location.defs(), beside).resolve_job_def("everything")


def execute_again(
    instance: dg.DagsterInstance, failed: dg.ExecuteInProcessResult
) -> dg.JobExecutionResult:
    """From the failure, as the UI's button does."""
    return dg.execute_job(
        dg.reconstructable(code_location_job),
        instance=instance,
        reexecution_options=dg.ReexecutionOptions.from_failure(failed.run_id, instance),
    )


@pytest.mark.slow
def test_a_run_that_is_executed_again_exports_everything_anew(
    project: Project, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUPA_ASSETS_OUTPUT", str(project.output))
    project.execute(BREAK_PROFILES)
    failed = code_location_job().execute_in_process(instance=instance, raise_on_error=False)
    assert sorted(project.entries()) == TABLES[:3]
    project.execute("ALTER TABLE profiles DROP broken")
    again = execute_again(instance, failed)

    assert again.success
    assert {event.step_key for event in again.all_events if event.is_step_success} == {
        EXPORT_STEP,
        "report",
    }
    assert {entry.run_id for entry in project.entries().values()} == {again.run_id}
    assert sorted(project.entries()) == TABLES


@pytest.mark.slow
def test_what_failed_downstream_is_executed_again_without_another_export(
    project: Project, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUPA_ASSETS_OUTPUT", str(project.output))
    Path("broken").touch()
    failed = code_location_job().execute_in_process(instance=instance, raise_on_error=False)
    assert not failed.success
    Path("broken").unlink()
    again = execute_again(instance, failed)

    assert again.success
    assert {event.step_key for event in again.all_events if event.is_step_success} == {"report"}
    assert {entry.run_id for entry in project.entries().values()} == {failed.run_id}


# Terminations by force


def end_run(instance: dg.DagsterInstance) -> Callable[[ExportRun], None]:
    """As a forced termination in the UI does: the run is called ended, and its process isn't told."""

    def cancel(run: ExportRun) -> None:
        dagster_run = instance.get_run_by_id(run.run_id)
        assert dagster_run is not None
        instance.report_run_canceled(dagster_run)

    return cancel


def test_a_run_that_was_ended_by_force_is_not_published(
    project: Project, instance: dg.DagsterInstance
) -> None:
    files = after_table("profiles", end_run(instance))
    result = project.materialize(instance, files=files)

    assert step_failure(result) == (
        f'run "{result.run_id}" is CANCELED already\nHINT: nothing of it is published; run again.'
    )
    assert materializations(instance, result.run_id) == {}
    assert project.entries() == {}
    assert project.open_transactions() == 0
    assert project.staged() == []


@pytest.mark.slow
def test_a_run_that_was_ended_by_force_stops_reading_though_it_keeps_going_after_failures(
    project: Project, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "_INTERVAL_S", 0)
    files = after_table("badges", end_run(instance))
    result = project.materialize(instance, files=files)

    assert "is CANCELED already" in step_failure(result)
    events, _ = follow_log(project.output / LOG_FILE, result.run_id)
    started = [event.table for event in events if event.event == "table_started"]
    assert started == ["badges", "event_logs"]
    assert project.entries() == {}
    assert project.staged() == []
