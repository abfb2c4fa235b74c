"""The cabinet in cases/: for each family of types, the exact bytes of the file, and the way back."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from supa_assets_tests.databases import Database
from supa_assets_tests.restore import restore, unequal_values

CASES = sorted((Path(__file__).parent.parent / "cases").glob("*.sql"))


def load(database: Database, case: Path) -> None:
    """Run the case's SQL, or skip it where the server lacks what it says it needs."""
    needs = re.search(r"^-- needs: (.*)$", case.read_text(), re.MULTILINE)
    for needed in needs[1].split(", ") if needs else []:
        if needed == "xml":
            is_there = database.fetch_value(
                "SELECT setting FROM pg_config WHERE name = 'CONFIGURE'"
            ).find("libxml")
            is_there = is_there >= 0
        elif needed.startswith("PostgreSQL "):
            version = int(needed.removeprefix("PostgreSQL ")) * 10_000
            is_there = database.fetch_value("SHOW server_version_num") >= str(version)
        else:
            is_there = database.fetch(
                f"SELECT FROM pg_available_extensions WHERE name = '{needed}'"
            )
        if not is_there:
            pytest.skip(f"the server has no {needed}")
    database.execute(case.read_text())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_a_file_has_exactly_the_bytes_that_the_case_tells(
    any_database: Database, case: Path
) -> None:
    load(any_database, case)
    text = any_database.export(any_database.table())
    assert text == case.with_suffix(".json").read_text(encoding="utf-8")
    json.loads(text)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_a_file_goes_back_into_postgres_with_every_value_equal(
    any_database: Database, case: Path
) -> None:
    load(any_database, case)
    table = any_database.table()
    restore(any_database, table, any_database.export(table))
    assert unequal_values(any_database, table) == []
