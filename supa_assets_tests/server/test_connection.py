"""Everything that can be wrong with the way to the source: one clear line, a hint of its own, and never a password."""

from __future__ import annotations

import os
import re
import socket
import struct
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from supa_assets.demo.server import EmbeddedServer
from supa_assets.errors import SettingsError, SourceError, SupaAssetsError
from supa_assets.files.metadata import SourceEntry
from supa_assets.server import connection as module
from supa_assets.server.address import Address, parse_url
from supa_assets.server.connection import connect, pin_session
from supa_assets.server.explain import explain_connection_error
from supa_assets.settings import Settings
from supa_assets_tests.support.databases import Database
from supa_assets_tests.support.servers import DebianServer, Server

PROJECT = "abcdefghijklmnopqrst"


@pytest.fixture(autouse=True)
def no_libpq_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("PG")]:
        monkeypatch.delenv(name)


def refusal(url: str) -> SettingsError:
    with pytest.raises(SettingsError) as raised:
        parse_url(url)
    return raised.value


def failure(url: str, *, timeout_s: int = 5) -> SourceError:
    """The error of a connection that must not open, checked for what every error must have."""
    with pytest.raises(SourceError) as raised:
        connect(parse_url(url), timeout_s=timeout_s)
    error = raised.value
    assert "\n" not in error.message
    assert error.hint
    return error


# Addresses


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://u:p@db.example.com:6543/app", ("db.example.com", 6543, "app")),
        ("postgres://u:p@h/app", ("h", 5432, "app")),
        ("postgresql://u:p@[2001:db8::1]:5433/app", ("2001:db8::1", 5433, "app")),
        ("postgresql://u:p@h1,h2:2/app", ("h1", 5432, "app")),
        ("postgresql://u:p@h1:1,h2:2/app", ("h1", 1, "app")),
        ("postgresql:///app?host=/run/pg&port=7&user=u", ("/run/pg", 7, "app")),
        ("postgresql://u:p%40%2F%3F%23%25@h/a%20b", ("h", 5432, "a b")),
        ("postgresql://u@h", ("h", 5432, "u")),
        ("postgresql://u:p@h/app?sslmode=require&application_name=x", ("h", 5432, "app")),
        ("postgresql://u@h/app?password=p@s", ("h", 5432, "app")),
    ],
)
def test_an_address_tells_host_port_and_database(url: str, expected: tuple[str, int, str]) -> None:
    entry = parse_url(url).describe()
    assert (entry.host, entry.port, entry.database) == expected
    assert entry.project is None


def test_what_the_url_leaves_out_comes_from_libpqs_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PGHOST", "elsewhere")
    monkeypatch.setenv("PGPORT", "7777")
    monkeypatch.setenv("PGDATABASE", "other")
    monkeypatch.setenv("PGPASSWORD", "s3cret word")
    address = parse_url("postgresql://")
    assert address.describe() == SourceEntry(host="elsewhere", port=7777, database="other")
    assert address.redact("no s3cret word here, no s3cret%20word") == "no *** here, no ***"
    monkeypatch.setenv("PGPORT", "no number")
    assert address.describe().port == 5432


@pytest.mark.parametrize(
    ("url", "project"),
    [
        (f"postgresql://postgres:p@db.{PROJECT}.supabase.co:5432/postgres", PROJECT),
        (f"postgresql://postgres:p@DB.{PROJECT}.Supabase.co:6543/postgres", PROJECT),
        (
            f"postgresql://postgres.{PROJECT}:p@aws-0-eu-central-1.pooler.supabase.com:6543/postgres",
            PROJECT,
        ),
        (f"postgresql://my.role.{PROJECT}:p@aws-1-us-east-1.pooler.supabase.com/postgres", PROJECT),
        ("postgresql://postgres:p@aws-0-eu-central-1.pooler.supabase.com:6543/postgres", None),
        (f"postgresql://postgres.{PROJECT}:p@db.example.com/postgres", None),
        (f"postgresql://postgres:p@db.{PROJECT}.supabase.co.example.com/postgres", None),
    ],
)
def test_a_supabase_address_tells_the_project(url: str, project: str | None) -> None:
    assert parse_url(url).describe().project == project


