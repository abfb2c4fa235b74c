"""`run_export`: what the command line runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import dagster as dg
import pytest

from supa_assets.demo.server import EmbeddedServer
from supa_assets.files.export_log import LOG_FILE, follow_log
from supa_assets.orchestration.executor import observing_events
from supa_assets.orchestration.run import TableResult, reconstructable_export
from supa_assets.orchestration.run_tags import SNAPSHOT_TAG
from supa_assets_tests.support.project import Project, check_step

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
    assert {table.status for table in result.tables.values()} == {"written"}
    assert all(table.is_verified and table.entry for table in result.tables.values())
    assert {name: table.row_count for name, table in result.tables.items()} == {
        "organizations": 20,
        "profiles": 50,
        "badges": 2,
        "event_logs": 15_000,
    }
    badges, entry = result.tables["badges"], project.entries()["badges"]
    assert badges == TableResult(
        name="badges",
        status="written",
        is_verified=True,
        row_count=2,
        byte_count=entry.byte_count,
        duration_ms=max(entry.duration_ms, 1),
        entry=entry,
    )
    assert project.rows("badges") == [{"id": 1, "label": "first"}, {"id": 2, "label": None}]
    assert [Decimal(row["budget"]) for row in project.rows("organizations")] == project.fetch(
        "SELECT budget FROM organizations ORDER BY id"
    )
    source_ids = [str(id_) for id_ in project.fetch("SELECT id FROM profiles ORDER BY id")]
    assert [row["id"] for row in project.rows("profiles")] == source_ids


@pytest.mark.slow
def test_all_tables_of_a_run_are_of_the_snapshot_that_its_tag_names(
    project: Project, instance: dg.DagsterInstance
) -> None:
    result = project.run(instance)

    run = instance.get_run_by_id(result.run_id)
    assert run is not None
    held = json.loads(run.tags[SNAPSHOT_TAG])
    snapshots = {entry.snapshot.id for entry in project.entries().values()}
    assert snapshots == {held["snapshot"]["id"]}
    assert project.open_transactions() == 0


@pytest.mark.slow
def test_a_selection_replaces_its_own_tables_only(
    project: Project, instance: dg.DagsterInstance
) -> None:
    first = project.run(instance)
    project.execute("INSERT INTO badges VALUES (3, 'new'); DELETE FROM profiles")
    second = project.run(instance, select=["badges"])

    assert list(second.tables) == ["badges"]
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
    assert 'reading "public.parents" failed: division by zero' in parents.error
    assert "\nHINT: " in parents.error
    assert "Traceback" not in parents.error
    assert result.tables["children"].status == "skipped"
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
    assert {table.status for table in result.tables.values()} == {"skipped"}
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
    assert set(unreadable_parent.entries()) == {"children", "strangers"}
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
    result = project.run(instance, plan=plan)

    assert not result.is_success
    assert '"public.event_logs" is no longer in the database' in (result.error or "")
    assert project.files() == before


@pytest.mark.slow
@pytest.mark.parametrize("keep_going", [False, True])
def test_a_table_whose_staged_file_was_changed_is_not_published(
    project: Project, instance: dg.DagsterInstance, keep_going: bool
) -> None:
    def corrupt(run_id: str, event: dg.DagsterEvent) -> None:
        if event.is_step_success and event.step_key == "badges":
            path = project.output / ".supa-assets" / run_id / "badges.json"
            path.write_bytes(path.read_bytes().replace(b"first", b"worst"))

    with observing_events(corrupt):
        result = project.run(instance, keep_going=keep_going)

    assert not result.is_success
    assert [table.name for table in result.tables.values() if table.error] == ["badges"]
    assert result.tables["badges"].is_verified is False
    assert 'sha256 of "public.badges" differs' in (result.tables["badges"].error or "")
    published = {"organizations", "profiles", "event_logs"} if keep_going else set()
    assert set(project.entries()) == published
    assert project.staged() == []


@pytest.mark.slow
def test_export_log_tells_the_whole_run(project: Project, instance: dg.DagsterInstance) -> None:
    started: list[str] = []
    result = project.run(instance, on_run_started=started.append)

    assert started == [result.run_id]
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
    project.execute("DROP TABLE badges")
    project.run(instance, keep_going=True)

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
def test_a_re_executed_step_reads_a_snapshot_of_its_own_run(
    project: Project, instance: dg.DagsterInstance
) -> None:
    first = project.run(instance)
    job = reconstructable_export(project.settings(), project.plan(), has_dependencies=True)
    again = dg.execute_job(
        job,
        instance=instance,
        reexecution_options=dg.ReexecutionOptions(
            first.run_id, step_selection=["badges", check_step("badges")]
        ),
    )

    assert again.success
    entries = project.entries()
    assert entries["badges"].run_id == again.run_id
    assert entries["badges"].snapshot.id != entries["profiles"].snapshot.id
    run = instance.get_run_by_id(again.run_id)
    assert run is not None
    assert entries["badges"].snapshot.id in run.tags[SNAPSHOT_TAG]


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
    assert {table.status for table in result.tables.values()} == {"skipped"}
    assert path.read_text() == "{}"
