"""`supa-assets export`, as a user calls it: what lies on disk after it, what it prints, how it ends."""

from __future__ import annotations

import gc
import json
import os
import pty
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from supa_assets.cli.export import export_selection
from supa_assets.files.local_folder import LocalFolder, LocalStaging
from supa_assets.files.publish import read_published
from supa_assets.files.verify import verify_export
from supa_assets.plan.selection import select_tables
from supa_assets_tests.support.exports import is_system_call
from supa_assets_tests.support.programs import run_program
from supa_assets_tests.support.project import SCHEMA, Project
from supa_assets_tests.support.waiting import wait_until

pytestmark = pytest.mark.slow


def export(
    project: Project, *options: str, **environment: str | None
) -> subprocess.CompletedProcess[str]:
    return run_program(
        "supa-assets", "export", "--output-dir", str(project.output), *options,
        folder=project.output.parent, **environment,
    )  # fmt: skip


def test_every_table_becomes_a_file_that_only_its_owner_reads(project: Project) -> None:
    done = export(project)

    assert done.returncode == 0, done.stderr
    assert sorted(project.files()) == [
        "badges.json", "event_logs.json", "metadata.json", "organizations.json", "profiles.json",
    ]  # fmt: skip
    for path in project.output.glob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    assert stat.S_IMODE(project.output.stat().st_mode) == 0o700


def test_a_pipe_gets_a_line_for_each_table_and_the_counts(project: Project) -> None:
    done = export(project)

    assert "event_logs: 15,000 rows" in done.stderr
    assert "exported 4 tables, 15,072 rows" in done.stdout
    assert "\x1b" not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_a_terminal_gets_bars_while_tables_are_written(project: Project, tmp_path: Path) -> None:
    project.execute(
        "INSERT INTO event_logs (at, what) SELECT now(), repeat('x', 200) FROM generate_series(1, 300000)"
    )
    shown = run_on_terminal(project, tmp_path)

    assert "all tables" in shown
    assert "rows/s" in shown
    assert "exported 4 tables" in shown


def test_what_is_shown_of_a_run_is_not_kept_in_its_history(
    project: Project, tmp_path: Path
) -> None:
    done = export(project)

    assert "[4/4] profiles: 50 rows" in done.stderr
    kept = [path for path in (tmp_path / "home").rglob("*") if path.is_file()]
    assert any(path.suffix == ".db" for path in kept)
    assert [path for path in kept if b"[4/4] profiles" in path.read_bytes()] == []


def test_export_log_has_a_line_whenever_another_thousand_rows_are_written(project: Project) -> None:
    export(project, SUPA_ASSETS_CHUNK_BYTES="65536")

    lines = [json.loads(line) for line in (project.output / "export.log").read_text().splitlines()]
    counts = [
        line["rows"]
        for line in lines
        if line["event"] == "progress" and line["table"] == "event_logs"
    ]
    assert len(counts) >= 10
    assert counts == sorted(counts)
    assert lines[-1]["event"] == "published"


def test_a_dry_run_lists_the_tables_and_writes_nothing(project: Project) -> None:
    done = export(project, "--dry-run")

    assert done.returncode == 0
    listed = [line.split()[:2] for line in done.stdout.splitlines()[1:5]]
    assert ["0", "public.organizations"] in listed
    assert ["1", "public.profiles"] in listed
    assert "key ranges, by id" in done.stdout
    assert not project.output.exists()