def test_direct_and_pooled_addresses_of_a_project_are_one_database() -> None:
    direct = parse_url(f"postgresql://postgres:p@db.{PROJECT}.supabase.co/postgres").describe()
    pooler = "aws-0-eu-central-1.pooler.supabase.com:6543/postgres"
    pooled = parse_url(f"postgresql://postgres.{PROJECT}:p@{pooler}").describe()
    other = parse_url(f"postgresql://postgres.{'z' * 20}:p@{pooler}").describe()
    assert direct.is_same_database(pooled)
    assert not pooled.is_same_database(other)


def entry(port: int = 1, *, identifier: str | None = None, **fields: str) -> SourceEntry:
    return SourceEntry(
        host="h",
        port=port,
        database=fields.pop("database", "d"),
        system_identifier=identifier,
        **fields,
    )


def test_a_server_on_another_port_is_known_by_its_identifier() -> None:
    assert entry(1, identifier="7").is_same_database(entry(2, identifier="7"))
    assert not entry(1, identifier="7").is_same_database(entry(2, identifier="7", database="e"))
    assert not entry(1, identifier="7").is_same_database(entry(1, identifier="8"))
    assert entry(1, identifier="7").is_same_database(entry(1))
    assert not entry(1, identifier="7").is_same_database(entry(2))


def test_a_project_counts_before_the_servers_identifier() -> None:
    assert not entry(identifier="7", project="a").is_same_database(
        entry(identifier="7", project="b")
    )
    assert entry(identifier="7", project="a").is_same_database(
        entry(2, identifier="8", project="a")
    )
    assert not entry(1, identifier="7", project="a").is_same_database(entry(2, identifier="7"))


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


# Malformed URLs


@pytest.mark.parametrize(
    "url",
    [
        "", "postgres", "localhost:5432/postgres", "mysql://u:hunter2@h/d", "postgresql+psycopg2://u:hunter2@h/d",
        "jdbc:postgresql://h/d?password=hunter2", "POSTGRESQL://u:hunter2@h/d", "'postgresql://u:hunter2@h/d'",
        "postgresql:u:hunter2@h/d", "postgresql:/u:hunter2@h/d", "host=h password=hunter2",
        "postgresql://u:hunter2%zz@h/d", "postgresql://u:hunter2%@h/d", "postgresql://u:hunter2@[::1/d",
        "postgresql://u:hunter2@h:port/d", "postgresql://u:hunter2@h:0/d", "postgresql://u:hunter2@h:65536/d",
        "postgresql://u:hunter2@h:99999999999999999999/d", "postgresql://u:hunter2@h:-1/d", "postgresql://u:hunter2@h:5432x/d",
        "postgresql://u:hunter2@h/d?nonsense=1", "postgresql://u:hunter2@h/d?sslmode", "postgresql://u:hunter2@h/d?a=b=c",
        "postgresql://u:hunter2:h:5432/d", "postgresql://u:hunter2\0@h/d", "postgresql://u:hunter2@h:٣/d",
        "postgresql://u:hunter2@hunter2@h/d", "postgresql://u:hunter2/hunter2@h/d", "postgresql://u:1/hunter2@h/d",
        "postgresql://u:1?x=/hunter2@h/d", "postgresql://u:1?sslmode=/hunter2@h/d", "postgresql://u:1?user=/hunter2@h/d",
    ],
)  # fmt: skip
def test_a_malformed_url_is_refused_without_being_quoted(url: str) -> None:
    error = refusal(url)
    assert "malformed" in error.message
    assert "postgresql://USER:PASSWORD@HOST:5432/postgres" in str(error.hint)
    assert "hunter2" not in str(error)
    assert "\n" not in error.message


