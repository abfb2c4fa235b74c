"""What the tests of the way back share."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from supa_assets_tests.support.databases import Database
from supa_assets_tests.support.restorable import ROWS, SCHEMA


@pytest.fixture
def people(make_database: Callable[..., Database]) -> Database:
    """What a restore has to get past, with rows."""
    database = make_database()
    database.execute(SCHEMA, ROWS)
    return database


@pytest.fixture
def empty_people(make_database: Callable[..., Database]) -> Database:
    """The same tables without rows, owned by postgres."""
    database = make_database()
    database.execute(f"SET ROLE postgres; GRANT ALL ON SCHEMA public TO postgres; {SCHEMA}")
    return database
