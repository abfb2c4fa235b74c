"""Everything that can be wrong with the way to the source: one clear line, a hint of its own, and never a password."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest

from supa_assets.demo.server import EmbeddedServer
from supa_assets.errors import SourceError, SourceUnavailable
from supa_assets.server.address import parse_url
from supa_assets.server.connection import connect
from supa_assets.server.explain_connection import explain_connection_error
from supa_assets_tests.support.connections import PROJECT, failure, listener, refuse_with
from supa_assets_tests.support.databases import Database
from supa_assets_tests.support.physical_copies import service_file
from supa_assets_tests.support.servers import DebianServer, Server


def test_a_wrong_password(any_server: Server) -> None:
    error = failure(any_server.url().replace(any_server.password, "zzzzqqqq"))
    assert 'password authentication failed for user "postgres"' in error.message
    assert "Dashboard, Database, Settings" in str(error.hint)
    assert "zzzzqqqq" not in str(error)
    assert type(error) is SourceError  # another attempt would fail alike


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


def test_on_the_direct_host_a_full_server_is_no_reason_to_go_to_the_direct_host() -> None:
    said = psycopg.OperationalError("FATAL:  remaining connection slots are reserved")
    hints = [
        str(explain_connection_error(said, parse_url(f"postgresql://x@{host}/d")).hint)
        for host in (f"db.{PROJECT}.supabase.co", "aws-0-eu-central-1.pooler.supabase.com")
    ]
    assert ["use the pooler's string" in hint for hint in hints] == [True, False]
    assert ["direct host" in hint for hint in hints] == [False, True]


def test_a_database_that_is_not_there(any_server: Server) -> None:
    error = failure(any_server.url("not_there"))
    assert 'database "not_there" does not exist' in error.message
    assert error.hint == "on Supabase the database is called postgres."


def test_a_service_is_told_by_the_host_that_was_tried_and_its_password_by_nobody(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "services").write_text(service_file(database, user="keeper", password="K7q!x9z"))
    monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "services"))
    error = failure("postgresql:///?service=mine")
    where = f"127.0.0.1:{database.server.port}/{database.name}"
    assert error.message.startswith(f'cannot connect to "{where}"')
    assert "K7q" not in str(error)
    (tmp_path / "services").write_text("")
    error = failure("postgresql:///?service=mine")
    assert error.message.startswith('cannot connect to "service mine"')


def test_of_several_hosts_all_are_told() -> None:
    error = failure("postgresql://u:hunter2@127.0.0.1:1,127.0.0.1:2/d")
    assert error.message.startswith('cannot connect to "127.0.0.1:1,127.0.0.1:2/d"')


@pytest.mark.parametrize(
    "place", ["postgres", "nobody_here", "not_there", "127.0.0.1:1", "nowhere.invalid"]
)
def test_a_failed_connection_is_told_alike_whatever_its_password_is(
    server: EmbeddedServer, place: str
) -> None:
    """Hints, too: none is lost because its words were the password."""
    where = f"127.0.0.1:{server.port}"
    url = {
        "postgres": f"postgresql://postgres:{{}}@{where}/postgres",
        "nobody_here": f"postgresql://nobody_here:{{}}@{where}/postgres",
        "not_there": f"postgresql://postgres:{{}}@{where}/not_there",
    }.get(place, f"postgresql://u:{{}}@{place}/d")
    told = {
        str(failure(url.format(p)))
        for p in ("a", "password", "1", "Connection", "failed", "K7q!x9z")
    }
    assert len(told) == 1


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
    assert type(error) is SourceUnavailable


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


@pytest.mark.slow
def test_a_server_that_never_answers_is_given_up_after_the_timeout() -> None:
    with listener(None) as port:
        error = failure(f"postgresql://u:hunter2@127.0.0.1:{port}/d", timeout_s=2)
    assert "timeout" in error.message
    assert "Network restrictions" in str(error.hint)
    assert type(error) is SourceUnavailable


def test_a_database_that_takes_no_further_connection(database: Database) -> None:
    database.execute(f'ALTER DATABASE "{database.name}" CONNECTION LIMIT 0')
    error = failure(database.url)
    assert f'too many connections for database "{database.name}"' in error.message
    assert str(error.hint).startswith("the pool is full")
    assert type(error) is SourceUnavailable


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ("Tenant or user not found", "the pooler's host or user is wrong"),
        ("(ENOTFOUND) tenant/user postgres.x not found", "the pooler's host or user is wrong"),
        ("(EMAXCONNSESSION) max clients reached in session mode", "the pool is full"),
        ("MaxClientsInSessionMode: max clients reached", "the pool is full"),
        ("Max client connections reached", "the pool is full"),
        ("(EMAXCLIENTCONN) max client connections reached, limit: 200", "the pool is full"),
        ("(ECHECKOUTTIMEOUT) unable to check out connection from the pool after 15000ms", "the pool is full"),
        ("no more connections allowed (max_client_conn)", "the pool is full"),
        ("sorry, too many clients already", "the pool is full"),
        ("remaining connection slots are reserved for roles with the SUPERUSER attribute", "the pool is full"),
        ("SSL connection is required", "the server takes only encrypted"),
        ("the database system is starting up", "wait until the server takes connections"),
        ("the database system is shutting down", "wait until the server takes connections"),
        ("the database system is in recovery mode", "wait until the server takes connections"),
        ("the database system is not yet accepting connections", "wait until the server takes connections"),
        ("something nobody has heard of", "see the message"),
    ],
)  # fmt: skip
def test_what_a_pooler_or_a_server_says_leads_to_its_fix(said: str, hint: str) -> None:
    with listener(refuse_with(said)) as port:
        error = failure(f"postgresql://u:hunter2@127.0.0.1:{port}/d")
    assert said in error.message
    assert str(error.hint).startswith(hint)
    may_pass = hint.startswith(("the pool is full", "wait until"))
    assert type(error) is (SourceUnavailable if may_pass else SourceError)


def test_a_port_where_something_else_listens() -> None:
    with listener(b"") as port:
        error = failure(f"postgresql://u:hunter2@127.0.0.1:{port}/d")
    assert "check that host and port are PostgreSQL's" in str(error.hint)
    assert type(error) is SourceUnavailable  # so does a server that is just being stopped
    with listener(b"HTTP/1.1 400 Bad Request\r\n\r\n") as port:
        failure(f"postgresql://u:hunter2@127.0.0.1:{port}/d")


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
        error.hint == "the server takes only encrypted connections: set sslmode=require in the URL."
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