def test_no_url_is_said_with_the_variables_name() -> None:
    with pytest.raises(
        SettingsError, match=r"^SUPABASE_DB_URL is not set\nHINT: set it to your project's"
    ):
        Settings().places.require_database_url()


def test_the_dashboards_placeholder_is_named() -> None:
    error = refusal(f"postgresql://postgres:[YOUR-PASSWORD]@db.{PROJECT}.supabase.co:5432/postgres")
    assert error.message.endswith("still holds [YOUR-PASSWORD]")
    assert "without the brackets" in str(error.hint)


@pytest.mark.parametrize(
    "parameter", ["pgbouncer=true", "sslmode=require&connection_limit=1", "schema=public"]
)
def test_a_parameter_of_another_tool_is_named(parameter: str) -> None:
    error = refusal(f"postgresql://u:hunter2@h/d?{parameter}")
    name = parameter.rpartition("&")[2].partition("=")[0]
    assert f'"{name}"' in error.message
    assert "Prisma" in str(error.hint)
    assert "hunter2" not in str(error)


passwords = st.lists(
    st.sampled_from(
        [
            "@",
            "/",
            "#",
            "?",
            ":",
            "%",
            "&",
            "=",
            "[",
            "]",
            ",",
            " ",
            "%4",
            "\\",
            "'",
            '"',
            "é",
            "🙂",
        ]
    )
    | st.text("qQzZxXjJ0123456789", min_size=4, max_size=8),
    min_size=1,
    max_size=7,
).map("".join)
"""Runs of rare letters are the parts that would be found again."""


@given(passwords)
@example("qqqq@zzzz")
@example("qqqq/zzzz@xxxx")
@example("5432/zzzz")
@example("1?user=/qqqqzzzz")
@example("qqqq%4")
def test_no_part_of_an_unescaped_password_is_in_a_message(password: str) -> None:
    url = f"postgresql://postgres:{password}@127.0.0.1:1/nodb"
    with pytest.raises(SupaAssetsError) as raised:
        connect(parse_url(url), timeout_s=1)
    told = str(raised.value)
    for known in ("127.0.0.1", "postgresql://USER:PASSWORD@HOST:5432/postgres"):
        told = told.replace(known, "")
    assert [run for run in re.findall("[qQzZxXjJ0-9]{4,}", password) if run in told] == []
    assert "\n" not in raised.value.message


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1))
@example("%")
@example("%25")
def test_an_escaped_password_is_understood_and_redacted_in_every_form(password: str) -> None:
    address = parse_url(f"postgresql://u:{quote(password, safe='')}@h/d")
    assert address.parameters["password"] == password
    escaped = quote(password, safe="")
    lower = re.sub("%..", lambda found: found[0].lower(), escaped)
    forms = (password, quote(password), escaped, lower)
    marked = "|".join(forms)
    if not set(password) <= set("*|"):
        assert address.redact(marked) == "***|***|***|***"
    assert password not in repr(address).replace("Address(h:5432/d)", "")


def test_a_url_in_a_message_loses_its_password() -> None:
    address = parse_url("postgresql://u@h/d")
    assert address.redact("see postgresql://u:other@h/d") == "see postgresql://u:***@h/d"


# Connections that don't open


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


def test_a_wrong_password(any_server: Server) -> None:
    error = failure(any_server.url().replace(any_server.password, "zzzzqqqq"))
    assert 'password authentication failed for user "postgres"' in error.message
    assert "Dashboard, Database, Settings" in str(error.hint)
    assert "zzzzqqqq" not in str(error)


def test_no_password(any_server: Server) -> None:
    error = failure(any_server.url().replace(f":{any_server.password}", ""))
    assert "no password supplied" in error.message
    assert "PGPASSWORD" in str(error.hint)


def test_a_role_that_is_not_there(any_server: Server) -> None:
    error = failure(any_server.url(user="nobody_here"))
    assert 'user "nobody_here"' in error.message


