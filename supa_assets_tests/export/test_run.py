"""An export as a thing: begun, written, published and ended, in one call or step by step, without Dagster."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

import supa_assets
from supa_assets.errors import (
    ExportFault,
    OutputError,
    PermissionDenied,
    SettingsError,
    SourceUnavailable,
    SupaAssetsError,
    TablesFailed,
)
from supa_assets.export.outcome import TableOutcome
from supa_assets.export.run import ExportRun, begin_export, export_database
from supa_assets.files.metadata import TableEntry
from supa_assets.files.open import open_storage
from supa_assets.files.verify import verify_export
from supa_assets.plan.export_plan import PlannedTable
from supa_assets_tests.support.databases import Database
from supa_assets_tests.support.exports import read_files

SCHEMA = """
CREATE TABLE organizations (id int PRIMARY KEY, name text);
CREATE TABLE sites (id int PRIMARY KEY, organization_id int REFERENCES organizations, share numeric);
CREATE TABLE nothing (id int PRIMARY KEY);
INSERT INTO organizations SELECT n, 'Organization ' || n FROM generate_series(1, 20) n;
INSERT INTO sites SELECT n, n, 1.10 FROM generate_series(1, 20) n;
"""


@pytest.fixture
def project(database: Database) -> Database:
    database.execute(SCHEMA)
    return database


@pytest.fixture
def reader_url(project: Database) -> str:
    """Of a role that may read `organizations` and `nothing`, and not `sites`."""
    project.execute(
        f"""
        DO $$ BEGIN CREATE ROLE reader LOGIN PASSWORD '{project.server.password}';
        EXCEPTION WHEN duplicate_object THEN NULL; END $$
        """,
        "GRANT SELECT ON organizations, nothing TO reader",
    )
    return project.server.url(project.name, user="reader")


def test_one_call_exports_everything_and_gives_back_what_metadata_json_says(
    project: Database, tmp_path: Path
) -> None:
    seen: list[tuple[str, int, int]] = []
    metadata = supa_assets.export_database(
        url=project.url,
        output=tmp_path / "out",
        auth=False,
        on_progress=lambda *said: seen.append(said),
    )
    assert {name: entry.row_count for name, entry in metadata.tables.items()} == {
        "nothing": 0,
        "organizations": 20,
        "sites": 20,
    }
    assert metadata.to_json() == (tmp_path / "out" / "metadata.json").read_bytes()
    assert verify_export(open_storage(tmp_path / "out"), full=True) == []
    assert seen == [
        (name, metadata.tables[name].row_count, seen_bytes)
        for name, (_, _, seen_bytes) in zip(
            ("nothing", "organizations", "sites"), seen, strict=True
        )
    ]


def test_it_works_where_dagster_is_not_installed(project: Database, tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['dagster'] = None\n"
        "import supa_assets\n"
        f"metadata = supa_assets.export_database(url={project.url!r}, output='out', auth=False)\n"
        "print(sorted(metadata.tables))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == "['nothing', 'organizations', 'sites']\n"


def test_a_setting_that_there_was_once_is_ignored_and_said_so(
    project: Database, tmp_path: Path
) -> None:
    program = (
        "import supa_assets\n"
        f"metadata = supa_assets.export_database(url={project.url!r}, output='out', auth=False,"
        " executor='multiprocess')\n"
        "print(sorted(metadata.tables))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == "['nothing', 'organizations', 'sites']\n"
    assert done.stderr.count("\n") == 1
    assert 'setting "executor" is ignored: an export is one step' in done.stderr


def test_neither_the_environment_nor_a_settings_file_changes_what_it_exports(
    project: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SUPA_ASSETS_EXCLUDE", "public.sites")
    (tmp_path / "supa-assets.toml").write_text('exclude = ["public.organizations"]\n')
    metadata = export_database(url=project.url, output=tmp_path / "out", auth=False)
    assert sorted(metadata.tables) == ["nothing", "organizations", "sites"]


def test_some_tables_replace_only_those(project: Database, tmp_path: Path) -> None:
    def export(**options: Any) -> dict[str, str]:
        metadata = export_database(url=project.url, output=tmp_path, auth=False, **options)
        return {name: entry.run_id for name, entry in metadata.tables.items()}

    first = export()
    second = export(named=["public.sites"])
    assert second["organizations"] == first["organizations"]
    assert second["sites"] != first["sites"]


def test_a_table_that_can_not_be_read_stops_it_and_an_earlier_export_stays(
    project: Database, reader_url: str, tmp_path: Path
) -> None:
    export_database(url=project.url, output=tmp_path, auth=False)
    before = read_files(tmp_path)
    with pytest.raises(PermissionDenied, match="may not read"):
        export_database(url=reader_url, output=tmp_path, auth=False)
    assert without_log(read_files(tmp_path)) == without_log(before)


def test_with_keep_going_the_others_are_published_and_the_failed_ones_are_named(
    reader_url: str, tmp_path: Path
) -> None:
    with pytest.raises(TablesFailed, match="1 of 3 tables were not exported") as caught:
        export_database(url=reader_url, output=tmp_path, auth=False, keep_going=True)
    assert list(caught.value.failures) == ["sites"]
    assert isinstance(caught.value.failures["sites"], PermissionDenied)
    assert "GRANT SELECT" in str(caught.value)
    assert sorted(caught.value.metadata.tables) == ["nothing", "organizations"]
    assert {e.name: e.reason for e in caught.value.metadata.not_exported}["sites"] == "no privilege"


def test_a_table_that_fails_while_it_is_read_does_not_keep_the_others_from_being_read(
    project: Database, tmp_path: Path
) -> None:
    project.execute(
        "CREATE TABLE middle (id int PRIMARY KEY, value text)", "INSERT INTO middle VALUES (1, 'a')"
    )
    damage(project, "middle")
    with pytest.raises(TablesFailed) as caught:
        export_database(url=project.url, output=tmp_path, auth=False, keep_going=True)
    assert list(caught.value.failures) == ["middle"]
    assert sorted(caught.value.metadata.tables) == ["nothing", "organizations", "sites"]


def damage(database: Database, table: str) -> None:
    """Let the table's only file be gone, so that reading it is an error of the server's."""
    (path,) = database.fetch(f"SELECT pg_relation_filepath('{table}')")[0]
    data = database.fetch_value("SHOW data_directory")
    database.execute("CHECKPOINT")
    Path(data, path).unlink()


def test_an_export_of_another_database_is_refused_before_a_row_is_read(
    project: Database, tmp_path: Path
) -> None:
    export_database(url=project.url, output=tmp_path, auth=False)
    other = json.loads((tmp_path / "metadata.json").read_bytes())
    other["sourceDatabase"]["database"] = "another"
    (tmp_path / "metadata.json").write_text(json.dumps(other))
    before = read_files(tmp_path)
    with pytest.raises(OutputError, match="holds an export of"):
        export_database(url=project.url, output=tmp_path, auth=False)
    assert without_log(read_files(tmp_path)) == without_log(before)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"stream": 2}, 'setting "stream" is unknown'),
        ({"streams": 0}, 'setting "streams" is not valid'),
        ({"named": ["nowhere"]}, 'there is no table "nowhere"'),
        ({"output": "s3://bucket/folder"}, "s3"),
    ],
)
def test_what_it_can_not_do_is_an_error_of_ours(
    project: Database, tmp_path: Path, settings: dict[str, Any], said: str
) -> None:
    given: dict[str, Any] = {"output": tmp_path / "out", **settings}
    with pytest.raises(SettingsError, match=said):
        export_database(url=project.url, auth=False, **given)
    assert not (tmp_path / "out").exists()


def test_an_interruption_leaves_nothing_staged_and_no_connection(
    project: Database, tmp_path: Path
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_database(url=project.url, output=tmp_path, auth=False, on_progress=interrupt)
    assert set(read_files(tmp_path)) == {"export.log"}
    assert [path.name for path in (tmp_path / ".supa-assets").iterdir()] == [".lock"]
    assert connections(project) == 0


def test_nothing_is_published_once_the_snapshot_is_lost(project: Database, tmp_path: Path) -> None:
    source = project.source()
    with begin_export(source, open_storage(tmp_path), source.read_plan()) as run:
        entries = [run.write(table) for table in run.tables]
        project.execute(f"SELECT pg_terminate_backend({run.hold.connection.info.backend_pid})")
        with pytest.raises(SourceUnavailable, match="holds the run's snapshot was lost"):
            run.publish([entry.name for entry in entries])
    assert set(read_files(tmp_path)) == {"export.log"}


def test_a_file_that_changes_before_it_is_published_is_not(
    project: Database, tmp_path: Path
) -> None:
    source = project.source()
    with begin_export(source, open_storage(tmp_path), source.read_plan()) as run:
        entry = run.write(run.tables[0])
        (staged,) = tmp_path.glob(f".supa-assets/*/{entry.file}")
        staged.write_bytes(b"[\n")
        with pytest.raises(ExportFault, match="differs"):
            run.verify(entry)


def test_what_is_worth_knowing_before_the_first_row_is_told(
    project: Database, tmp_path: Path
) -> None:
    source = project.source()
    plan = source.read_plan()
    project.execute("ALTER TABLE sites ADD COLUMN note text")
    with begin_export(source, open_storage(tmp_path), plan) as run:
        assert run.list_warnings() == [
            'changed since the definitions loaded: "public.sites": column added "note" (text)'
        ]


# Table by table


def begin(
    database: Database, folder: Path, *, keep_going: bool
) -> AbstractContextManager[ExportRun]:
    source = database.source()
    return begin_export(
        source, open_storage(folder), source.read_plan(), stops_at_failure=not keep_going
    )


def failing_at(run: ExportRun, *names: str) -> Callable[[PlannedTable], TableEntry]:
    """A way to write tables that fails at these."""

    def write(table: PlannedTable) -> TableEntry:
        if table.name in names:
            raise ExportFault(f"{table.name} is torn", hint=f"mend {table.name}")
        return run.write(table)

    return write


def told(outcomes: Iterable[TableOutcome]) -> list[tuple[str, str]]:
    return [(outcome.name, outcome.status) for outcome in outcomes]


def test_every_table_is_skipped_until_it_is_written(project: Database, tmp_path: Path) -> None:
    with begin(project, tmp_path, keep_going=False) as run:
        names = ["nothing", "organizations", "sites"]
        assert told(run.outcomes.values()) == [(name, "skipped") for name in names]
        writing = run.write_tables()
        first = next(writing)
        assert run.outcomes["nothing"] == first
        assert told(run.outcomes.values())[1:] == [(name, "skipped") for name in names[1:]]
        assert told(writing) == [(name, "written") for name in names[1:]]
        assert run.outcomes["sites"].entry is not None
        assert run.outcomes["sites"].entry.row_count == 20
        assert {outcome.faults for outcome in run.outcomes.values()} == {()}
        assert run.failures == {}


def test_writing_stops_after_the_first_failure(project: Database, tmp_path: Path) -> None:
    with begin(project, tmp_path, keep_going=False) as run:
        outcomes = list(run.write_tables(failing_at(run, "organizations")))
        assert told(outcomes) == [("nothing", "written"), ("organizations", "failed")]
        assert run.outcomes["sites"].status == "skipped"
        assert list(run.failures) == ["organizations"]


def test_writing_goes_on_after_a_failure_where_the_run_does(
    project: Database, tmp_path: Path
) -> None:
    with begin(project, tmp_path, keep_going=True) as run:
        outcomes = list(run.write_tables(failing_at(run, "nothing", "organizations")))
        assert told(outcomes) == [
            ("nothing", "failed"), ("organizations", "failed"), ("sites", "written"),
        ]  # fmt: skip
        assert [str(error) for error in run.failures.values()] == [
            "nothing is torn\nHINT: mend nothing", "organizations is torn\nHINT: mend organizations",
        ]  # fmt: skip


def test_a_staged_file_that_is_not_what_was_written_fails_its_table(
    project: Database, tmp_path: Path
) -> None:
    with begin(project, tmp_path, keep_going=True) as run:

        def write(table: PlannedTable) -> TableEntry:
            entry = run.write(table)
            if table.name == "sites":
                (staged,) = tmp_path.glob(f".supa-assets/*/{entry.file}")
                staged.write_bytes(staged.read_bytes().replace(b"1.10", b"1.11", 1))
            return entry

        *_, sites = run.write_tables(write)
        assert (sites.status, sites.is_verified) == ("failed", False)
        assert sites.faults is not None
        assert {fault.what for fault in sites.faults} == {"sha256"}
        assert isinstance(sites.error, ExportFault)
        assert sites.error.relation == "public.sites"
        metadata = run.publish_whole()
        assert metadata is not None
        assert sorted(metadata.tables) == ["nothing", "organizations"]


def test_an_error_that_is_none_of_ours_is_no_outcome_of_a_table(
    project: Database, tmp_path: Path
) -> None:
    def write(_: PlannedTable) -> TableEntry:
        raise ZeroDivisionError

    with begin(project, tmp_path, keep_going=True) as run, pytest.raises(ZeroDivisionError):
        list(run.write_tables(write))
    assert set(read_files(tmp_path)) == {"export.log"}


def written(run: ExportRun, *failing: str) -> ExportRun:
    for _ in run.write_tables(failing_at(run, *failing)):
        pass
    return run


@pytest.mark.parametrize("keep_going", [False, True])
def test_a_run_whose_tables_are_all_whole_is_published_without_an_error(
    project: Database, tmp_path: Path, keep_going: bool
) -> None:
    with begin(project, tmp_path, keep_going=keep_going) as run:
        metadata = written(run).publish_whole()
        assert metadata is not None
        assert run.explain_failures(metadata) is None
    assert sorted(metadata.tables) == ["nothing", "organizations", "sites"]


def test_a_run_that_a_failure_stopped_publishes_nothing_and_raises_that_failure(
    project: Database, tmp_path: Path
) -> None:
    with begin(project, tmp_path, keep_going=False) as run:
        metadata = written(run, "organizations", "sites").publish_whole()
        assert metadata is None
        assert run.explain_failures(metadata) is run.failures["organizations"]
    assert set(read_files(tmp_path)) == {"export.log"}


def test_a_run_that_goes_on_publishes_what_is_whole_and_names_the_others(
    project: Database, tmp_path: Path
) -> None:
    with begin(project, tmp_path, keep_going=True) as run:
        metadata = written(run, "nothing", "sites").publish_whole()
        assert metadata is not None
        error = run.explain_failures(metadata)
    assert list(metadata.tables) == ["organizations"]
    assert isinstance(error, TablesFailed)
    assert error.message.startswith("2 of 3 tables were not exported:")
    assert (list(error.failures), error.metadata) == (["nothing", "sites"], metadata)
    reasons = {entry.name: entry.reason for entry in metadata.not_exported}
    assert reasons == {"nothing": "failed", "sites": "failed"}


def test_a_run_that_goes_on_and_has_nothing_whole_publishes_nothing(
    project: Database, tmp_path: Path
) -> None:
    export_database(url=project.url, output=tmp_path, auth=False)
    before = without_log(read_files(tmp_path))
    with begin(project, tmp_path, keep_going=True) as run:
        metadata = written(run, "nothing", "organizations", "sites").publish_whole()
        assert metadata is None
        error = run.explain_failures(metadata)
    assert isinstance(error, TablesFailed)
    assert len(error.failures) == 3
    assert without_log(read_files(tmp_path)) == before


def test_tables_that_were_not_begun_are_not_published(project: Database, tmp_path: Path) -> None:
    export_database(url=project.url, output=tmp_path, auth=False)
    with begin(project, tmp_path, keep_going=True) as run:
        next(run.write_tables())
        metadata = run.publish_whole()
    assert metadata is not None
    of_run = [name for name, entry in metadata.tables.items() if entry.run_id == run.run_id]
    assert of_run == ["nothing"]
    assert len(metadata.tables) == 3


@pytest.mark.parametrize("keep_going", [False, True])
def test_a_snapshot_that_is_lost_midway_is_told_as_something_that_may_pass(
    project: Database, tmp_path: Path, keep_going: bool
) -> None:
    with begin(project, tmp_path, keep_going=keep_going) as run:
        writing = run.write_tables()
        next(writing)
        project.execute(f"SELECT pg_terminate_backend({run.hold.connection.info.backend_pid})")
        assert told(writing)[0] == ("organizations", "failed")
        error: SupaAssetsError | None = run.failures["organizations"]
        if keep_going:
            with pytest.raises(SourceUnavailable, match="holds the run's snapshot was lost"):
                run.publish_whole()
        else:
            assert run.publish_whole() is None
            error = run.explain_failures(None)
        assert type(error) is SourceUnavailable
    assert set(read_files(tmp_path)) == {"export.log"}


def without_log(files: dict[str, bytes]) -> dict[str, bytes]:
    return {name: data for name, data in files.items() if name != "export.log"}


def connections(database: Database) -> int:
    counted = database.fetch_value(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE application_name = 'supa-assets' AND datname = current_database()"
    )
    return int(counted)
