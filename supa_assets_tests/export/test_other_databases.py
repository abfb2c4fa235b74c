"""The folder that holds an export of another database: the run is refused, and the export is as it was."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from supa_assets.errors import OutputError
from supa_assets.export.run import export_database
from supa_assets.files.metadata import METADATA_FILE
from supa_assets_tests.support.databases import Database
from supa_assets_tests.support.exports import edit, read_files
from supa_assets_tests.support.physical_copies import Copies, service_file
from supa_assets_tests.support.servers import DebianServer

SERVICE = "postgresql:///?service=mine"


@pytest.fixture
def two(make_database: Callable[[], Database]) -> tuple[Database, Database]:
    """Two databases of one server, which hold the same table."""
    databases = make_database(), make_database()
    for number, database in enumerate(databases):
        database.execute(f"CREATE TABLE kept (id int); INSERT INTO kept VALUES ({number})")
    return databases


def export(url: str, folder: Path) -> None:
    export_database(url=url, output=folder, auth=False)


def name_service(
    monkeypatch: pytest.MonkeyPatch, folder: Path, database: Database, **changes: str
) -> None:
    (folder / "services").write_text(service_file(database, **changes))
    monkeypatch.setenv("PGSERVICEFILE", str(folder / "services"))


def assert_refused(url: str, folder: Path, match: str = "holds an export of") -> None:
    before = read_export(folder)
    with pytest.raises(OutputError, match=match):
        export(url, folder)
    assert read_export(folder) == before


def read_export(folder: Path) -> dict[str, bytes]:
    """What an export is, without the log of runs."""
    return {name: data for name, data in read_files(folder).items() if name != "export.log"}


def test_a_service_that_names_another_database_by_now_does_not_replace_the_first_ones_export(
    two: tuple[Database, Database], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name_service(monkeypatch, tmp_path, two[0])
    export(SERVICE, tmp_path / "out")
    export(SERVICE, tmp_path / "out")
    name_service(monkeypatch, tmp_path, two[1])
    assert_refused(SERVICE, tmp_path / "out")
    export(two[0].superuser_url, tmp_path / "out")


def test_another_database_that_the_environment_names_does_not_replace_the_first_ones_export(
    two: tuple[Database, Database], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = two[0].url.rpartition("/")[0]
    monkeypatch.setenv("PGDATABASE", two[0].name)
    export(url, tmp_path)
    monkeypatch.setenv("PGDATABASE", two[1].name)
    assert_refused(url, tmp_path)


def test_of_several_hosts_the_one_that_answered_counts(
    two: tuple[Database, Database], tmp_path: Path, debian_server: DebianServer
) -> None:
    """Both lists begin with a port where nobody listens; both servers have a database of that name."""
    other = debian_server.url(two[0].name, user=debian_server.superuser)
    created = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(two[0].name))
    with psycopg.connect(debian_server.url(user=debian_server.superuser), autocommit=True) as c:
        c.execute(created)
    with psycopg.connect(other, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept (id int)")

    export(_after_a_dead_one(two[0].superuser_url), tmp_path)
    assert_refused(_after_a_dead_one(other), tmp_path)
    source = json.loads((tmp_path / METADATA_FILE).read_text())["sourceDatabase"]
    assert (source["host"], source["port"]) == ("127.0.0.1", two[0].server.port)


def _after_a_dead_one(url: str) -> str:
    return url.replace("@127.0.0.1", "@127.0.0.1:1,127.0.0.1")


def test_a_database_made_anew_under_the_old_name_does_not_replace_what_may_be_all_that_is_left(
    two: tuple[Database, Database], tmp_path: Path
) -> None:
    first, second = two
    export(first.url, tmp_path)
    administrator = first.server.url(user=first.server.superuser)
    with psycopg.connect(administrator, autocommit=True) as connection:
        for statement in ("DROP DATABASE {0} WITH (FORCE)", "CREATE DATABASE {0} TEMPLATE {1}"):
            names = sql.Identifier(first.name), sql.Identifier(second.name)
            connection.execute(sql.SQL(statement).format(*names))
    assert_refused(first.superuser_url, tmp_path, "the OID of one is")


def test_a_database_that_was_renamed_does_not_replace_the_export_under_its_old_name(
    two: tuple[Database, Database], tmp_path: Path
) -> None:
    first = two[0]
    export(first.url, tmp_path)
    renamed = Database(first.server, f"{first.name}_renamed")
    administrator = first.server.url(user=first.server.superuser)
    with psycopg.connect(administrator, autocommit=True) as connection:
        rename = sql.SQL("ALTER DATABASE {} RENAME TO {}")
        names = sql.Identifier(first.name), sql.Identifier(renamed.name)
        connection.execute(rename.format(*names))
        try:
            assert_refused(renamed.url, tmp_path, "it may have been renamed")
        finally:
            connection.execute(rename.format(*reversed(names)))
    export(first.url, tmp_path)


def test_an_export_of_an_older_version_is_recognised(
    two: tuple[Database, Database], tmp_path: Path
) -> None:
    export(two[0].url, tmp_path)

    def make_older(data: bytes) -> bytes:
        metadata: dict[str, Any] = json.loads(data)
        for name in ("hostAddress", "databaseOid", "timeline"):
            del metadata["sourceDatabase"][name]
        return json.dumps(metadata).encode()

    edit(tmp_path / METADATA_FILE, make_older)
    assert_refused(two[1].url, tmp_path)
    export(two[0].url, tmp_path)
    assert "databaseOid" in (tmp_path / METADATA_FILE).read_text()


def test_a_role_that_may_not_ask_for_the_identifier_goes_on_with_its_export(
    two: tuple[Database, Database], tmp_path: Path
) -> None:
    revoke = "REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC, pg_monitor, postgres"
    for database in two:
        database.execute(revoke)
    export(two[0].url, tmp_path)
    export(two[0].url, tmp_path)
    export(two[0].superuser_url, tmp_path)
    assert_refused(two[1].url, tmp_path)
    assert_refused(two[0].url.replace("127.0.0.1", "localhost"), tmp_path, "may be another")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["copy", "promoted"])
def test_a_physical_copy_does_not_replace_the_originals_export_and_is_told_as_what_it_can_be(
    copies: Copies, tmp_path: Path, name: str
) -> None:
    export(copies.original.url, tmp_path)
    assert_refused(
        getattr(copies, name).url,
        tmp_path,
        "may be another database: both have the system identifier .* physical copy of the other",
    )
    export(copies.by_socket(), tmp_path)
