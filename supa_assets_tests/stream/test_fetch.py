"""What a fetcher takes for too large a value, and what not: the first is cut, the other is an error."""

from __future__ import annotations

import psycopg
import pytest

from supa_assets.stream.fetch import is_too_large_for_server
from supa_assets_tests.support.databases import Database

TOO_LARGE = {
    "a length": "SELECT repeat('x', 1073741823)",
    "an allocation": "SELECT to_char(1, repeat(repeat('9', 1000), 150000))",
    "memory": "DO $$ BEGIN RAISE 'out of memory' USING ERRCODE = 'out_of_memory'; END $$",
}
OTHER = {
    "a cast": "SELECT 'x'::int",
    "a table": "SELECT * FROM nowhere",
    "a disk": "DO $$ BEGIN RAISE 'could not extend file' USING ERRCODE = 'disk_full'; END $$",
    "the server's own fault": "DO $$ BEGIN RAISE 'tuple concurrently updated' USING ERRCODE = 'XX000'; END $$",
    "a cancel": "SET statement_timeout = 1; SELECT pg_sleep(1)",
}


def error_of(database: Database, statement: str) -> psycopg.Error:
    with pytest.raises(psycopg.Error) as raised:
        database.execute(statement)
    return raised.value


@pytest.mark.parametrize("what", TOO_LARGE)
def test_a_value_above_the_servers_limit_is_told_by_its_error(
    any_database: Database, what: str
) -> None:
    assert is_too_large_for_server(error_of(any_database, TOO_LARGE[what]))


@pytest.mark.parametrize("what", OTHER)
def test_other_errors_are_not_taken_for_it(any_database: Database, what: str) -> None:
    """A range that failed for another reason would be read again in parts, in vain."""
    assert not is_too_large_for_server(error_of(any_database, OTHER[what]))


def test_a_lost_connection_is_not_taken_for_it() -> None:
    assert not is_too_large_for_server(psycopg.OperationalError("server closed the connection"))
