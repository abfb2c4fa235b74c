"""The house: rooms in the order of the data's way, each importing only rooms before it; its tests the same."""

from __future__ import annotations

import statistics
import subprocess
import sys
from pathlib import Path

import pytest

from supa_assets.cli.commands import COMMANDS
from supa_assets_tests.support.code import (
    PACKAGE,
    TESTS,
    functions,
    imported_names,
    imports,
    public_functions,
    texts,
    used_names,
)

TOP = {"causes", "errors", "naming", "notice", "schema_classes", "settings", "visible"}
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


# The tests

NO_ROOMS = {"cases", "chaos", "faults", "support"}
"""Folders of tests beside those of rooms."""
THEMES = {
    "test_configuration": "docs/CONFIGURATION.md, setting by setting",
    "test_demo_end_to_end": "the demo as a newcomer meets it, Dagster's UI included",
    "test_docs": "the docs are true",
    "test_house": "this",
    "cli/test_hostile_names": "every command on a database whose names steer terminals",
    "cli/test_restore_and_prove": "two commands, since one's target is the other's",
    "export/test_database_as_it_is": "a run of everything, after changes since the plan was read",
    "export/test_other_databases": "whose export a folder holds, and what never replaces it",
    "export/test_exporters_rights": "what of the source runs with the exporter's rights: docs/SECURITY.md",
    "export/test_holes": "known holes, from the count to metadata.json",
    "files/test_publish_crash": "a publication that is killed, call by call",
    "files/test_storages": "what every storage must pass",
    "orchestration/test_command_lines": "Dagster's own programs",
    "orchestration/test_database_as_it_is": "definitions that are older than the database",
    "orchestration/test_definitions": "the whole graph, whatever tables are called",
    "orchestration/test_downstream": "assets of other projects",
    "orchestration/test_endings": "runs that are ended from outside, under every executor",
    "orchestration/test_neighbours": "an export beside the assets of its project",
    "orchestration/test_readme": "what the README shows of Dagster",
    "orchestration/test_running_server": "a server that doesn't reload while its database changes",
    "restore/test_broken_exports": "each fault of an export, told by verify, restore and prove alike",
    "restore/test_demo_round_trip": "the demo project, there and back",
    "restore/test_into_source": "the source itself, by every way to it",
    "restore/test_hostile_folders": "folders that somebody damaged, or made to harm",
    "restore/test_structure": "what metadata.json carries for a way back",
    "stream/test_cases": "the cabinet in cases/",
    "stream/test_key_types": "key ranges over keys of each type",
    "stream/test_known_holes": "what docs/TYPES.md says does not go back",
    "stream/test_strategies": "every strategy, on tables of each shape",
    "stream/test_types_property": "random tables",
}
"""Files of tests about something else than one module, each with what that is."""
NOT_NAMED: dict[str, str] = {}
"""Public functions that no test names, each with the reason."""


def test_no_test_imports_a_test() -> None:
    wrong = [
        (str(file.relative_to(TESTS)), name)
        for file in TESTS.rglob("*.py")
        for name in imported_names(file)
        if any(part == "conftest" or part.startswith("test_") for part in name.split("."))
    ]
    assert wrong == []


def test_every_folder_of_tests_is_that_of_a_room() -> None:
    folders = {path.parent.name for path in TESTS.glob("*/*.py")} | {"cases"}
    assert folders == {*BEFORE, *NO_ROOMS}


def test_every_file_of_tests_is_named_after_a_module_or_has_a_theme() -> None:
    files = [
        *TESTS.glob("test_*.py"),
        *(f for room in BEFORE for f in (TESTS / room).glob("test_*.py")),
    ]
    names = {file.relative_to(TESTS).with_suffix("").as_posix(): file for file in files}
    of_modules = {name for name, file in names.items() if _modules_of(file)}
    assert names.keys() - of_modules == THEMES.keys()


def _modules_of(file: Path) -> list[Path]:
    """Modules that the file of tests is named after; those in folders of a room are the room's, too."""
    folder = PACKAGE / file.parent.relative_to(TESTS)
    name = file.name.removeprefix("test_")
    return list(folder.glob(name) if folder == PACKAGE else folder.rglob(name))


def test_every_public_function_is_named_in_a_test() -> None:
    """Classes, constants and types of words are reached through functions."""
    named = {name for file in TESTS.rglob("*.py") for name in used_names(file)}
    # A command is called by its name.
    named |= set(COMMANDS) & {text for file in TESTS.rglob("*.py") for text in texts(file)}
    public = {name for file in PACKAGE.rglob("*.py") for name in public_functions(file)}
    assert sorted(public - named - NOT_NAMED.keys()) == []
    assert [name for name in NOT_NAMED if name not in public or name in named] == []
