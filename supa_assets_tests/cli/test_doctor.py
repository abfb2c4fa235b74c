"""`supa-assets doctor`, as a user calls it; what it finds is in export/test_doctor."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from supa_assets.cli.doctor import doctor
from supa_assets_tests.support.databases import Database


def examine(
    database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch, *, user: str
) -> tuple[int, str]:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("SUPABASE_DB_URL", database.server.url(database.name, user=user))
    monkeypatch.setenv("SUPA_ASSETS_AUTH", "false")
    done = CliRunner().invoke(doctor)
    assert database.server.password not in done.output
    return done.exit_code, done.output


def test_what_is_well_is_told_line_by_line(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.execute("CREATE TABLE t (id int PRIMARY KEY)")
    code, said = examine(database, tmp_path, monkeypatch, user="postgres")
    assert code == 0, said
    assert "PROBLEM" not in said
    assert any(line.startswith("ok       ") for line in said.splitlines())


def test_a_problem_ends_it_with_1_and_says_what_to_do(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, said = examine(database, tmp_path, monkeypatch, user="nobody_at_all")
    assert code == 1
    assert "PROBLEM  " in said
    assert "\n         HINT: " in said
