"""Catalogue queries: each stands in a file of its own, which psql takes as it is."""

from __future__ import annotations

import ast
import csv
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from supa_assets.demo.server import EmbeddedServer, binaries
from supa_assets.server.queries import fetch_query, fetch_row
from supa_assets_tests.support.code import PACKAGE
from supa_assets_tests.support.databases import Database, new_database

FOLDER = PACKAGE / "server" / "sql"
FILES = sorted(FOLDER.glob("*.sql"))
_SET = re.compile(r"^-- \\set (\w+) '(.*)'$", re.MULTILINE)


@pytest.fixture(scope="module")
def cases(server: EmbeddedServer) -> Iterator[Database]:
    with new_database(server) as database:
        database.execute(
            "CREATE TYPE mood AS ENUM ('sad', 'ok')",
            "CREATE TABLE cases (id serial PRIMARY KEY, parent int REFERENCES cases, mood mood)",
        )
        yield database


def run_psql(database: Database, script: str) -> list[list[str]]:
    """What psql prints, headings first."""
    done = subprocess.run(
        [binaries() / "psql", "-X", "-q", "--csv", "-v", "ON_ERROR_STOP=1", database.superuser_url],
        input=script,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return list(csv.reader(done.stdout.splitlines()))


def as_pasted(text: str) -> str:
    r"""The file with its `\set` lines taken out of the comment, as its reader is told to."""
    return re.sub(r"^-- (?=\\set )", "", text, flags=re.MULTILINE)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_psql_takes_a_query_as_it_is_and_gives_the_same_columns(
    cases: Database, file: Path
) -> None:
    text = file.read_text(encoding="utf-8")
    headings, *rows = run_psql(cases, as_pasted(text))

    assert all(headings)
    with cases.session(user=cases.server.superuser) as session:
        fetched = fetch_query(session.connection, file.name, **dict(_SET.findall(text)))
    if rows or fetched:
        assert headings == list(fetched[0])
        assert (len(rows) > 0) == (len(fetched) > 0)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_query_says_what_it_reads_and_gives_a_value_for_each_variable(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.startswith("-- ")
    assert text.endswith(";\n")
    statement = re.sub(r"^\s*--.*$", "", text, flags=re.MULTILINE)
    assert statement.count(";") == 1
    assert set(re.findall(r":'(\w+)'", statement)) == {name for name, _ in _SET.findall(text)}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_query_is_named_after_the_module_that_reads_it(file: Path) -> None:
    modules = [
        module
        for module in PACKAGE.rglob("*.py")
        if file.name.startswith(f"{module.stem}_") and module.name != "__init__.py"
    ]
    assert any(f'"{file.name}"' in module.read_text(encoding="utf-8") for module in modules)


def test_a_percent_sign_in_a_query_is_one(database: Database) -> None:
    """`format('%I')` reaches the server as it stands in the file."""
    database.execute("CREATE TABLE a (id int PRIMARY KEY)", "CREATE TABLE b (a int REFERENCES a)")
    relation_id = database.fetch_value("SELECT 'b'::regclass::oid::int8")
    with database.session() as session:
        row = fetch_row(
            session.connection, "target_foreign_keys.sql", relation_ids=[int(relation_id)]
        )
    assert row["operators"] == ["OPERATOR(pg_catalog.=)"]


# No catalogue query stands in Python

_CATALOGUE = re.compile(
    r"\b(?:FROM|JOIN)\s+(?:pg_catalog\.)?pg_(?!catalog\b)\w+"
    r"|\bcurrent_setting\(|\bpg_export_snapshot\(|\bhas_\w+_privilege\(|\b(?:clock|statement)_timestamp\("
)
_ALLOWED = {
    "demo/project.py": "the demo knows no other room, and asks about its own project",
}


def literals(file: Path) -> Iterator[str]:
    """Every string but docstrings."""
    nodes = list(ast.walk(ast.parse(file.read_text(encoding="utf-8"))))
    docstrings = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    for node in nodes:
        if isinstance(node, ast.Constant) and id(node) not in docstrings:
            yield str(node.value)


def test_no_module_holds_a_catalogue_query() -> None:
    found = {
        str(file.relative_to(PACKAGE))
        for file in PACKAGE.rglob("*.py")
        for text in literals(file)
        if _CATALOGUE.search(text)
    }
    assert found - set(_ALLOWED) == set()