def test_a_dry_run_names_what_is_not_exported_and_what_cannot_be_read(project: Project) -> None:
    project.execute("CREATE VIEW totals AS SELECT count(*) FROM badges")
    project.execute("ALTER TABLE badges ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    project.execute("ALTER ROLE postgres NOBYPASSRLS")
    try:
        done = export(project, "--dry-run")
    finally:
        project.execute("ALTER ROLE postgres BYPASSRLS")

    assert "not exported, view: public.totals" in done.stdout
    assert '"public.badges"' in done.stderr
    assert "BYPASSRLS" in done.stderr
    assert done.returncode == 1


def test_with_the_database_down_a_dry_run_lists_the_last_known_catalogue(project: Project) -> None:
    export(project, "--dry-run")
    project.execute("ALTER ROLE postgres CONNECTION LIMIT 0")
    try:
        done = export(project, "--dry-run")
        refused = export(project)
    finally:
        project.execute("ALTER ROLE postgres CONNECTION LIMIT -1")

    assert done.returncode == 0
    assert "this is the last known catalogue" in done.stderr
    assert "public.organizations" in done.stdout
    assert refused.returncode == 1
    assert "cannot connect" in refused.stderr
    assert "HINT: " in refused.stderr
    assert not project.output.exists()


def test_only_the_named_tables_are_exported(project: Project) -> None:
    done = export(project, "--table", "badges", "--table", "public.profiles")

    assert done.returncode == 0
    assert sorted(project.entries()) == ["badges", "profiles"]


@pytest.mark.parametrize(
    ("name", "offered"), [("organisations", "organizations"), ("Badges", "badges"), ("xyzzy", None)]
)
def test_an_unknown_table_ends_it_and_close_names_are_offered(
    project: Project, name: str, offered: str | None
) -> None:
    done = export(project, "--table", name)

    assert done.returncode == 1
    assert f'there is no table "{name}"' in done.stderr
    assert (f"did you mean {offered}" in done.stderr) is (offered is not None)


def test_skip_large_leaves_out_what_would_stream_and_says_so(project: Project) -> None:
    done = export(project, "--skip-large")

    assert done.returncode == 0
    assert "event_logs" not in project.entries()
    assert "left out: public.event_logs (--skip-large)" in done.stdout


def test_the_first_failed_table_stops_the_run_and_the_earlier_export_stays(
    project: Project,
) -> None:
    export(project)
    before = project.files()
    project.execute("UPDATE badges SET label = 'changed'")
    project.execute("REVOKE pg_read_all_data FROM postgres")
    project.execute("GRANT SELECT ON badges, organizations, event_logs TO postgres")
    try:
        done = export(project)
    finally:
        project.execute("GRANT pg_read_all_data TO postgres")

    assert done.returncode == 1
    assert '"public.profiles"' in done.stderr
    assert "GRANT SELECT" in done.stderr
    assert "an earlier export is as it was" in done.stderr
    assert project.files() == before


def test_a_table_that_fails_while_it_is_read_is_named_with_those_that_were_not_begun(
    project: Project,
) -> None:
    project.execute(
        "ALTER TABLE event_logs ADD broken int GENERATED ALWAYS AS (1 / (id - 5)) VIRTUAL"
    )
    done = export(project)

    assert done.returncode == 1
    assert 'error: table "event_logs": reading "public.event_logs" failed' in done.stderr
    assert (
        "1 table failed; 2 tables not begun; nothing was published: an earlier export is as it was"
    ) in done.stderr
    assert "--keep-going exports every table that can be read" in done.stderr
    assert "exported" not in done.stdout
    assert project.entries() == {}


def test_keep_going_is_not_offered_to_who_gave_it_or_has_no_other_table(project: Project) -> None:
    project.execute(
        "ALTER TABLE event_logs ADD broken int GENERATED ALWAYS AS (1 / (id - 5)) VIRTUAL"
    )
    for options in (["--keep-going", "--table", "event_logs"], ["--table", "event_logs"]):
        done = export(project, *options)
        assert done.returncode == 1
        assert "nothing was published" in done.stderr
        assert "--keep-going" not in done.stderr


def test_a_table_of_another_schema_is_told_with_the_setting_that_takes_it_in(
    project: Project,
) -> None:
    project.execute("CREATE SCHEMA billing; CREATE TABLE billing.badges_of_all (id int)")
    done = export(project, "--table", "badges_of_all")
    assert 'lies in the schema "billing", which is not selected' in done.stderr
    assert "SUPA_ASSETS_SCHEMAS=public,billing takes it in." in done.stderr


def test_keep_going_exports_every_table_that_can_be_read(project: Project) -> None:
    """`profiles` references `organizations`, and is exported though that one fails."""
    project.execute("REVOKE pg_read_all_data FROM postgres;")
    project.execute("GRANT SELECT ON badges, profiles, event_logs TO postgres")
    try:
        done = export(project, "--keep-going")
    finally:
        project.execute("GRANT pg_read_all_data TO postgres")

    assert done.returncode == 1
    assert sorted(project.entries()) == ["badges", "event_logs", "profiles"]
    assert '"public.organizations"' in done.stderr
    assert "1 table failed" in done.stderr


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_export_ends_soon_and_leaves_the_earlier_one(
    project: Project, signal_number: signal.Signals
) -> None:
    export(project)
    before = project.files()
    with psycopg.connect(project.superuser_url) as blocker:
        blocker.execute("LOCK TABLE profiles IN ACCESS EXCLUSIVE MODE")
        program = start_export(
            project, "--table", "badges", "--table", "profiles", SUPA_ASSETS_LOCK_TIMEOUT_S="120"
        )
        wait_until(
            lambda: project.fetch("SELECT count(*) FROM pg_locks WHERE NOT granted") != [0],
            timeout_s=60,
        )
        program.send_signal(signal_number)
        _, errors = program.communicate(timeout=60)

    assert program.returncode == 130
    assert "interrupted" in errors
    assert "Traceback" not in errors
    assert project.files() == before
    assert project.staged() == []


def test_no_output_holds_the_password(project: Project) -> None:
    project.execute("DROP TABLE IF EXISTS nothing")
    outputs = [
        export(project),
        export(project, "--dry-run"),
        export(project, SUPABASE_DB_URL=project.url.replace("/test_", "/absent_")),
        export(project, SUPABASE_DB_URL=project.url.replace("@", "x@")),
        export(project, SUPABASE_DB_URL=project.url.replace("@", "@@")),
    ]

    for done in outputs:
        assert project.password not in done.stdout + done.stderr
    assert project.password not in (project.output / "export.log").read_text()
    assert project.password not in (project.output / "metadata.json").read_text()


def test_a_broken_or_newer_metadata_file_is_never_replaced(project: Project) -> None:
    project.output.mkdir()
    for content, said in (
        ("{", "is not a metadata.json"),
        ('{"formatVersion": 99}', "formatVersion 99"),
    ):
        (project.output / "metadata.json").write_text(content)
        done = export(project)

        assert done.returncode == 1
        assert said in done.stderr
        assert "HINT: " in done.stderr
        assert (project.output / "metadata.json").read_text() == content


def test_an_output_folder_that_is_a_file_is_named(project: Project) -> None:
    project.output.write_text("a letter")
    done = export(project)

    assert done.returncode == 1
    assert f'"{project.output}"' in done.stderr
    assert "HINT: " in done.stderr
    assert project.output.read_text() == "a letter"


def test_without_a_url_it_ends_with_one_line_and_a_hint(tmp_path: Path) -> None:
    for command in (["export"], ["export", "--dry-run"], ["tables"]):
        done = run_program("supa-assets", *command, folder=tmp_path, SUPABASE_DB_URL=None)

        assert done.returncode == 1
        assert done.stderr.startswith("error: SUPABASE_DB_URL is not set\nHINT: ")
        assert list(tmp_path.iterdir()) == []


def test_odd_names_become_files_beside_each_other(make_project: Callable[..., Project]) -> None:
    names = [
        "Foo Bar",
        "type",
        "a/b",
        "../x",
        "Users",
        "users",
        "😀",
        "metadata",
        'quo"te',
        "%s",
        "con",
    ]
    quoted = ['"' + name.replace('"', '""') + '"' for name in names]
    project = make_project(
        "".join(
            f"CREATE TABLE {q} (id int PRIMARY KEY); INSERT INTO {q} VALUES ({n});"
            for n, q in enumerate(quoted)
        )
    )
    done = export(project)

    assert done.returncode == 0, done.stderr
    entries = project.entries()
    assert {entry.table for entry in entries.values()} == set(names)
    for name, entry in entries.items():
        assert project.rows(name) == [{"id": names.index(entry.table)}]
    assert all(path.parent == project.output for path in project.output.rglob("*.json"))


def start_export(project: Project, *options: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            Path(sys.executable).parent / "supa-assets",
            "export",
            "--output-dir",
            project.output,
            *options,
        ],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run_on_terminal(project: Project, folder: Path) -> str:
    """What the program writes to a terminal."""
    ours, theirs = pty.openpty()
    program = subprocess.Popen(
        [Path(sys.executable).parent / "supa-assets", "export", "--output-dir", project.output],
        cwd=folder,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "120"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            block = os.read(ours, 65536)
        except OSError:  # Linux's way to say that the other end is closed
            break
        if not block:
            break
        shown += block
    os.close(ours)
    assert program.wait(timeout=60) == 0, shown.decode()
    return shown.decode()


def test_a_selection_is_exported_and_what_became_of_it_is_printed(
    project: Project, capfd: pytest.CaptureFixture[str]
) -> None:
    settings, plan = project.settings(), project.plan()
    result = export_selection(settings, plan, select_tables(plan, settings, named=["badges"]))

    printed = capfd.readouterr()
    assert result.is_success
    assert list(result.tables) == ["badges"]
    assert "[1/1] badges: 2 rows" in printed.err
    assert f'exported 1 table, 2 rows, 52 B to "{project.output}"' in printed.out
    assert "all of one snapshot: " in printed.out


# What is told besides the tables


REFUSED = ("organizations", "profiles", "event_logs")


@pytest.fixture
def narrowed(project: Project) -> Iterator[Project]:
    """Its role may read `badges` alone."""
    project.execute("REVOKE pg_read_all_data FROM postgres; GRANT SELECT ON badges TO postgres")
    yield project
    project.execute("GRANT pg_read_all_data TO postgres")


def test_one_cause_of_several_tables_is_one_error_with_one_statement_that_mends_them(
    narrowed: Project,
) -> None:
    done = export(narrowed, "--keep-going")

    assert done.returncode == 1
    (error,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    said, _, names = error.rpartition(": ")
    assert said == 'error: 3 tables: role "postgres" may not read the table'
    assert set(names.split(", ")) == set(REFUSED)
    (hint,) = [line for line in done.stderr.splitlines() if line.startswith("HINT: GRANT")]
    narrowed.execute(hint.removeprefix("HINT: ").partition(" Or ")[0])
    assert export(narrowed).returncode == 0


def test_an_export_that_lost_tables_does_not_verify_until_they_are_exported(
    narrowed: Project,
) -> None:
    export(narrowed, "--keep-going")

    done = run(narrowed, "verify", str(narrowed.output))
    assert done.returncode == 1
    assert done.stderr.startswith(
        "fault: tables that this export was to hold are not in it (3, no privilege): public."
    )
    assert "3 faults" in done.stderr
    assert "1 table, 2 rows" in done.stdout, "what is there is whole"
    proof = run(narrowed, "prove", str(narrowed.output), "--files-only")
    assert proof.returncode == 1
    assert "DIFFERENCES: 1\n- tables that this export was to hold are not in it (3," in proof.stdout

    narrowed.execute("GRANT pg_read_all_data TO postgres")
    export(narrowed, "--table", "organizations")
    done = run(narrowed, "verify", str(narrowed.output))
    assert "are not in it (2, no privilege)" in done.stderr, "a run of others heals nothing"
    export(narrowed)
    assert run(narrowed, "verify", str(narrowed.output)).returncode == 0


def test_what_options_leave_out_is_told_and_no_fault(project: Project) -> None:
    assert export(project, "--table", "badges").returncode == 0

    done = run(project, "verify", str(project.output))
    assert done.returncode == 0
    assert "not exported, not selected in this run: public.event_logs, " in done.stdout
    assert "fault" not in done.stderr


def test_own_tables_that_no_setting_names_are_a_warning_wherever_an_export_is_looked_at(
    narrowed: Project,
) -> None:
    narrowed.execute("CREATE SCHEMA billing; CREATE TABLE billing.invoices (id int)")
    narrowed.execute("CREATE SCHEMA realtime; CREATE TABLE realtime.messages (id int)")
    said = [
        export(narrowed, "--dry-run").stderr,
        export(narrowed, "--keep-going").stderr,
        run(narrowed, "verify", str(narrowed.output)).stderr,
        run(narrowed, "doctor").stdout,
    ]
    for text in said:
        assert "a table of your own is not exported, in schemas that are not selected:" in text
        assert "billing.invoices" in text
        assert "HINT: SUPA_ASSETS_SCHEMAS=public,billing takes it in" in text
        assert "realtime" not in text
    narrowed.execute("GRANT pg_read_all_data TO postgres")
    done = export(narrowed, SUPA_ASSETS_SCHEMAS="public,billing")
    assert "of your own" not in done.stderr
    assert "billing_invoices" in narrowed.entries()


def test_a_run_that_stops_at_a_failed_table_tells_of_own_tables_too(project: Project) -> None:
    project.execute("CREATE SCHEMA billing; CREATE TABLE billing.invoices (id int)")
    project.execute("ALTER TABLE badges ADD broken int GENERATED ALWAYS AS (1 / (id - 1)) VIRTUAL")
    done = export(project)

    assert done.returncode == 1
    assert "nothing was published" in done.stderr
    assert "HINT: SUPA_ASSETS_SCHEMAS=public,billing takes it in" in done.stderr


AUTH = """
CREATE SCHEMA auth;
CREATE TABLE auth.users (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), email text, encrypted_password text,
    email_confirmed_at timestamptz, created_at timestamptz, raw_user_meta_data jsonb, aud text, role text);
CREATE TABLE auth.identities (id uuid PRIMARY KEY, user_id uuid REFERENCES auth.users);
CREATE TABLE auth.mfa_factors (id uuid PRIMARY KEY);
INSERT INTO auth.users (email) VALUES ('a@example.org');
"""


def test_what_logins_need_is_said_while_the_source_is_there(
    make_project: Callable[..., Project],
) -> None:
    project = make_project(f"{SCHEMA} {AUTH}")
    settings = "SUPA_ASSETS_AUTH_USERS_COLUMNS='*' and SUPA_ASSETS_PLATFORM_SCHEMAS=auth"
    for text in (
        export(project, "--dry-run").stderr,
        export(project).stderr,
        run(project, "doctor").stdout,
    ):
        assert "users can't log in from this export as they do now" in text
        assert "columns of auth.users (aud, role)" in text
        assert "tables (auth.mfa_factors)" in text
        assert settings in text

    whole = {"SUPA_ASSETS_AUTH_USERS_COLUMNS": "*", "SUPA_ASSETS_PLATFORM_SCHEMAS": "auth"}
    for done in (
        export(project, "--skip-auth"),
        export(project, "--skip-auth", "--dry-run"),
        export(project, "--dry-run", **whole),
        export(project, **whole),
    ):
        assert done.returncode == 0, done.stderr
        assert "log in" not in done.stderr + done.stdout


def run(project: Project, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run_program("supa-assets", *arguments, folder=project.output.parent)


# Interrupted while it is published


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("call", [1, 30, 50, 70])
def test_what_an_interrupted_export_says_of_the_folder_is_what_lies_there(
    project: Project,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    call: int,
) -> None:
    settings, plan = project.settings(), project.plan()
    selection = select_tables(plan, settings)
    earlier = export_selection(settings, plan, selection)
    before = project.files()
    capfd.readouterr()
    monkeypatch.setattr(LocalStaging, "publish", interrupted_at(call, LocalStaging.publish))

    result = export_selection(settings, plan, selection)

    gc.collect()  # a file that the interruption left open says so here, and in no other test
    printed = capfd.readouterr()
    published = read_published(LocalFolder(project.output), result.run_id)
    assert verify_export(LocalFolder(project.output)) == []
    assert ("exported 4 tables" in printed.out) is bool(published)
    assert ("nothing was published" in printed.err) is not bool(published)
    assert ("interrupted" in printed.err) is result.is_interrupted
    if not published:
        assert project.files() == before
        assert len(read_published(LocalFolder(project.output), earlier.run_id)) == 4


def interrupted_at(call: int, publish: Callable[..., None]) -> Callable[..., None]:
    """`publish`, with Ctrl-C at its `call`-th call into the operating system."""

    def count_and_interrupt(*arguments: Any) -> None:
        calls = 0

        def profile(_frame: object, event: str, function: object) -> None:
            nonlocal calls
            if event == "c_call" and is_system_call(function):
                calls += 1
                if calls == call:
                    os.kill(os.getpid(), signal.SIGINT)

        sys.setprofile(profile)
        try:
            publish(*arguments)
        finally:
            sys.setprofile(None)

    return count_and_interrupt
