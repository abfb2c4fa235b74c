"""A run of everything exports the database as it is now, whatever changed since the plan was read."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import errors

from supa_assets.errors import (
    PermissionDenied,
    SchemaChanged,
    SettingsError,
    TablesFailed,
)
from supa_assets.export.run import ExportRun, begin_export, export_database
from supa_assets.export.source import SnapshotHold, SourceConnection, SourceDatabase
from supa_assets.files.completeness import explain_own_left_out
from supa_assets.files.metadata import ExportMetadata
from supa_assets.files.open import open_storage
from supa_assets.files.publish import require_metadata
from supa_assets.files.verify import verify_export
from supa_assets.plan.export_plan import ExportPlan, PlannedTable
from supa_assets_tests.support.databases import Database
from supa_assets_tests.support.exports import read_files
from supa_assets_tests.support.waiting import wait_until

SCHEMA = """
CREATE TABLE organizations (id int PRIMARY KEY, name text);
CREATE TABLE sites (id int PRIMARY KEY, organization_id int REFERENCES organizations);
CREATE TABLE logs (id int);
INSERT INTO organizations SELECT n, 'Organization ' || n FROM generate_series(1, 3) n;
INSERT INTO sites SELECT n, n FROM generate_series(1, 3) n;
"""


@pytest.fixture
def project(database: Database) -> Database:
    database.execute(SCHEMA)
    return database


@pytest.fixture
def plan(project: Database, tmp_path: Path) -> ExportPlan:
    """What the definitions know; an export of it is there."""
    export_database(url=project.url, output=tmp_path, auth=False)
    return project.plan()


@contextmanager
def begun(
    source: SourceDatabase,
    plan: ExportPlan,
    folder: Path,
    *,
    selected: Sequence[str] | None = None,
    keep_going: bool = False,
) -> Iterator[ExportRun]:
    with begin_export(
        source, open_storage(folder), plan, selected=selected, stops_at_failure=not keep_going
    ) as run:
        yield run


def export(source: SourceDatabase, plan: ExportPlan, folder: Path) -> ExportMetadata:
    """Of everything."""
    with begun(source, plan, folder) as run:
        return run.export()


def published(folder: Path) -> dict[str, str]:
    """By file, the run that wrote it; the files are what metadata.json says of them."""
    storage = open_storage(folder)
    faults = verify_export(storage, full=True)
    assert [fault for fault in faults if fault.what != "not exported"] == []
    entries = require_metadata(storage).tables.values()
    assert {e.file for e in entries} == read_files(folder).keys() - {"metadata.json", "export.log"}
    return {entry.file: entry.run_id for entry in entries}


def lost(folder: Path) -> dict[object, object]:
    """What `verify` misses, with the reason."""
    faults = verify_export(open_storage(folder))
    return {fault.expected: fault.found for fault in faults if fault.what == "not exported"}


def drift(metadata: ExportMetadata) -> list[str]:
    return [change.describe() for change in metadata.drift]


# Tables that came


def test_a_table_made_since_is_exported_like_any_other(
    project: Database, plan: ExportPlan, tmp_path: Path
) -> None:
    project.execute(
        "CREATE TABLE rooms (id int PRIMARY KEY, site_id int REFERENCES sites, share numeric)",
        "INSERT INTO rooms VALUES (1, 1, 1.10)",
    )
    metadata = export(project.source(), plan, tmp_path)

    assert published(tmp_path).keys() == {
        "organizations.json", "sites.json", "logs.json", "rooms.json",
    }  # fmt: skip
    rooms = json.loads((tmp_path / "rooms.json").read_text())
    assert rooms == [{"id": 1, "site_id": 1, "share": "1.10"}]
    entry = metadata.tables["rooms"]
    assert (entry.primary_key, entry.row_count) == (["id"], 1)
    assert [reference.table for reference in entry.references] == ["sites"]
    order = {position.table: position.level for position in metadata.import_order}
    assert order == {"logs": 0, "organizations": 0, "sites": 1, "rooms": 2}
    assert metadata.structure is not None
    assert metadata.structure.tables.keys() == metadata.tables.keys()
    assert drift(metadata) == ['"public.rooms": table added']
    assert metadata.is_one_snapshot
    assert [entry.name for entry in metadata.not_exported if entry.schema_name == "public"] == []


def test_a_table_made_since_is_locked_before_the_snapshot_is_taken(
    project: Database, plan: ExportPlan, tmp_path: Path
) -> None:
    project.execute("CREATE TABLE rooms (id int)")
    with (
        begun(project.source(), plan, tmp_path) as run,
        psycopg.connect(project.superuser_url, autocommit=True) as other,
    ):
        assert "rooms" in [table.relation.name for table in run.hold.locked]
        other.execute("SET lock_timeout = '50ms'")
        for statement in ("ALTER TABLE rooms ADD note text", "TRUNCATE rooms", "DROP TABLE rooms"):
            with pytest.raises(errors.LockNotAvailable):
                other.execute(statement.encode())
        other.execute("INSERT INTO rooms VALUES (1)")
        assert run.export().tables["rooms"].row_count == 0
    project.execute("DROP TABLE rooms")  # nothing holds it any more


def test_what_happens_with_tables_that_came_and_went_is_said_before_the_first_row(
    project: Database, plan: ExportPlan, tmp_path: Path
) -> None:
    project.execute("CREATE TABLE rooms (id int)", "DROP TABLE logs")
    said = "changed since the definitions loaded: "
    is_exported = "it is exported, and is among the assets once the definitions are reloaded"
    with begun(project.source(), plan, tmp_path) as run:
        assert run.list_warnings() == [
            f'{said}"public.rooms": table added; {is_exported}',
            f'{said}"public.logs": table dropped; it leaves the export',
        ]
    with begun(project.source(), plan, tmp_path, selected=["sites"]) as run:
        assert run.list_warnings() == [
            f'{said}"public.rooms": table added',
            f'{said}"public.logs": table dropped',
        ]


def test_a_new_table_takes_neither_the_name_nor_the_file_of_a_known_one(
    project: Database, plan: ExportPlan, tmp_path: Path
) -> None:
    project.execute(
        'CREATE TABLE "Sites" (id text)',
        "INSERT INTO \"Sites\" VALUES ('new')",
        "CREATE TABLE LOGS_2 (id int)",
        'ALTER TABLE logs RENAME TO "Logs"',  # the name of one that is gone is not free, either
    )
    metadata = export(project.source(), plan, tmp_path)

    names = {str(entry.relation): name for name, entry in metadata.tables.items()}
    assert names["public.sites"] == "sites"
    assert metadata.tables["sites"].row_count == 3
    assert names["public.Sites"].startswith("Sites__")
    assert names["public.Logs"].startswith("Logs__")
    assert names["public.logs_2"] == "logs_2"
    assert json.loads((tmp_path / f"{names['public.Sites']}.json").read_text()) == [{"id": "new"}]
    assert len(published(tmp_path)) == 5


@pytest.fixture
def reader(project: Database) -> SourceDatabase:
    """Of a role that may read what is there now."""
    project.execute(
        f"""
        DO $$ BEGIN CREATE ROLE newcomer LOGIN PASSWORD '{project.server.password}';
        EXCEPTION WHEN duplicate_object THEN NULL; END $$
        """,
        "GRANT SELECT ON ALL TABLES IN SCHEMA public TO newcomer",
    )
    return project.source(user="newcomer")


def test_a_new_table_that_the_role_may_not_read_is_refused_by_name(
    project: Database, reader: SourceDatabase, plan: ExportPlan, tmp_path: Path
) -> None:
    before = published(tmp_path)
    project.execute("CREATE TABLE rooms (id int)")
    with pytest.raises(PermissionDenied, match=r'may not read "public\.rooms"') as caught:
        export(reader, plan, tmp_path)
    assert 'GRANT SELECT ON "public"."rooms" TO "newcomer"' in (caught.value.hint or "")
    assert published(tmp_path) == before


def test_a_new_table_that_can_not_be_read_costs_the_others_nothing(
    project: Database, reader: SourceDatabase, plan: ExportPlan, tmp_path: Path
) -> None:
    project.execute("CREATE TABLE rooms (id int)", "DROP TABLE logs")
    with begun(reader, plan, tmp_path, keep_going=True) as run:
        # It isn't said of `rooms` that it is exported.
        assert [warning.rpartition(": ")[2] for warning in run.list_warnings()] == [
            "table added", "table dropped; it leaves the export",
        ]  # fmt: skip
        with pytest.raises(TablesFailed, match="1 of 3 tables") as caught:
            run.export()
    assert isinstance(caught.value.failures["rooms"], PermissionDenied)
    runs = published(tmp_path)
    assert runs["sites.json"] == runs["organizations.json"] == run.run_id
    assert "logs.json" not in runs
    reasons = {entry.name: entry.reason for entry in caught.value.metadata.not_exported}
    assert reasons["rooms"] == "no privilege"
    assert lost(tmp_path) == {"public.rooms": "no privilege"}


def test_a_table_that_fails_keeps_its_earlier_file_in_a_run_of_everything_that_goes_on(
    project: Database, plan: ExportPlan, tmp_path: Path
) -> None:
    before = published(tmp_path)
    project.execute(
        "DROP TABLE logs",
        "ALTER TABLE sites ADD broken int GENERATED ALWAYS AS (1 / (id - 1)) VIRTUAL",
    )
    with (
        begun(project.source(), plan, tmp_path, keep_going=True) as run,
        pytest.raises(TablesFailed, match="1 of 2 tables"),
    ):
        run.export()
    runs = published(tmp_path)
    assert runs["sites.json"] == before["sites.json"]
    assert runs["organizations.json"] == run.run_id
    assert "logs.json" not in runs
    assert lost(tmp_path) == {"public.sites": "failed"}, "its file is there, and is an old one"
    project.execute("ALTER TABLE sites DROP broken")
    export_database(url=project.url, output=tmp_path, auth=False, named=["sites"])
    assert lost(tmp_path) == {}


# Tables that went


def test_a_table_dropped_since_leaves_the_export_and_is_no_error(
    project: Database, plan: ExportPlan, tmp_path: Path
) -> None:
    project.execute("DROP TABLE logs")
    metadata = export(project.source(), plan, tmp_path)

    assert published(tmp_path).keys() == {"organizations.json", "sites.json"}
    assert drift(metadata) == ['"public.logs": table dropped']
    assert "logs" not in [position.table for position in metadata.import_order]


def test_a_renamed_table_is_one_that_went_and_one_that_came(
    project: Database, plan: ExportPlan, tmp_path: Path
) -> None:
    project.execute("ALTER TABLE sites RENAME TO places")
    metadata = export(project.source(), plan, tmp_path)

    assert published(tmp_path).keys() == {"organizations.json", "places.json", "logs.json"}
    assert metadata.tables["places"].row_count == 3
    assert drift(metadata) == ['"public.places": table added', '"public.sites": table dropped']


def test_a_table_that_became_a_view_leaves_the_export_as_one(
    project: Database, plan: ExportPlan, tmp_path: Path
) -> None:
    project.execute("DROP TABLE logs", "CREATE VIEW logs AS SELECT 1 AS id")
    metadata = export(project.source(), plan, tmp_path)

    assert published(tmp_path).keys() == {"organizations.json", "sites.json"}
    (entry,) = [entry for entry in metadata.not_exported if entry.name == "logs"]
    assert (entry.kind, entry.reason) == ("view", "view")


@pytest.mark.parametrize("keep_going", [False, True])
def test_a_dropped_table_that_is_selected_is_an_error(
    project: Database, plan: ExportPlan, tmp_path: Path, keep_going: bool
) -> None:
    before = published(tmp_path)
    project.execute("DROP TABLE logs")
    selected = ["logs", "sites"]
    with (
        pytest.raises(
            (SchemaChanged, TablesFailed), match=r'"public\.logs" is no longer'
        ) as caught,
        begun(project.source(), plan, tmp_path, selected=selected, keep_going=keep_going) as run,
    ):
        run.export()
    changed = {file for file, run_id in published(tmp_path).items() if run_id != before[file]}
    assert changed == ({"sites.json"} if keep_going else set())
    assert "reload definitions" in (caught.value.hint or "")


def test_a_run_of_some_tables_takes_nothing_new_and_lets_nothing_go(
    project: Database, plan: ExportPlan, tmp_path: Path
) -> None:
    before = published(tmp_path)
    project.execute("DROP TABLE logs", "CREATE TABLE rooms (id int)")
    with begun(project.source(), plan, tmp_path, selected=["sites"]) as run:
        metadata = run.export()
    after = published(tmp_path)
    assert after.keys() == before.keys()
    assert {file for file in after if after[file] != before[file]} == {"sites.json"}
    reasons = {entry.name: entry.reason for entry in metadata.not_exported}
    assert reasons["rooms"] == "created since the definitions were loaded"


def test_where_nothing_is_left_to_export_it_is_said_and_the_earlier_export_stays(
    project: Database, plan: ExportPlan, tmp_path: Path
) -> None:
    before = published(tmp_path)
    project.execute("DROP TABLE logs, sites, organizations")
    for keep_going in (False, True):
        with (
            pytest.raises(SettingsError, match="there is no table to export"),
            begun(project.source(), plan, tmp_path, keep_going=keep_going),
        ):
            pass
    with pytest.raises(SettingsError, match="there is no table to export"):
        export_database(url=project.url, output=tmp_path, auth=False)
    assert published(tmp_path) == before


def test_a_plan_without_tables_exports_those_that_are_there_by_now(
    database: Database, tmp_path: Path
) -> None:
    plan = database.plan()
    with pytest.raises(SettingsError, match="there is no table to export"):
        export(database.source(), plan, tmp_path)
    database.execute("CREATE TABLE first (id int)")
    assert list(export(database.source(), plan, tmp_path).tables) == ["first"]


# While the export begins


def test_one_call_exports_what_came_and_went_after_it_had_read_the_catalogue(
    project: Database, plan: ExportPlan, tmp_path: Path
) -> None:
    done: list[ExportMetadata] = []

    def run() -> None:
        done.append(export_database(url=project.url, output=tmp_path, auth=False))

    thread = threading.Thread(target=run)
    with psycopg.connect(project.superuser_url) as other:
        other.execute("LOCK TABLE sites IN ACCESS EXCLUSIVE MODE")
        thread.start()
        wait_until(lambda: is_awaited(project))  # it has its plan, and waits for its locks
        other.execute("CREATE TABLE rooms (id int)")
        other.execute("DROP TABLE logs")
    thread.join(timeout=30)

    (metadata,) = done
    assert sorted(metadata.tables) == ["organizations", "rooms", "sites"]
    assert drift(metadata) == ['"public.rooms": table added', '"public.logs": table dropped']
    assert published(tmp_path).keys() == {"organizations.json", "rooms.json", "sites.json"}


def is_awaited(database: Database) -> bool:
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    return bool(database.fetch_value(f"{waiting} AND wait_event_type = 'Lock'"))


class RestlessDatabase(SourceDatabase):
    """Something happens in it each time before an export looks at it, until it has happened `times` times."""

    def __init__(
        self,
        database: Database,
        happen: Callable[[int], str],
        *,
        times: int = 100,
        **settings: Any,
    ) -> None:
        super().__init__(database.settings(**settings))
        self._database = database
        self._happen = happen
        self._times = times
        self.looks = 0

    @contextmanager
    def hold_snapshot(
        self, tables: Sequence[PlannedTable] = (), *, connected: SourceConnection | None = None
    ) -> Iterator[SnapshotHold]:
        self.looks += 1
        if self.looks <= self._times:
            self._database.execute(self._happen(self.looks))
        with super().hold_snapshot(tables, connected=connected) as hold:
            yield hold


def make_table(number: int) -> str:
    return f"CREATE TABLE made_{number} (id int)"


@pytest.mark.parametrize("times", [1, 2])
def test_tables_that_are_made_while_the_export_begins_are_exported(
    project: Database, plan: ExportPlan, tmp_path: Path, times: int
) -> None:
    source = RestlessDatabase(project, make_table, times=times)
    export(source, plan, tmp_path)
    made = {f"made_{number}.json" for number in range(1, times + 1)}
    assert published(tmp_path).keys() == {"organizations.json", "sites.json", "logs.json"} | made
    assert source.looks == times + 1


def test_where_tables_are_made_again_and_again_a_run_ends_and_the_earlier_export_stays(
    project: Database, plan: ExportPlan, tmp_path: Path
) -> None:
    before = published(tmp_path)
    source = RestlessDatabase(project, make_table)
    with pytest.raises(
        SchemaChanged, match=r'^"public\.made_3" was created while the export began'
    ) as caught:
        export(source, plan, tmp_path)
    assert source.looks == 3
    assert "setting exclude" in (caught.value.hint or "")
    assert published(tmp_path) == before


def test_where_tables_are_made_again_and_again_a_run_that_goes_on_names_the_last_one(
    project: Database, plan: ExportPlan, tmp_path: Path
) -> None:
    source = RestlessDatabase(project, make_table)
    with (
        begun(source, plan, tmp_path, keep_going=True) as run,
        pytest.raises(TablesFailed, match="1 of 6 tables were not exported") as caught,
    ):
        run.export()
    assert source.looks == 3
    assert isinstance(caught.value.failures["made_3"], SchemaChanged)
    files = {file for file, run_id in published(tmp_path).items() if run_id == run.run_id}
    assert files == {
        "organizations.json", "sites.json", "logs.json", "made_1.json", "made_2.json",
    }  # fmt: skip
    reasons = {entry.name: entry.reason for entry in caught.value.metadata.not_exported}
    assert reasons["made_3"] == "created since the definitions were loaded"


def test_a_table_that_is_dropped_again_while_the_export_begins_is_no_error(
    project: Database, plan: ExportPlan, tmp_path: Path
) -> None:
    happenings = ["CREATE TABLE fleeting (id int)", "DROP TABLE fleeting"]
    source = RestlessDatabase(project, lambda number: happenings[number - 1], times=2)
    metadata = export(source, plan, tmp_path)
    assert source.looks == 2
    assert metadata.drift == []
    assert published(tmp_path).keys() == {"organizations.json", "sites.json", "logs.json"}


PARTITIONS = """
CREATE TABLE readings (at int, value int) PARTITION BY RANGE (at);
CREATE TABLE readings_1 PARTITION OF readings FOR VALUES FROM (0) TO (10);
CREATE TABLE readings_2 PARTITION OF readings FOR VALUES FROM (10) TO (20);
INSERT INTO readings SELECT n, n FROM generate_series(0, 19) n;
"""
DETACH = "ALTER TABLE readings DETACH PARTITION readings_2"


def row_counts(metadata: ExportMetadata) -> dict[str, int]:
    return {name: entry.row_count for name, entry in metadata.tables.items()}


@pytest.mark.parametrize("keep_going", [False, True])
def test_a_partition_that_is_detached_while_the_export_begins_is_exported_by_itself(
    project: Database, tmp_path: Path, keep_going: bool
) -> None:
    project.execute(PARTITIONS)
    export_database(url=project.url, output=tmp_path, auth=False)
    source = RestlessDatabase(project, lambda _: DETACH, times=1)
    with begun(source, project.plan(), tmp_path, keep_going=keep_going) as run:
        metadata = run.export()
    counts = row_counts(metadata)
    assert (counts["readings"], counts["readings_2"]) == (10, 10)
    assert verify_export(open_storage(tmp_path), full=True) == []


def detach_concurrently(database: Database) -> None:
    """Until somebody cancels it."""
    with pytest.raises(errors.QueryCanceled):
        database.execute(f"{DETACH} CONCURRENTLY")


def test_a_partition_whose_detaching_is_decided_and_not_finished_is_exported_by_itself(
    project: Database, tmp_path: Path
) -> None:
    """The server reads it no longer with its root, and calls it a partition still."""
    project.execute(PARTITIONS)
    pending = "SELECT count(*) FROM pg_inherits WHERE inhdetachpending"
    with psycopg.connect(project.superuser_url) as reader:
        reader.execute("SELECT count(*) FROM readings")  # the detaching waits for it
        thread = threading.Thread(target=detach_concurrently, args=[project])
        thread.start()
        wait_until(lambda: project.fetch_value(pending) == 1)
        project.execute(
            "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE '%PARTITION readings_2 CONCURRENTLY'"
        )
        thread.join(timeout=30)
    assert project.fetch_value(pending) == 1

    counts = row_counts(export_database(url=project.url, output=tmp_path, auth=False))
    assert (counts["readings"], counts["readings_2"]) == (10, 10)
    assert verify_export(open_storage(tmp_path), full=True) == []


@pytest.mark.parametrize(
    ("statement", "tables"),
    [
        ("ALTER TABLE sites RENAME TO places", {"organizations", "logs", "places"}),
        ("ALTER TABLE sites SET SCHEMA app", {"organizations", "logs", "app_sites"}),
    ],
)
def test_a_table_that_is_renamed_or_moved_while_the_export_begins_is_exported_under_its_new_name(
    project: Database, tmp_path: Path, statement: str, tables: set[str]
) -> None:
    project.execute("CREATE SCHEMA app")
    settings = project.settings(schemas=["public", "app"])
    plan = SourceDatabase(settings).read_plan()
    source = RestlessDatabase(project, lambda _: statement, times=1, schemas=["public", "app"])
    metadata = export(source, plan, tmp_path)
    assert metadata.tables.keys() == tables
    assert set(row_counts(metadata).values()) == {0, 3}
    assert published(tmp_path).keys() == {f"{name}.json" for name in tables}


def test_a_table_that_is_moved_out_of_the_selected_schemas_is_named_as_one_of_the_user_s_own(
    project: Database, plan: ExportPlan, tmp_path: Path
) -> None:
    """As if it had always lain there: the export is of what the settings select, in the snapshot."""
    project.execute("CREATE SCHEMA app")
    source = RestlessDatabase(project, lambda _: "ALTER TABLE logs SET SCHEMA app", times=1)
    metadata = export(source, plan, tmp_path)
    assert published(tmp_path).keys() == {"organizations.json", "sites.json"}
    notice = explain_own_left_out(metadata.not_exported, ["public"])
    assert notice is not None
    assert "app.logs" in notice.text
    assert "SUPA_ASSETS_SCHEMAS=public,app" in (notice.hint or "")


@pytest.mark.parametrize("statement", ["CREATE TABLE rooms (id int)", DETACH])
def test_a_run_that_leaves_some_tables_out_means_those_that_are_made_while_it_begins(
    project: Database, tmp_path: Path, statement: str
) -> None:
    project.execute(PARTITIONS)
    plan = project.plan()
    export(project.source(), plan, tmp_path)
    source = RestlessDatabase(project, lambda _: statement, times=1)
    selected = ["organizations", "sites", "readings"]  # as --skip-large would, without logs
    with begin_export(
        source, open_storage(tmp_path), plan, selected=selected, takes_new=True
    ) as run:
        metadata = run.export()
    new = "rooms" if "rooms" in statement else "readings_2"
    assert metadata.tables[new].run_id == run.run_id
    assert metadata.tables["logs"].run_id != run.run_id
    counts = row_counts(metadata)
    assert counts["readings"] + counts.get("readings_2", 0) == 20
    assert verify_export(open_storage(tmp_path), full=True) == []


def test_where_tables_are_made_again_and_again_a_run_that_leaves_some_out_ends_as_well(
    project: Database, plan: ExportPlan, tmp_path: Path
) -> None:
    before = published(tmp_path)
    source = RestlessDatabase(project, make_table)
    with (
        pytest.raises(SchemaChanged, match=r'"public\.made_3" was created'),
        begin_export(
            source, open_storage(tmp_path), plan, selected=["sites"], takes_new=True
        ) as run,
    ):
        run.export()
    assert published(tmp_path) == before


def test_every_look_that_was_not_the_last_ends_its_transaction(
    project: Database, plan: ExportPlan, tmp_path: Path
) -> None:
    source = RestlessDatabase(project, make_table, times=1)
    held = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND application_name = 'supa-assets' AND xact_start IS NOT NULL"
    )
    with begun(source, plan, tmp_path) as run:
        run.open_session()
        assert project.fetch_value(held) == 2  # the hold and the session that reads
    assert project.fetch_value(held) == 0
