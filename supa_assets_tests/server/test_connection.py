"""One connection: its guarantees, and where its password may come from."""

from __future__ import annotations

from pathlib import Path

import pytest

from supa_assets.errors import SourceError
from supa_assets.server.address import parse_url
from supa_assets.server.connection import OLDEST_SERVER, connect, lift_timeouts, pin_session
from supa_assets_tests.support.connections import failure
from supa_assets_tests.support.databases import Database
from supa_assets_tests.support.physical_copies import service_file
from supa_assets_tests.support.servers import Server


def test_a_connection_begins_read_only_in_one_snapshot_with_settings_pinned(
    any_server: Server,
) -> None:
    with connect(parse_url(any_server.url()), timeout_s=5) as connection:
        pin_session(connection, lock_timeout_s=3)
        for name, value in {
            "transaction_isolation": "repeatable read", "transaction_read_only": "on", "TimeZone": "UTC",
            "row_security": "off", "search_path": '""', "statement_timeout": "0", "lock_timeout": "3s",
            "application_name": "supa-assets", "lc_monetary": "C", "IntervalStyle": "postgres",
            "client_encoding": "UTF8",
        }.items():  # fmt: skip
            row = connection.execute("SELECT current_setting(%s)", [name]).fetchone()
            assert row is not None
            assert row[0] in (value, value.strip('"')), name
        connection.rollback()
        assert connection.execute("SHOW row_security").fetchone() == ("on",)


def test_a_server_that_is_too_old(any_server: Server) -> None:
    with pytest.raises(SourceError, match="this program reads 99 and newer") as raised:
        connect(parse_url(any_server.url()), timeout_s=5, oldest_server=990000)
    assert raised.value.expected == 99
    assert str(raised.value.found) in raised.value.message


def test_the_oldest_server_that_is_read_is_15() -> None:
    assert OLDEST_SERVER == 150000


def test_lifted_timeouts_take_no_snapshot(any_server: Server) -> None:
    with connect(parse_url(any_server.url()), timeout_s=5) as connection:
        lift_timeouts(connection, lock_timeout_s=0.25)
        connection.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")  # only before one
        assert connection.execute("SHOW lock_timeout").fetchone() == ("250ms",)
        assert connection.execute("SHOW statement_timeout").fetchone() == ("0",)


# Passwords from elsewhere


def test_a_password_from_the_environment_and_from_a_passfile(
    any_server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    without = any_server.url().replace(f":{any_server.password}@", "@")
    passfile = tmp_path / "pass"
    passfile.write_text(f"*:*:*:*:{any_server.password}\n")
    passfile.chmod(0o600)
    connect(parse_url(f"{without}?passfile={passfile}"), timeout_s=5).close()
    passfile.write_text("*:*:*:*:zzzzqqqq\n")
    assert "zzzzqqqq" not in str(failure(f"{without}?passfile={passfile}"))
    monkeypatch.setenv("PGPASSWORD", any_server.password)
    connect(parse_url(without), timeout_s=5).close()
    monkeypatch.setenv("PGPASSWORD", "zzzzqqqq")
    assert "zzzzqqqq" not in str(failure(without))


def test_the_environment_names_the_whole_address(
    any_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"HOST": "127.0.0.1", "PORT": str(any_server.port), "USER": "postgres", "DATABASE": "postgres",
                        "PASSWORD": any_server.password}.items():  # fmt: skip
        monkeypatch.setenv(f"PG{name}", value)
    address = parse_url("postgresql://")
    connect(address, timeout_s=5).close()


@pytest.mark.parametrize("place", ["service", "passfile", "PGPASSWORD"])
def test_what_libpq_found_elsewhere_is_known_of_the_address_once_it_is_connected(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    server = database.server
    url = server.url(database.name, user=server.superuser).replace(f":{server.password}@", "@")
    file = tmp_path / "file"
    if place == "service":
        file.write_text(service_file(database))
        monkeypatch.setenv("PGSERVICEFILE", str(file))
        url = "postgresql:///?service=mine"
    elif place == "passfile":
        file.write_text(f"*:*:*:*:{server.password}\n")
        file.chmod(0o600)
        url += f"?passfile={file}"
    else:
        monkeypatch.setenv("PGPASSWORD", server.password)
    address = parse_url(url)
    connect(address, timeout_s=5).close()
    assert address.user() == server.superuser
    assert address.redact(f"it is {server.password}.") == "it is ***."
    assert server.password not in repr(address)
    assert address == parse_url(url)
