"""`run_export`: what the command line runs."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import dagster as dg
import psycopg
import pytest

from supa_assets.demo.server import EmbeddedServer
from supa_assets.errors import SettingsError, SourceError
from supa_assets.export.outcome import TableOutcome
from supa_assets.export.run import ExportRun
from supa_assets.files.export_log import LOG_FILE, follow_log
from supa_assets.orchestration.jobs import EXPORT_ALL
from supa_assets.orchestration.run import run_export
from supa_assets_tests.support.dagster_runs import evaluations, materializations
from supa_assets_tests.support.interference import (
    after_table,
    change_byte,
    cut_connections,
    writing_with,
)
from supa_assets_tests.support.project import Project

FAMILY = """
CREATE TABLE parents (id int PRIMARY KEY);
CREATE TABLE children (id int PRIMARY KEY, parent_id int REFERENCES parents);
CREATE TABLE strangers (id int PRIMARY KEY);
INSERT INTO parents VALUES (1), (2);
INSERT INTO children VALUES (1, 1), (2, 2), (3, 2);
INSERT INTO strangers VALUES (1);
"""


@pytest.fixture
def unreadable_parent(make_project: Callable[..., Project], server: EmbeddedServer) -> Project:
    """`children` references `parents`, which the role may not read."""
    return make_project(
        f"""
        DO $$ BEGIN
            CREATE ROLE reader LOGIN BYPASSRLS PASSWORD '{server.password}';
        EXCEPTION WHEN duplicate_object THEN NULL; END $$;
        {FAMILY}
        GRANT SELECT ON children, strangers TO reader;
        """,
        user="reader",
    )


def test_every_table_comes_out_with_the_values_of_the_source(
    project: Project, instance: dg.DagsterInstance
) -> None:
    result = project.run(instance)

    assert result.is_success
    assert not result.is_interrupted
    assert result.error is None
    assert {table.status for table in result.tables.values()} == {"written"}
    assert all(table.is_verified for table in result.tables.values())
    assert {name: t.entry.row_count for name, t in result.tables.items() if t.entry} == {
        "organizations": 20,
        "profiles": 50,
        "badges": 2,
        "event_logs": 15_000,
    }
    entries = project.entries()
    assert result.published == entries
    written = {name: t.entry for name, t in result.tables.items()}
    assert written["badges"] == entries["badges"].model_copy(update={"checksum": None})
    assert project.rows("badges") == [{"id": 1, "label": "first"}, {"id": 2, "label": None}]
    assert [Decimal(row["budget"]) for row in project.rows("organizations")] == project.fetch(
        "SELECT budget FROM organizations ORDER BY id"
    )
    source_ids = [str(id_) for id_ in project.fetch("SELECT id FROM profiles ORDER BY id")]
    assert [row["id"] for row in project.rows("profiles")] == source_ids


def test_a_run_is_one_of_export_all_with_the_id_that_was_asked_for(
    project: Project, instance: dg.DagsterInstance
) -> None:
    run_id = "11111111-2222-3333-4444-555555555555"
    result = project.run(instance, run_id=run_id)

    assert result.run_id == run_id
    run = instance.get_run_by_id(run_id)
    assert run is not None
    assert (run.job_name, run.status) == (EXPORT_ALL, dg.DagsterRunStatus.SUCCESS)
    assert {entry.run_id for entry in project.entries().values()} == {run_id}
    assert len({entry.snapshot.id for entry in project.entries().values()}) == 1
    assert list(materializations(instance, run_id)) == [*result.tables, "export_metadata"]
    assert set(evaluations(instance, run_id)) > set(result.tables)
    assert project.open_transactions() == 0


@pytest.mark.slow
def test_a_selection_replaces_its_own_tables_only(
    project: Project, instance: dg.DagsterInstance
) -> None:
    first = project.run(instance)
    project.execute("INSERT INTO badges VALUES (3, 'new'); DELETE FROM profiles")
    second = project.run(instance, select=["badges"])

    assert list(second.tables) == list(second.published) == ["badges"]
    assert len(project.rows("badges")) == 3
    assert len(project.rows("profiles")) == 50
    runs = {name: entry.run_id for name, entry in project.entries().items()}
    assert runs.pop("badges") == second.run_id
    assert set(runs.values()) == {first.run_id}


def test_the_first_failed_table_stops_the_run_and_nothing_is_published(
    make_project: Callable[..., Project], instance: dg.DagsterInstance
) -> None:
    broken = "ALTER TABLE parents ADD broken int GENERATED ALWAYS AS (1 / (id - 2)) VIRTUAL;"
    project = make_project(FAMILY + broken)
    result = project.run(instance)

    assert not result.is_success
    assert not result.is_interrupted
    assert result.error is None
    parents = result.tables["parents"]
    assert parents.status == "failed"
    assert parents.error is not None
    assert 'reading "public.parents" failed: division by zero' in parents.error.message
    assert parents.error.hint
    assert result.tables["children"].status == "skipped"
    assert result.published == {}
    assert project.entries() == {}
    assert project.staged() == []
    assert project.open_transactions() == 0


@pytest.mark.slow
def test_what_can_not_be_read_stops_the_run_before_the_first_row(
    unreadable_parent: Project, instance: dg.DagsterInstance
) -> None:
    result = unreadable_parent.run(instance)

    assert not result.is_success
    assert result.error is not None
    assert 'may not read "public.parents"' in result.error
    assert "\nHINT: GRANT" in result.error
    assert result.tables == {}
    assert unreadable_parent.entries() == {}
    assert unreadable_parent.staged() == []
    assert unreadable_parent.open_transactions() == 0


@pytest.mark.slow
def test_with_keep_going_a_child_is_exported_though_its_parent_fails(
    unreadable_parent: Project, instance: dg.DagsterInstance
) -> None:
    result = unreadable_parent.run(instance, keep_going=True)

    assert not result.is_success
    statuses = {name: table.status for name, table in result.tables.items()}
    assert statuses == {"parents": "failed", "children": "written", "strangers": "written"}
    assert 'may not read "public.parents"' in str(result.tables["parents"].error)
    assert result.error is None
    assert set(result.published) == set(unreadable_parent.entries()) == {"children", "strangers"}
    assert unreadable_parent.verify(instance)["children"].passed
    assert unreadable_parent.staged() == []


@pytest.mark.slow
def test_a_failed_run_leaves_the_earlier_export_as_it_was(
    project: Project, instance: dg.DagsterInstance
) -> None:
    project.run(instance)
    before = project.files()
    plan = project.plan()
    project.execute("DROP TABLE event_logs")
    result = project.run(instance, plan=plan, select=["event_logs", "badges"])

    assert not result.is_success
    assert '"public.event_logs" is no longer in the database' in (result.error or "")
    assert project.files() == before


@pytest.mark.slow
@pytest.mark.parametrize("keep_going", [False, True])
def test_a_table_whose_staged_file_was_changed_is_not_published(
    project: Project, instance: dg.DagsterInstance, keep_going: bool
) -> None:
    with writing_with(after_table("badges", change_byte(project, "badges"))):
        result = project.run(instance, keep_going=keep_going)

    assert not result.is_success
    assert result.error is None
    assert [table.name for table in result.tables.values() if table.error] == ["badges"]
    badges = result.tables["badges"]
    assert isinstance(badges, TableOutcome)
    assert badges.is_verified is False
    assert 'sha256 of "public.badges" differs' in str(badges.error)
    assert not evaluations(instance, result.run_id)["badges"].passed
    published = {"organizations", "profiles", "event_logs"} if keep_going else set()
    assert set(project.entries()) == set(result.published) == published
    assert project.staged() == []


@pytest.mark.slow
@pytest.mark.parametrize("keep_going", [False, True])
def test_a_lost_snapshot_is_told_as_what_failed_the_run_and_nothing_is_tried_again(
    project: Project, instance: dg.DagsterInstance, keep_going: bool
) -> None:
    attempts: list[str] = []

    def cut(run: ExportRun) -> None:
        attempts.append(run.hold.snapshot.id)
        cut_connections(project)(run)

    with writing_with(after_table("profiles", cut)):
        result = project.run(instance, keep_going=keep_going)

    assert not result.is_success
    assert result.error is not None
    assert result.error.startswith("the connection that holds the run's snapshot was lost")
    assert {table.status for table in result.tables.values()} == {"written"}
    assert result.published == project.entries() == {}
    assert len(attempts) == 1


@pytest.mark.slow
def test_what_is_published_is_read_from_the_folder_however_the_run_ended(
    project: Project, instance: dg.DagsterInstance
) -> None:
    first = project.run(instance)
    project.execute("ALTER TABLE badges ADD broken int GENERATED ALWAYS AS (1 / (id - 2)) VIRTUAL")
    failed = project.run(instance)
    partly = project.run(instance, keep_going=True)

    assert set(first.published) == {"badges", "event_logs", "organizations", "profiles"}
    assert failed.published == {}
    assert set(partly.published) == {"event_logs", "organizations", "profiles"}
    assert {entry.run_id for entry in partly.published.values()} == {partly.run_id}
    assert project.entries()["badges"].run_id == first.run_id


@pytest.mark.slow
def test_export_log_tells_the_whole_run(project: Project, instance: dg.DagsterInstance) -> None:
    result = project.run(instance)

    events, _ = follow_log(project.output / LOG_FILE, result.run_id)
    assert events[0].event == "run_started"
    assert events[0].tables == 4
    assert events[-1].event == "published"
    assert events[-1].rows == 15_072
    written = {event.table: event for event in events if event.event == "table_written"}
    assert written["event_logs"].rows == 15_000
    assert written["event_logs"].strategy == "key ranges"
    assert written["organizations"].strategy == "one piece"


@pytest.mark.slow
def test_no_credential_reaches_the_instance_or_the_output(
    project: Project, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    project.run(instance)
    plan = project.plan()
    project.execute("DROP TABLE badges")
    failed = project.run(instance, plan=plan, select=["badges", "profiles"], keep_going=True)

    assert not failed.is_success
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert project.password.encode() not in path.read_bytes(), path


@pytest.mark.slow
def test_an_output_folder_that_is_a_file_fails_the_run_with_its_own_message(
    project: Project, instance: dg.DagsterInstance
) -> None:
    project.output.write_text("mine")
    result = project.run(instance)

    assert not result.is_success
    assert result.error is not None
    assert result.error.startswith("could not use the output folder")
    assert "\nHINT: " in result.error
    assert project.output.read_text() == "mine"


@pytest.mark.slow
def test_a_broken_metadata_json_fails_the_run_before_it_reads_and_is_not_replaced(
    project: Project, instance: dg.DagsterInstance
) -> None:
    project.output.mkdir()
    path = project.output / "metadata.json"
    path.write_text("{}")
    result = project.run(instance)

    assert not result.is_success
    assert "is not a metadata.json of this program" in (result.error or "")
    assert result.tables == {}
    assert path.read_text() == "{}"


def test_a_run_waits_for_no_pool(project: Project, instance: dg.DagsterInstance) -> None:
    """Dagster would let it wait in silence, at a whole CPU, and deaf to Ctrl-C."""
    storage = instance.event_log_storage
    storage.set_concurrency_slots("supa_assets", 1)
    storage.claim_concurrency_slot("supa_assets", "another run", "step")
    freeing = threading.Timer(10, storage.free_concurrency_slots_for_run, ["another run"])
    freeing.start()  # else the test would wait for ever
    result = project.run(instance)
    has_waited = not freeing.is_alive()
    freeing.cancel()

    assert result.is_success
    assert not has_waited


def test_what_selects_no_table_is_refused_before_a_run_begins(
    project: Project, instance: dg.DagsterInstance
) -> None:
    with pytest.raises(SettingsError, match="no table to export"):
        project.run(instance, select=[])
    assert instance.get_runs() == []


@pytest.mark.slow
def test_an_error_that_is_none_of_ours_is_told_with_its_class(
    project: Project, instance: dg.DagsterInstance
) -> None:
    def fail(_: ExportRun) -> None:
        raise ZeroDivisionError("oh")

    with writing_with(after_table("badges", fail)):
        result = project.run(instance, keep_going=True)

    assert not result.is_success
    assert not result.is_interrupted
    assert result.error == "ZeroDivisionError: oh"
    assert result.published == {}
    assert project.open_transactions() == 0
    assert project.staged() == []


@pytest.mark.slow
def test_an_interruption_is_told_and_not_raised(
    project: Project, instance: dg.DagsterInstance
) -> None:
    def interrupt(_: ExportRun) -> None:
        signal.raise_signal(signal.SIGINT)

    with writing_with(after_table("badges", interrupt)):
        result = project.run(instance, keep_going=True)

    assert result.is_interrupted
    assert not result.is_success
    assert result.error is None
    assert result.published == project.entries() == {}
    assert project.open_transactions() == 0
    assert project.staged() == []


@pytest.mark.slow
def test_what_a_table_was_failed_by_while_the_server_was_away_is_not_tried_again(
    project: Project, instance: dg.DagsterInstance
) -> None:
    with psycopg.connect(project.superuser_url) as blocker:
        blocker.execute("LOCK TABLE badges IN ACCESS EXCLUSIVE MODE")
        with writing_with(after_table("organizations", lambda _: blocker.rollback())):
            result = run_export(
                project.settings(retries=3, retry_delay_s=0, lock_timeout_s=1),
                project.plan(),
                instance=instance,
                keep_going=True,
            )

    assert not result.is_success
    assert result.tables["badges"].status == "failed"
    assert isinstance(result.tables["badges"].error, SourceError)
    assert set(result.published) == {"event_logs", "organizations", "profiles"}
