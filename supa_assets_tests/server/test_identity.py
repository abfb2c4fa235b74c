"""Which database a connection leads to, and which PostgreSQL serves it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import cast

import psycopg
import pytest

from supa_assets.demo.server import EmbeddedServer
from supa_assets.files.metadata import SourceEntry
from supa_assets.files.same_database import compare_databases
from supa_assets.server.address import parse_url
from supa_assets.server.connection import connect
from supa_assets.server.identity import find_project, identify_server, identify_source, is_local
from supa_assets_tests.support.connections import PROJECT
from supa_assets_tests.support.databases import Database
from supa_assets_tests.support.physical_copies import Copies, service_file


def identify(url: str) -> SourceEntry:
    with connect(parse_url(url), timeout_s=5) as connection:
        return identify_source(connection)


def test_the_version_is_the_servers_own(any_database: Database) -> None:
    query = "SELECT current_setting('server_version'), current_setting('server_version_num')::int"
    with connect(parse_url(any_database.url), timeout_s=5) as connection:
        found = identify_server(connection)

    assert [(found.version, found.version_number)] == any_database.fetch(query)


def test_a_source_is_what_connection_and_server_say_of_it(any_database: Database) -> None:
    identifier, oid = any_database.fetch(
        "SELECT s.system_identifier::text, d.oid::int FROM pg_control_system() s, pg_database d"
        " WHERE datname = current_database()"
    )[0]
    assert identify(any_database.url) == SourceEntry(
        host="127.0.0.1",
        host_address="127.0.0.1",
        port=any_database.server.port,
        database=any_database.name,
        database_oid=oid,
        system_identifier=identifier,
        timeline=1,
    )


REVOKED = {
    "identifier": "pg_control_system()",
    "timeline": "pg_walfile_name(pg_lsn)",
    "position": "pg_current_wal_insert_lsn()",
}


@pytest.mark.parametrize("function", REVOKED.values(), ids=REVOKED)
def test_a_role_that_may_not_ask_knows_all_the_rest_and_goes_on(
    database: Database, function: str
) -> None:
    expected = identify(database.url)
    database.execute(f"REVOKE EXECUTE ON FUNCTION {function} FROM PUBLIC, pg_monitor, postgres")
    with connect(parse_url(database.url), timeout_s=5) as connection:
        found = identify_source(connection)
        assert connection.execute("SELECT 1").fetchone() == (1,)
    unknown = {"system_identifier": None, "timeline": None}
    assert found == expected.model_copy(update=unknown)


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


def test_the_catalogue_tells_the_servers_identifier(any_database: Database) -> None:
    expected = any_database.fetch_value("SELECT system_identifier::text FROM pg_control_system()")
    assert any_database.plan().source.system_identifier == expected


@pytest.mark.parametrize("autocommit", [True, False])
def test_a_source_is_told_outside_of_a_transaction_too(
    database: Database, autocommit: bool
) -> None:
    with psycopg.connect(database.url, autocommit=autocommit) as connection:
        assert identify_source(connection) == identify(database.url)


def test_a_schema_of_the_users_own_does_not_stand_in_for_the_servers_functions(
    database: Database,
) -> None:
    expected = identify(database.url)
    database.execute(
        "CREATE FUNCTION public.current_database() RETURNS name LANGUAGE sql AS 'SELECT ''x''::name'",
        "CREATE FUNCTION public.same(name, name) RETURNS boolean LANGUAGE sql AS 'SELECT false'",
        "CREATE OPERATOR public.= (LEFTARG = name, RIGHTARG = name, FUNCTION = public.same)",
        f"ALTER DATABASE {database.name} SET search_path = public, pg_catalog",
    )
    assert identify(database.url) == expected


# Ways to one database


def by_service(database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    _write_service(database, folder, monkeypatch)
    return "postgresql:///?service=mine"


def by_service_variable(database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    _write_service(database, folder, monkeypatch)
    monkeypatch.setenv("PGSERVICE", "mine")
    return "postgresql://"


def by_variables(database: Database, _: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    values = {"HOST": "127.0.0.1", "PORT": str(database.server.port), "DATABASE": database.name,
              "USER": "postgres", "PASSWORD": database.server.password}  # fmt: skip
    for name, value in values.items():
        monkeypatch.setenv(f"PG{name}", value)
    return "postgresql://"


def by_address_variable(database: Database, _: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("PGHOSTADDR", "127.0.0.1")
    return database.url.replace("127.0.0.1", "db.example.invalid")


def by_second_host(database: Database, _: Path, __: pytest.MonkeyPatch) -> str:
    return database.url.replace("127.0.0.1", "127.0.0.1:1,127.0.0.1")


def by_name(database: Database, _: Path, __: pytest.MonkeyPatch) -> str:
    return database.url.replace("127.0.0.1", "LOCALHOST")


def by_socket(database: Database, _: Path, __: pytest.MonkeyPatch) -> str:
    return cast("EmbeddedServer", database.server).socket_url(database.name)


def _write_service(database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "services").write_text(service_file(database))
    monkeypatch.setenv("PGSERVICEFILE", str(folder / "services"))


WAYS = [
    by_service, by_service_variable, by_variables, by_address_variable, by_second_host, by_name, by_socket,
]  # fmt: skip


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_whatever_way_leads_to_a_database_it_is_the_same_one(
    make_database: Callable[[], Database],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    way: Callable[[Database, Path, pytest.MonkeyPatch], str],
) -> None:
    database, other = make_database(), make_database()
    expected, another = identify(database.url), identify(other.url)

    found = identify(way(database, tmp_path, monkeypatch))

    assert (found.database, found.port) == (database.name, database.server.port)
    assert compare_databases(expected, found).verdict == "same"
    assert compare_databases(another, found).verdict == "other"


POOLER = "aws-0-eu-central-1.pooler.supabase.com"


@pytest.mark.parametrize(
    ("host", "user", "options", "project"),
    [
        (f"db.{PROJECT}.supabase.co", "postgres", "", PROJECT),
        (POOLER, f"postgres.{PROJECT}", "", PROJECT),
        (POOLER, f"my.role.{PROJECT}", "", PROJECT),
        (POOLER, "postgres", f"-c x=y reference={PROJECT}", PROJECT),
        (POOLER, "postgres", f"reference={PROJECT}", PROJECT),
        (POOLER, "postgres", "", None),
        ("db.example.com", f"postgres.{PROJECT}", f"reference={PROJECT}", None),
        (f"db.{PROJECT}.supabase.co.example.com", "postgres", "", None),
    ],
)
def test_a_projects_ref_is_in_its_hosts_name_or_on_the_pooler_in_the_user_or_an_option(
    host: str, user: str, options: str, project: str | None
) -> None:
    assert find_project(host, user, options) == project


def test_the_project_is_told_by_the_host_that_a_service_names(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = f"DB.{PROJECT}.Supabase.co"
    text = service_file(database, host=host, hostaddr="127.0.0.1")
    (tmp_path / "services").write_text(text)
    monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "services"))
    assert identify("postgresql:///?service=mine").project == PROJECT


# Physical copies


@pytest.mark.slow
def test_a_copy_of_a_server_is_told_by_its_address_and_a_promoted_one_by_its_timeline_too(
    copies: Copies,
) -> None:
    original, copy, promoted = (
        identify(one.url) for one in (copies.original, copies.copy, copies.promoted)
    )
    assert (original.system_identifier, original.database_oid) == (
        copy.system_identifier,
        copy.database_oid,
    )
    assert [entry.timeline for entry in (original, copy, promoted)] == [1, 1, 2]
    for other in (copy, promoted):
        assert compare_databases(original, other).verdict == "unknown"
    assert compare_databases(original, identify(copies.by_socket())).verdict == "same"
    assert "timelines, 1 and 2, differ" in compare_databases(original, promoted).reason


# This machine


def test_a_connection_is_local_by_the_address_that_answered(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = cast("EmbeddedServer", database.server)
    monkeypatch.setenv("PGHOSTADDR", "127.0.0.1")
    named = database.url.replace("127.0.0.1", "db.example.invalid")
    for url in (named, database.url, server.socket_url(database.name)):
        if url != named:
            monkeypatch.delenv("PGHOSTADDR", raising=False)
        with connect(parse_url(url), timeout_s=5) as connection:
            assert is_local(connection)
