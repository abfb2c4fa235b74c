"""`supa-assets verify`: without the database, every fault, exit 1."""

from __future__ import annotations

from pathlib import Path

import pytest

from supa_assets_tests.support.programs import run_program
from supa_assets_tests.support.project import Project

pytestmark = pytest.mark.slow


def run_verify(project: Project, *options: str) -> tuple[int, str]:
    done = run_program(
        "supa-assets", "verify", *options, str(project.output),
        folder=project.output.parent, SUPABASE_DB_URL=None,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def test_a_fresh_export_is_what_its_metadata_says(project: Project) -> None:
    export(project)

    for options in ((), ("--full",)):
        code, said = run_verify(project, *options)
        assert code == 0
        assert "4 tables, 15,072 rows" in said


def test_all_faults_of_all_files_are_listed(project: Project) -> None:
    export(project)
    badges, logs = project.output / "badges.json", project.output / "event_logs.json"
    badges.write_bytes(badges.read_bytes().replace(b"first", b"First"))
    logs.write_bytes(logs.read_bytes()[:-100])
    (project.output / "profiles.json").unlink()

    code, said = run_verify(project)

    assert code == 1
    for table in ("badges", "event_logs", "profiles"):
        assert table in said
    assert "organizations" not in said
    assert "HINT: " in said


def test_values_with_a_known_hole_are_warnings_of_export_verify_and_prove(project: Project) -> None:
    project.execute("ALTER TABLE profiles ADD note jsonb; UPDATE profiles SET note = 'null'")
    hole = '50 values in "note" of "public.profiles"'
    warning = f"warning: the JSON scalar null reads like SQL NULL: {hole}\nHINT: "

    assert warning in export(project)
    code, said = run_verify(project)
    assert code == 0
    assert warning in said
    done = run_program(
        "supa-assets", "prove", str(project.output), "--files-only", folder=project.output.parent
    )
    assert f"- the JSON scalar null apart from SQL NULL: {hole}\n" in done.stdout


def test_a_folder_without_an_export_is_an_error_not_a_pass(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "absent"):
        done = run_program("supa-assets", "verify", str(folder), folder=tmp_path)
        assert done.returncode == 1
        assert "holds no export" in done.stderr


def export(project: Project) -> str:
    done = run_program(
        "supa-assets", "export", "--output-dir", str(project.output), folder=project.output.parent
    )
    assert done.returncode == 0, done.stderr
    return done.stderr
