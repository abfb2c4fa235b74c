"""The cabinet in cases/: for each family of types, the exact bytes of the file, and the way back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from supa_assets_tests.support.cabinet import cases
from supa_assets_tests.support.databases import Database
from supa_assets_tests.support.way_back import restore, unequal_values


@pytest.mark.parametrize(("any_server", "case"), list(cases()), indirect=["any_server"])
def test_a_file_has_exactly_the_bytes_that_the_case_tells(
    any_database: Database, case: Path
) -> None:
    any_database.execute(case.read_text())
    text = any_database.export(any_database.table())
    assert text == case.with_suffix(".json").read_text(encoding="utf-8")
    json.loads(text)


@pytest.mark.parametrize(("any_server", "case"), list(cases()), indirect=["any_server"])
def test_a_file_goes_back_into_postgres_with_every_value_equal(
    any_database: Database, case: Path
) -> None:
    any_database.execute(case.read_text())
    table = any_database.table()
    restore(any_database, table, any_database.export(table))
    assert unequal_values(any_database, table) == []
