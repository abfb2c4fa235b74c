"""The job `restore_export`: what it loads, what its run tells, and when it writes nothing."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import psycopg
import pytest

from supa_assets.demo.server import EmbeddedServer
from supa_assets.orchestration.failures import explain_step_failure
from supa_assets.orchestration.restore import (
    RESTORE_EXPORT,
    RESTORE_STEP,
    RestoreConfig,
    build_restore_job,
)
from supa_assets.settings import TARGET_URL_VARIABLE, Settings
from supa_assets_tests.support.databases import Database
from supa_assets_tests.support.programs import make_checkout, run_program
from supa_assets_tests.support.project import SCHEMA, Project, refuse_connections
from supa_assets_tests.support.waiting import wait_until

DOCUMENT = Path(__file__).parents[2] / "docs" / "RESTORE.md"
ROW_COUNTS = {
    "public.badges": 2,
    "public.event_logs": 15_000,
    "public.organizations": 20,
    "public.profiles": 50,
}
WAITS_AT_PROFILES = """
CREATE FUNCTION wait() RETURNS boolean LANGUAGE plpgsql AS
    'BEGIN PERFORM pg_catalog.pg_advisory_xact_lock_shared(7); RETURN true; END';
ALTER TABLE profiles ADD CHECK (wait());
"""
IS_WAITING = (
    "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'advisory' AND datname = current_database()"
)
IS_CONNECTED = (
    "SELECT 1 FROM pg_stat_activity"
    " WHERE application_name = 'supa-assets' AND datname = current_database()"
)


@pytest.fixture
def target(make_database: Callable[..., Database], monkeypatch: pytest.MonkeyPatch) -> Database:
    """An empty database, which the environment names."""
    database = make_database()
    database.execute("GRANT ALL ON SCHEMA public TO postgres")
    monkeypatch.setenv("SUPA_ASSETS_TARGET_URL", database.url)
    return database


def restore(
    project: Project, instance: dg.DagsterInstance, **config: Any
) -> dg.ExecuteInProcessResult:
    job = project.definitions().resolve_job_def(RESTORE_EXPORT)
    return job.execute_in_process(
        run_config={"ops": {RESTORE_STEP: {"config": config}}},
        instance=instance,
        raise_on_error=False,
    )


def explain(result: dg.ExecuteInProcessResult) -> str:
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    return explain_step_failure(failure)


def said(instance: dg.DagsterInstance, run_id: str) -> str:
    """Everything that the run left in the event log."""
    return "\n".join(str(entry) for entry in instance.all_logs(run_id))


def test_the_job_says_what_it_needs_and_runs_in_one_process() -> None:
    job = build_restore_job(Settings())

    assert job.name == RESTORE_EXPORT
    assert TARGET_URL_VARIABLE in (job.description or "")
    assert job.executor_def is dg.in_process_executor
    assert set(job.graph.node_dict) == {RESTORE_STEP}


def test_the_job_restores_an_export_and_its_run_tells_every_tables_count(
    project: Project, target: Database, instance: dg.DagsterInstance
) -> None:
    project.run(instance)
    result = restore(project, instance, create=True)

    assert result.success
    found = {name: target.fetch_value(f"SELECT count(*) FROM {name}") for name in ROW_COUNTS}
    assert found == ROW_COUNTS
    (output,) = [event for event in result.all_events if event.is_successful_output]
    told: dict[str, Any] = dict(output.step_output_data.metadata)
    assert {row.data["table"]: row.data["rows"] for row in told["tables"].records} == ROW_COUNTS
    assert told["dagster/row_count"].value == 15_072
    assert told["target"].value == f"127.0.0.1:{target.server.port}/{target.name}"
    assert 'table "public.badges"' in told["created"].value
    lines = said(instance, result.run_id)
    assert "event_logs: 15,000 rows" in lines
    assert "[4/4] profiles: 50 rows" in lines
    assert "restored 4 tables, 15,072 rows to 127.0.0.1" in lines


@pytest.mark.slow
def test_some_tables_of_another_folder_can_be_restored(
    project: Project, target: Database, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    project.run(instance)
    project.output.rename(tmp_path / "elsewhere")
    result = restore(
        project, instance, folder=str(tmp_path / "elsewhere"), tables=["public.badges"], create=True
    )

    assert result.success
    assert target.fetch("SELECT relname FROM pg_stat_user_tables") == [("badges",)]


@pytest.mark.slow
def test_a_dry_run_writes_nothing_and_tells_what_it_would_do(
    project: Project, target: Database, instance: dg.DagsterInstance
) -> None:
    project.run(instance)
    result = restore(project, instance, create=True, dry_run=True)

    assert result.success
    assert "would restore 4 tables, 15,072 rows" in said(instance, result.run_id)
    assert target.fetch("SELECT relname FROM pg_stat_user_tables") == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("", "there is no target database\nHINT: set SUPA_ASSETS_TARGET_URL"),
        ("mysql://x:{password}@y", "the connection URL in SUPA_ASSETS_TARGET_URL is malformed"),
        ("postgresql://postgres:{password}@127.0.0.1:1/postgres", "cannot connect to"),
    ],
)
def test_a_target_out_of_reach_fails_the_run_with_a_message_and_a_hint(
    project: Project,
    target: Database,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
    url: str,
    expected: str,
) -> None:
    project.run(instance)
    monkeypatch.setenv("SUPA_ASSETS_TARGET_URL", url.format(password=project.password))
    result = restore(project, instance, create=True)

    assert not result.success
    assert expected in explain(result)
    assert "\nHINT: " in explain(result)
    told = [entry.user_message for entry in instance.all_logs(result.run_id)]
    assert explain(result) in told
    assert project.password not in said(instance, result.run_id)


@pytest.mark.slow
def test_a_target_with_rows_of_its_own_is_left_as_it_is(
    project: Project, target: Database, instance: dg.DagsterInstance
) -> None:
    project.run(instance)
    target.execute(f"SET ROLE postgres; {SCHEMA}; TRUNCATE organizations, profiles, event_logs")
    result = restore(project, instance)

    assert not result.success
    assert '"public.badges" holds rows already' in explain(result)
    assert "\nHINT: mend them in the target" in explain(result)
    assert target.fetch_value("SELECT count(*) FROM badges") == 2
    assert target.fetch_value("SELECT count(*) FROM organizations") == 0


@pytest.mark.slow
def test_the_source_is_refused_unless_told_twice(
    project: Project, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.run(instance)
    monkeypatch.setenv("SUPA_ASSETS_TARGET_URL", project.url)

    assert "is the database that the export came from" in explain(restore(project, instance))
    once = restore(project, instance, into_source=True)
    assert "HINT: set confirm_into_source as well" in explain(once)
    twice = restore(project, instance, into_source=True, confirm_into_source=True)
    assert "holds rows already" in explain(twice)


@pytest.mark.slow
def test_materializing_everything_restores_nothing(
    project: Project, target: Database, tmp_path: Path
) -> None:
    done = run_program(
        "dagster", "asset", "materialize", "-m", "supa_assets", "--select", "*",
        folder=tmp_path, SUPA_ASSETS_AUTH="false",
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert target.fetch("SELECT relname FROM pg_stat_user_tables") == []
    repository = project.definitions().get_repository_def()
    for name in ("__ASSET_JOB", "export_all"):
        assert RESTORE_STEP not in repository.get_job(name).graph.node_dict
    assert repository.has_job(RESTORE_EXPORT)


def test_launch_config_has_no_place_for_a_url(project: Project, target: Database) -> None:
    job = project.definitions().resolve_job_def(RESTORE_EXPORT)
    config: Any = job.get_node_named(RESTORE_STEP).definition
    fields = config.config_schema.as_field().config_type.fields

    assert set(fields) == {
        "folder", "tables", "create", "dry_run", "into_source", "confirm_into_source",
    }  # fmt: skip


def test_the_documented_config_is_valid_and_names_every_field(
    project: Project, target: Database, tmp_path: Path
) -> None:
    (config,) = re.findall(r"```yaml\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)
    job = project.definitions().resolve_job_def(RESTORE_EXPORT)

    (tmp_path / "restore.yaml").write_text(config)
    given = dg.config_from_files([str(tmp_path / "restore.yaml")])
    dg.validate_run_config(job, given)
    assert set(given["ops"][RESTORE_STEP]["config"]) == set(RestoreConfig.model_fields)


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [("dg", "launch", "--job"), ("dagster", "job", "execute", "-m", "supa_assets", "-j")],
    ids=["dg launch", "dagster job execute"],
)
def test_a_command_line_restores_without_the_source(
    project: Project,
    target: Database,
    server: EmbeddedServer,
    instance: dg.DagsterInstance,
    tmp_path: Path,
    command: tuple[str, ...],
) -> None:
    """It takes no snapshot of the source, and no process of its own for its step, whatever executor others have."""
    make_checkout(tmp_path)
    project.run(instance)
    config = tmp_path / "restore.yaml"
    config.write_text(f"ops: {{{RESTORE_STEP}: {{config: {{create: true}}}}}}")
    refuse_connections(project, server)
    done = run_program(
        *command, RESTORE_EXPORT, "--config", str(config),
        folder=tmp_path,
        SUPA_ASSETS_OUTPUT=str(project.output),
        SUPA_ASSETS_AUTH="false",
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert target.fetch_value("SELECT count(*) FROM event_logs") == 15_000
    (run,) = instance.get_runs(limit=1)
    assert "Executing steps in process" in said(instance, run.run_id)


@pytest.mark.slow
@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_terminated_rolls_back(
    project: Project,
    target: Database,
    instance: dg.DagsterInstance,
    tmp_path: Path,
    signal_number: signal.Signals,
) -> None:
    """SIGINT is what the UI's "Terminate" sends. Three tables are loaded when it comes, the fourth is being loaded."""
    project.run(instance)
    truncate = "TRUNCATE organizations, profiles, event_logs, badges"
    target.execute(f"SET ROLE postgres; {SCHEMA}; {truncate}; {WAITS_AT_PROFILES}")
    with psycopg.connect(target.superuser_url) as blocker:
        blocker.execute("SELECT pg_advisory_lock(7)")
        with subprocess.Popen(
            [
                *(str(Path(sys.executable).parent / "dagster"), "job", "execute"),
                *("-m", "supa_assets", "-j", RESTORE_EXPORT),
            ],
            cwd=tmp_path,
            env={**os.environ, "SUPA_ASSETS_OUTPUT": str(project.output)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            wait_until(lambda: bool(target.fetch(IS_WAITING)), timeout_s=60)
            (run,) = instance.get_runs(limit=1)
            assert "[3/4]" in said(instance, run.run_id)
            process.send_signal(signal_number)
            process.wait(timeout=20)
        wait_until(lambda: not target.fetch(IS_CONNECTED), timeout_s=10)

    assert {target.fetch_value(f"SELECT count(*) FROM {name}") for name in ROW_COUNTS} == {0}
    (run,) = instance.get_runs(limit=1)
    assert run.is_failure_or_canceled