def test_a_role_that_is_not_there_where_the_server_says_so() -> None:
    said = psycopg.OperationalError('FATAL:  role "x" does not exist')
    error = explain_connection_error(said, parse_url("postgresql://x@h/d"))
    assert "postgres.<project ref> on the pooler" in str(error.hint)


def test_a_database_that_is_not_there(any_server: Server) -> None:
    error = failure(any_server.url("not_there"))
    assert 'database "not_there" does not exist' in error.message
    assert error.hint == "on Supabase the database is called postgres."


@pytest.mark.parametrize("host", ["nowhere.invalid", "a..b", "x" * 70 + ".com"])
def test_an_unknown_host(host: str) -> None:
    error = failure(f"postgresql://u:hunter2@{host}/d")
    assert error.message.startswith(f'cannot connect to "{host}:5432/d"')
    assert error.hint == "check the host's spelling and this machine's DNS."


def test_an_unknown_direct_host_of_supabase_points_to_the_pooler() -> None:
    said = psycopg.OperationalError(
        "could not translate host name: No address associated with hostname"
    )
    address = parse_url(f"postgresql://postgres:p@db.{PROJECT}.supabase.co/postgres")
    assert "IPv6" in str(explain_connection_error(said, address).hint)


def test_a_refused_connection() -> None:
    error = failure("postgresql://u:hunter2@127.0.0.1:1/d")
    assert "Connection refused" in error.message
    assert error.hint == "check host and port, and that the server runs."


def test_a_socket_that_is_not_there(tmp_path: Path) -> None:
    error = failure(f"postgresql:///d?user=u&host={quote(str(tmp_path), safe='')}")
    assert error.hint == "no server listens on that socket; check the URL's host."


@pytest.mark.parametrize(
    ("parameter", "hint"),
    [
        ("sslmode=bogus", "sslmode is one of"),
        ("connect_timeout=abc", "see the message"),
        ("service=nosuch", "see the message"),
    ],
)
def test_a_parameter_with_a_bad_value(parameter: str, hint: str) -> None:
    error = failure(f"postgresql://u:hunter2@127.0.0.1:1/d?{parameter}")
    assert str(error.hint).startswith(hint)


@contextmanager
def listener(answer: bytes | None) -> Iterator[int]:
    """A port that answers the startup packet with these bytes and closes; None is silent for good."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        clients: list[socket.socket] = []

        def serve() -> None:
            while True:
                try:
                    client, _ = server.accept()
                except OSError:
                    return
                clients.append(client)
                if answer is None:
                    continue
                request = client.recv(8)
                if request == struct.pack("!ii", 8, 80877103):  # SSLRequest
                    client.sendall(b"N")
                    client.recv(8)
                client.recv(4096)
                client.sendall(answer)
                client.close()

        threading.Thread(target=serve, daemon=True).start()
        yield int(server.getsockname()[1])
        for client in clients:
            client.close()


def refuse_with(message: str) -> bytes:
    """A pooler's ErrorResponse."""
    fields = f"SFATAL\0CXX000\0M{message}\0\0".encode()
    return b"E" + struct.pack("!i", len(fields) + 4) + fields


def test_a_server_that_never_answers_is_given_up_after_the_timeout() -> None:
    with listener(None) as port:
        error = failure(f"postgresql://u:hunter2@127.0.0.1:{port}/d", timeout_s=2)
    assert "timeout" in error.message
    assert "Network restrictions" in str(error.hint)


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ("Tenant or user not found", "the pooler's host or user is wrong"),
        ("(ENOTFOUND) tenant/user postgres.x not found", "the pooler's host or user is wrong"),
        ("(EMAXCONNSESSION) max clients reached in session mode", "the pool is full"),
        ("MaxClientsInSessionMode: max clients reached", "the pool is full"),
        (
            "sorry, too many clients already: remaining connection slots are reserved",
            "the pool is full",
        ),
        ("SSL connection is required", "the server takes only encrypted"),
        ("something nobody has heard of", "see the message"),
    ],
)
def test_what_a_pooler_says_leads_to_its_fix(said: str, hint: str) -> None:
    with listener(refuse_with(said)) as port:
        error = failure(f"postgresql://u:hunter2@127.0.0.1:{port}/d")
    assert said in error.message
    assert str(error.hint).startswith(hint)


