"""A restore into the database that the export came from is refused, by whatever way it is reached."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from supa_assets.demo.server import EmbeddedServer
from supa_assets.errors import SettingsError
from supa_assets.export.run import export_database
from supa_assets.files.local_folder import LocalFolder
from supa_assets.restore.prove import prove_export
from supa_assets.restore.restore import RestoreResult, restore_export
from supa_assets.restore.target import TargetDatabase
from supa_assets_tests.support.copies import export_into
from supa_assets_tests.support.databases import Database
from supa_assets_tests.support.physical_copies import Copies, service_file
from supa_assets_tests.support.proxy import Proxy

SERVICE = "postgresql:///?service=mine"


@pytest.fixture
def source(database: Database) -> Database:
    database.execute("CREATE TABLE kept (id int PRIMARY KEY)")
    return database


@pytest.fixture
def service(source: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "services").write_text(service_file(source))
    monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "services"))
    return SERVICE


def restore(url: str, folder: Path, *, may_write_into_source: bool = False) -> RestoreResult:
    return restore_export(
        LocalFolder(folder), TargetDatabase(url), may_write_into_source=may_write_into_source
    )


def assert_refused(url: str, folder: Path, match: str) -> None:
    with pytest.raises(SettingsError, match=match) as raised:
        restore(url, folder)
    assert "--into-source and --yes" in str(raised.value.hint)


IS = "is the database that the export came from"
MAY_BE = "may be the database that the export came from"


def test_the_source_is_refused_whichever_of_export_and_restore_goes_by_a_service(
    source: Database, service: str, tmp_path: Path
) -> None:
    export_into(source, tmp_path / "one")
    assert_refused(service, tmp_path / "one", IS)
    export_database(url=service, output=tmp_path / "two", auth=False)
    assert_refused(source.superuser_url, tmp_path / "two", IS)
    restore(service, tmp_path / "two", may_write_into_source=True)


@pytest.mark.parametrize("way", ["name", "list", "variables", "socket"])
def test_the_source_is_refused_however_its_host_is_written(
    source: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    export_into(source, tmp_path)
    url = source.superuser_url
    monkeypatch.setenv("PGHOST", "127.0.0.1")
    monkeypatch.setenv("PGPORT", str(source.server.port))
    server = cast("EmbeddedServer", source.server)
    urls = {
        "name": url.replace("127.0.0.1", "localhost"),
        "list": url.replace("@127.0.0.1", "@127.0.0.1:1,127.0.0.1"),
        "variables": url.replace(f"127.0.0.1:{server.port}", ""),
        "socket": server.socket_url(source.name, user=server.superuser),
    }
    assert_refused(urls[way], tmp_path, IS)


def test_the_source_is_refused_by_a_tunnel_of_which_nobody_can_tell_where_it_ends(
    source: Database, tmp_path: Path
) -> None:
    export_into(source, tmp_path)
    with Proxy(source.server.port, lambda *_: True) as tunnel:
        url = source.url.replace(f":{source.server.port}/", f":{tunnel.port}/")
        assert_refused(url, tmp_path, f"{MAY_BE}: both have the system identifier")
        source.execute(
            "REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC, pg_monitor, postgres"
        )
        assert_refused(url, tmp_path, f"{MAY_BE}: neither host and port nor a system identifier")


def test_a_proof_against_the_source_itself_says_that_it_proves_no_copy(
    source: Database, service: str, make_database: Callable[[], Database], tmp_path: Path
) -> None:
    export_into(source, tmp_path / "out")
    target = make_database()
    target.execute("CREATE TABLE kept (id int PRIMARY KEY)")
    said = "that the target is another database than the source"
    for url, is_said in ((service, True), (target.url, False)):
        proof = prove_export(LocalFolder(tmp_path / "out"), TargetDatabase(url))
        assert any(line.startswith(said) for line in proof.not_proved) is is_said


def test_another_database_of_the_same_server_is_no_source(
    source: Database, make_database: Callable[[], Database], tmp_path: Path
) -> None:
    export_into(source, tmp_path)
    target = make_database()
    target.execute("CREATE TABLE kept (id int PRIMARY KEY)")
    assert restore(target.superuser_url, tmp_path).target.database == target.name


@pytest.mark.slow
@pytest.mark.parametrize("name", ["copy", "promoted"])
def test_a_physical_copy_of_the_source_is_told_as_what_it_can_be_and_taken_when_it_is_meant(
    copies: Copies, tmp_path: Path, name: str
) -> None:
    copy: Database = getattr(copies, name)
    copy.execute("TRUNCATE kept")
    export_into(copies.original, tmp_path)
    copied = f"{MAY_BE}: both have the system identifier .* a physical copy of the other"
    assert_refused(copy.superuser_url, tmp_path, copied)

    restore(copy.superuser_url, tmp_path, may_write_into_source=True)
    assert copy.fetch("SELECT id FROM kept ORDER BY id") == [(1,), (2,)]
