"""The house: rooms in the order of the data's way, each importing only rooms before it; functions that stay short."""

from __future__ import annotations

import statistics
import subprocess
import sys
from pathlib import Path

import pytest

from supa_assets_tests.support.code import PACKAGE, functions, imports

TOP = {"errors", "naming", "notice", "schema_classes", "settings"}
"""Modules that every room may import."""
BEFORE = {
    "files": set(),
    "server": {"files"},
    "plan": {"files", "server"},
    "stream": {"files", "server", "plan"},
    "export": {"files", "server", "plan", "stream"},
    "restore": {"files", "server", "plan", "stream"},
    "orchestration": {"files", "server", "plan", "stream", "export", "restore"},
    "cli": {"files", "server", "plan", "stream", "export", "restore", "orchestration", "demo"},
    "demo": set(),
}
"""By room, those that stand before it."""
FOREIGN = {
    "files": {"psycopg", "dagster", "click", "rich"},
    "server": {"dagster", "click", "rich"},
    "plan": {"dagster", "click", "rich"},
    "stream": {"dagster", "click", "rich"},
    "export": {"dagster", "click", "rich"},
    "restore": {"dagster", "click", "rich"},
    "orchestration": {"psycopg", "rich"},
    "cli": {"psycopg"},
    "demo": {"dagster", "click", "rich"},
}
"""By room, packages that it doesn't know."""


def test_every_folder_of_the_package_is_a_room() -> None:
    folders = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert folders == set(BEFORE)


@pytest.mark.parametrize("room", BEFORE)
def test_a_room_imports_only_rooms_before_it(room: str) -> None:
    allowed = {*TOP, *BEFORE[room], room} if room != "demo" else {"errors", "demo"}
    wrong = [
        (file.name, module)
        for file in (PACKAGE / room).rglob("*.py")
        for module in imports(file)
        if module.split(".")[0] == "supa_assets" and module.split(".")[1] not in allowed
    ]
    assert wrong == []


@pytest.mark.parametrize("room", FOREIGN)
def test_a_room_does_not_know_the_packages_of_others(room: str) -> None:
    wrong = [
        (file.name, module)
        for file in (PACKAGE / room).rglob("*.py")
        for module in imports(file)
        if module.split(".")[0] in FOREIGN[room]
    ]
    assert wrong == []


def test_what_stands_above_the_rooms_imports_none_of_them() -> None:
    for name in TOP:
        found = {m.split(".")[1] for m in imports(PACKAGE / f"{name}.py") if "supa_assets." in m}
        assert found <= TOP, name


def test_the_command_line_imports_dagster_and_the_demo_late() -> None:
    for file in (PACKAGE / "cli").glob("*.py"):
        early = imports(file, at_run_time=True)
        late = ("dagster", "supa_assets.orchestration", "supa_assets.demo", "psycopg")
        assert [module for module in early if module.startswith(late)] == []


def test_definitions_fit_on_a_screen() -> None:
    assert len((PACKAGE / "definitions.py").read_text(encoding="utf-8").splitlines()) <= 40


def test_functions_are_short() -> None:
    lengths = [
        (node.end_lineno or node.lineno) - node.lineno + 1
        for file in PACKAGE.rglob("*.py")
        for node in functions(file)
    ]
    assert statistics.median(lengths) <= 8
    assert statistics.quantiles(lengths, n=10)[-1] <= 20


def test_verify_starts_without_psycopg_and_dagster(tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['psycopg'] = sys.modules['dagster'] = None;"
        " from supa_assets.cli.main import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "verify", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "holds no export" in done.stderr
