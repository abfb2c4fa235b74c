"""Which database a connection leads to, and which PostgreSQL serves it."""

from __future__ import annotations

from supa_assets.server.address import parse_url
from supa_assets.server.connection import connect
from supa_assets.server.identity import identify_server, identify_source
from supa_assets_tests.support.databases import Database


def test_the_version_is_the_servers_own(any_database: Database) -> None:
    query = "SELECT current_setting('server_version'), current_setting('server_version_num')::int"
    with connect(parse_url(any_database.url), timeout_s=5) as connection:
        found = identify_server(connection)

    assert [(found.version, found.version_number)] == any_database.fetch(query)


def test_a_source_is_its_address_with_the_servers_identifier(any_database: Database) -> None:
    address = parse_url(any_database.url)
    expected = any_database.fetch_value("SELECT system_identifier::text FROM pg_control_system()")
    with connect(address, timeout_s=5) as connection:
        found = identify_source(connection, address)

    assert found == address.describe().model_copy(update={"system_identifier": expected})


def test_a_role_that_may_not_ask_gives_the_address_alone_and_goes_on(database: Database) -> None:
    database.execute(
        "REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC, pg_monitor, postgres"
    )
    address = parse_url(database.url)
    with connect(address, timeout_s=5) as connection:
        assert identify_source(connection, address) == address.describe()
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_the_catalogue_tells_the_servers_identifier(any_database: Database) -> None:
    expected = any_database.fetch_value("SELECT system_identifier::text FROM pg_control_system()")
    assert any_database.plan().source.system_identifier == expected


def test_a_role_that_may_not_ask_for_the_identifier_exports_all_the_same(
    database: Database,
) -> None:
    database.execute(
        "REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC, pg_monitor, postgres"
    )
    database.execute("CREATE TABLE t ()")
    source = database.plan().source
    assert source.system_identifier is None
    assert "systemIdentifier" not in source.model_dump_json(exclude_none=True)