def test_a_port_where_something_else_listens() -> None:
    with listener(b"") as port:
        error = failure(f"postgresql://u:hunter2@127.0.0.1:{port}/d")
    assert "check that host and port are PostgreSQL's" in str(error.hint)
    with listener(b"HTTP/1.1 400 Bad Request\r\n\r\n") as port:
        failure(f"postgresql://u:hunter2@127.0.0.1:{port}/d")


def test_a_server_that_is_too_old(any_server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "OLDEST_SERVER", 990000)
    with pytest.raises(SourceError, match="this program reads 15 and newer"):
        connect(parse_url(any_server.url()), timeout_s=5)


# TLS


def test_tls_that_the_server_does_not_offer(server: EmbeddedServer) -> None:
    error = failure(server.url() + "?sslmode=require")
    assert "server does not support SSL" in error.message
    assert str(error.hint).startswith("the server offers no TLS")


@pytest.fixture(scope="module")
def tls_server() -> Iterator[DebianServer]:
    """With a certificate of its own for another name, and no way in but TLS."""
    if not DebianServer.is_installed():
        pytest.skip("Debian's PostgreSQL 15 is not installed")
    server = DebianServer()
    certificate, key, rules = (server.folder / name for name in ("tls.crt", "tls.key", "hba"))
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=db.example.com",
         "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    rules.write_text(
        "local all all scram-sha-256\nhostssl all postgres,supabase_admin 127.0.0.1/32 scram-sha-256\n"
    )
    for path in (certificate, key, rules):
        path.chmod(0o600)
        server.give(path)
    try:
        server.start(
            ssl="on", ssl_cert_file=str(certificate), ssl_key_file=str(key), hba_file=str(rules)
        )
        yield server
    finally:
        server.remove()


def test_tls_that_the_server_requires(tls_server: DebianServer) -> None:
    connect(parse_url(tls_server.url() + "?sslmode=require"), timeout_s=5).close()
    error = failure(tls_server.url() + "?sslmode=disable")
    assert "no encryption" in error.message
    assert (
        error.hint
        == "the server takes only encrypted connections: add ?sslmode=require to the URL."
    )


def test_verify_full_without_the_root_certificate(tls_server: DebianServer, tmp_path: Path) -> None:
    missing = tmp_path / "root.crt"
    error = failure(tls_server.url() + f"?sslmode=verify-full&sslrootcert={missing}")
    assert str(missing) in error.message
    assert "download it from Dashboard" in str(error.hint)


def test_verify_full_with_a_root_that_did_not_sign(
    tls_server: DebianServer, tmp_path: Path
) -> None:
    other = tmp_path / "other.crt"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=other", "-keyout", "/dev/null",
         "-out", other], check=True, capture_output=True,
    )  # fmt: skip
    error = failure(tls_server.url() + f"?sslmode=verify-full&sslrootcert={other}")
    assert "certificate verify failed" in error.message
    assert "download it from Dashboard" in str(error.hint)


def test_verify_full_of_another_hosts_certificate(tls_server: DebianServer) -> None:
    root = tls_server.folder / "tls.crt"
    error = failure(tls_server.url() + f"?sslmode=verify-full&sslrootcert={root}")
    assert 'server certificate for "db.example.com"' in error.message
    assert str(error.hint).startswith("the certificate is another host's")


def test_an_address_that_the_server_lets_nobody_in_from(tls_server: DebianServer) -> None:
    error = failure(tls_server.url("template1", user="stranger") + "?sslmode=require")
    assert "no pg_hba.conf entry" in error.message
    assert "an administrator adds a line" in str(error.hint)


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
    assert address.is_local()
    assert not Address({"host": "db.example.com"}).is_local()
