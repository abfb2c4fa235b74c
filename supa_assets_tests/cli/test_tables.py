"""The listing of what an export would hold, for `supa-assets tables` and `export --dry-run`."""

from __future__ import annotations

import pytest

from supa_assets.cli.tables import print_plan, tell_if_recalled
from supa_assets.errors import SourceError
from supa_assets.export.known_plan import KnownPlan
from supa_assets_tests.support.databases import Database

CYCLE = """
CREATE TABLE eggs (id int PRIMARY KEY, hen int);
CREATE TABLE hens (id int PRIMARY KEY, egg int REFERENCES eggs, mother int REFERENCES hens);
ALTER TABLE eggs ADD CONSTRAINT laid_by FOREIGN KEY (hen) REFERENCES hens;
CREATE TABLE notes (what text);
ANALYZE;
"""


def test_tables_are_listed_in_import_order_with_the_references_that_it_breaks(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    database.execute(CYCLE)
    plan = database.plan()
    print_plan(plan, plan.tables, database.settings())
    lines = capsys.readouterr().out.splitlines()

    assert [line.split()[1] for line in lines[1:4]] == [str(t.relation) for t in plan.tables]
    assert next(line for line in lines if "notes.json" in line).endswith("heap order")
    assert any(line.startswith("3 tables, about 0 rows, ") for line in lines)
    assert "hens.hens_mother_fkey references itself" in lines
    assert sum("closes a cycle to" in line for line in lines) == 1


def test_only_a_recalled_list_is_told_to_be_an_old_one(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = database.plan()
    tell_if_recalled(KnownPlan(plan, is_recalled=False))
    assert capsys.readouterr().err == ""
    error = SourceError("cannot connect", hint="start it")
    tell_if_recalled(KnownPlan(plan, is_recalled=True, error=error))
    assert capsys.readouterr().err.splitlines() == [
        "warning: cannot connect",
        f"this is the last known catalogue, read at {plan.read_at}",
        "HINT: start it",
    ]
