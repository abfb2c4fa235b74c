"""Every command on a database whose names, labels, comments and messages steer terminals and forge lines."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from psycopg import sql

from supa_assets_tests.support.databases import Database
from supa_assets_tests.support.hostile import FORGED, SCHEMA, STEERING, list_steering
from supa_assets_tests.support.programs import run_program
from supa_assets_tests.support.project import Project

pytestmark = pytest.mark.slow

OF_RICH = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
"""Colours, bars, and where the next line is drawn."""


@pytest.fixture
def hostile(make_project: Callable[..., Project]) -> Project:
    return make_project(SCHEMA)


@pytest.fixture
def reader(hostile: Project) -> Iterator[str]:
    """The URL of a role that is called like the rest and may read nothing."""
    name = f"reader{STEERING}\n{FORGED}"
    role = sql.Identifier(name).as_string()
    hostile.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{hostile.password}'")
    yield hostile.url.replace("//postgres:", f"//{quote(name)}:")
    hostile.execute(f"DROP ROLE {role}")


def run(project: Project, *arguments: str, **environment: str) -> tuple[int, str]:
    """Its exit code and all that it printed, in which nothing steers."""
    done = run_program(
        "supa-assets", *arguments, folder=project.output.parent,
        SUPA_ASSETS_OUTPUT=str(project.output), **environment,
    )  # fmt: skip
    said = done.stdout + done.stderr
    assert list_steering(said) == [], (arguments, said)
    assert "Traceback" not in said
    return done.returncode, said


@pytest.mark.parametrize("command", ["tables", "doctor", "export --dry-run"])
def test_what_only_looks_prints_every_name_without_a_control_character(
    hostile: Project, command: str
) -> None:
    code, said = run(hostile, *command.split())
    assert code == 0
    assert command == "doctor" or r"\x1b]0;owned\x07" in said


def test_from_the_export_to_the_proof_no_line_is_forged(
    hostile: Project, make_database: Callable[..., Database]
) -> None:
    target = make_database()
    target.execute("GRANT ALL ON SCHEMA public TO postgres")
    where = {"SUPA_ASSETS_TARGET_URL": target.url}

    assert run(hostile, "export")[0] == 0
    assert run(hostile, "verify", "--full")[0] == 0
    assert run(hostile, "restore", "--dry-run", **where)[0] == 1  # a problem for each table
    code, said = run(hostile, "restore", "--create", "--dry-run", **where)
    assert (code, "would create: " in said, "created: " in said) == (0, True, False)
    assert "restored" not in said
    code, said = run(hostile, "restore", "--create", **where)
    assert (code, "\ncreated: " in said) == (0, True), said
    code, said = run(hostile, "prove", **where)
    assert (code, "DIFFERENCES: none" in said) == (0, True), said
    target.execute(*[f'DELETE FROM "{name}"' for name in list_tables(target)])
    assert run(hostile, "prove", **where)[0] == 1
    code, said = run(hostile, "prove", "--json", **where)
    assert (code, STEERING in json.loads(said)["tables"][0]["relation"]) == (1, True)


def list_tables(target: Database) -> list[str]:
    query = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename DESC"
    return [name.replace('"', '""') for (name,) in target.fetch(query)]


def test_what_fails_is_told_in_lines_of_this_program(hostile: Project) -> None:
    hostile.execute("ALTER TABLE labels ADD n int GENERATED ALWAYS AS (label::int) VIRTUAL")
    code, said = run(hostile, "export", "--keep-going")
    assert code == 1
    assert r'invalid input syntax for type integer: "a\x1b]0;owned' in said

    log = (hostile.output / "export.log").read_text()
    assert list_steering(log) == []
    failed = [e for e in map(json.loads, log.splitlines()) if e["event"] == "table_failed"]
    assert STEERING in failed[0]["message"]

    for path in hostile.output.glob("[!m]*.json"):
        path.write_bytes(path.read_bytes()[:-3])
    assert run(hostile, "verify")[0] == 1


def test_a_role_and_what_it_may_not_read_are_told_in_lines_of_this_program(
    hostile: Project, reader: str
) -> None:
    for command in (["doctor"], ["export"], ["export", "--dry-run"]):
        code, said = run(hostile, *command, SUPABASE_DB_URL=reader)
        assert code == 1
        assert "may not read" in said


def test_the_command_line_itself_is_quoted_plainly(hostile: Project) -> None:
    name = f"x{STEERING}\n{FORGED}"
    assert run(hostile, "export", "--table", name)[0] == 1
    assert run(hostile, name)[0] == 2
    assert run(hostile, "verify", name)[0] == 1
    assert run(hostile, "tables", SUPA_ASSETS_SCHEMAS=name)[0] == 1
    assert run(hostile, "tables", f"SUPA_ASSETS_X{STEERING}")[0] == 2


@pytest.mark.parametrize("command", ["tables", "export"])
def test_on_a_terminal_only_the_programs_own_sequences_are_left(
    hostile: Project, command: str
) -> None:
    shown = run_on_terminal(hostile, command)
    assert r"\x1b]0;owned" in shown or command == "export"
    left = OF_RICH.sub("", shown).replace("\r", "")
    assert list_steering(left) == []


def run_on_terminal(project: Project, *arguments: str) -> str:
    ours, theirs = pty.openpty()
    program = subprocess.Popen(
        [Path(sys.executable).parent / "supa-assets", *arguments],
        cwd=project.output.parent,
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
