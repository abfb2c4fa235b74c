"""`supa-assets restore` and `supa-assets prove`, as a user calls them after `supa-assets export`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from supa_assets_tests.support.databases import Database
from supa_assets_tests.support.programs import run_program
from supa_assets_tests.support.project import Project

pytestmark = pytest.mark.slow


@pytest.fixture
def target(make_database: Callable[..., Database]) -> Database:
    database = make_database()
    database.execute("GRANT ALL ON SCHEMA public TO postgres")
    return database


def run(project: Project, *arguments: str, **environment: str | None) -> tuple[int, str, str]:
    done = run_program("supa-assets", *arguments, folder=project.output.parent, **environment)
    assert project.password not in done.stdout + done.stderr
    return done.returncode, done.stdout, done.stderr


def export(project: Project) -> None:
    code, _, said = run(project, "export", "--output-dir", str(project.output), "--checksums")
    assert code == 0, said


def test_an_export_is_restored_and_proved(project: Project, target: Database) -> None:
    export(project)
    folder = str(project.output)

    code, out, err = run(
        project,
        "restore",
        folder,
        "--create",
        SUPABASE_DB_URL=None,
        SUPA_ASSETS_TARGET_URL=target.url,
    )
    assert code == 0, err
    assert "restored 4 tables, 15,072 rows" in out
    assert "event_logs: 15,000 rows" in err
    assert target.fetch_value("SELECT count(*) FROM event_logs") == 15_000

    code, out, err = run(project, "prove", folder, "--against", target.url)
    assert code == 0, out + err
    assert "DIFFERENCES: none" in out
    assert out.count(" equal") == 4
    assert "NOT PROVED:" in out


def test_prove_as_json_exits_with_1_where_something_differs(
    project: Project, target: Database
) -> None:
    export(project)
    folder = str(project.output)
    run(project, "restore", folder, "--create", "--to", target.url)
    target.execute("UPDATE badges SET label = 'x' WHERE id = 1")

    code, out, _ = run(project, "prove", folder, "--json", SUPA_ASSETS_TARGET_URL=target.url)

    report = json.loads(out)
    assert code == 1
    assert report["is_proved"] is False
    assert len(report["differences"]) == 1
    assert {table["name"]: table["verdict"] for table in report["tables"]}["badges"] == "DIFFERS"


def test_prove_takes_the_target_of_the_dotenv_file(project: Project, target: Database) -> None:
    export(project)
    dotenv = project.output.parent / ".env"
    dotenv.write_text(f"SUPA_ASSETS_TARGET_URL={target.url}\n")
    code, out, _ = run(project, "prove", str(project.output))
    assert code == 1
    assert '"public.organizations" is not in the target' in out
    dotenv.unlink()


def test_the_source_is_refused_unless_told_twice(project: Project) -> None:
    export(project)
    folder = str(project.output)

    code, _, said = run(project, "restore", folder, "--to", project.url)
    assert code == 1
    assert "is the database that the export came from" in said
    code, _, said = run(project, "restore", folder, "--to", project.url, "--into-source")
    assert code == 1
    assert "give --yes" in said
    code, _, said = run(project, "restore", folder, "--to", project.url, "--into-source", "--yes")
    assert code == 1
    assert "holds rows already" in said


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (None, "set SUPA_ASSETS_TARGET_URL"),
        ("mysql://x", "the connection URL in SUPA_ASSETS_TARGET_URL is malformed"),
        ("postgresql://postgres@127.0.0.1:1/postgres", "cannot connect to"),
    ],
)
def test_a_target_out_of_reach_is_told(project: Project, url: str | None, expected: str) -> None:
    export(project)

    code, _, said = run(project, "restore", str(project.output), SUPA_ASSETS_TARGET_URL=url)

    assert code == 1
    assert expected in said


def test_a_folder_without_an_export_is_an_error(project: Project, tmp_path: Path) -> None:
    for command in ("restore", "prove"):
        code, _, said = run(project, command, str(tmp_path / "absent"))
        assert code == 1
        assert "holds no export" in said
