"""The doctor raises nothing of what it diagnoses, and each finding that is not well has its fix."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr

from supa_assets.export.doctor import Doctor, Finding, run_doctor
from supa_assets.settings import Settings
from supa_assets_tests.support.databases import Database
from supa_assets_tests.support.physical_copies import service_file
from supa_assets_tests.support.proxy import Proxy, find_network_address


def by_subject(doctor: Doctor) -> dict[str, Finding]:
    return {finding.subject: finding for finding in doctor.findings}


def url_settings(url: str) -> Settings:
    return Settings.of(database_url=SecretStr(url), auth=False, connect_timeout_s=2)


def test_a_healthy_database_is_well(any_database: Database) -> None:
    any_database.execute("CREATE TABLE a AS SELECT n FROM generate_series(1, 1000) n", "ANALYZE a")
    doctor = run_doctor(any_database.settings())

    assert doctor.is_well
    assert {finding.level for finding in doctor.findings} == {"ok"}
    found = by_subject(doctor)
    assert found["tables"].text.startswith("1 tables, about 1,000 rows (estimate)")
    assert found["role"].text == '"postgres" reads past row-level security'
    assert found["pooler"].text == "none, the connection is direct"
    assert found["snapshot"].level == "ok"
    assert doctor.plan is not None
    assert doctor.preflight is not None


def test_what_would_stop_an_export_is_a_problem_and_what_it_lacks_a_warning(
    database: Database,
) -> None:
    database.execute(
        "CREATE TABLE a (id int)",
        "CREATE TABLE b (id int)",
        "ALTER TABLE b ENABLE ROW LEVEL SECURITY",
        "SELECT lo_from_bytea(0, 'x')",
        f"""DO $$ BEGIN
            CREATE ROLE patient LOGIN PASSWORD '{database.server.password}';
        EXCEPTION WHEN duplicate_object THEN NULL; END $$""",
        f"ALTER ROLE patient IN DATABASE \"{database.name}\" SET statement_timeout = '2min'",
        "GRANT SELECT ON b TO patient",
    )
    doctor = run_doctor(database.settings(user="patient"))

    assert not doctor.is_well
    problems = [finding for finding in doctor.findings if finding.level == "problem"]
    assert [problem.text.partition('"')[0] for problem in problems] == ["role ", ""]
    assert problems[0].hint is not None
    assert problems[0].hint.startswith('GRANT SELECT ON "public"."a" TO "patient";')
    found = by_subject(doctor)
    assert found["role"].level == "warning"
    assert found["not included"].text.startswith("1 large objects are no rows")
    assert found["timeouts"].text.startswith("statement 2min; switched off")
    assert all(finding.hint for finding in doctor.findings if finding.level != "ok")


def test_an_export_as_a_superuser_is_warned_of_what_runs_with_its_rights(
    database: Database,
) -> None:
    doctor = run_doctor(database.settings(user=database.server.superuser))

    found = by_subject(doctor)["role"]
    assert found.level == "warning"
    assert found.text.startswith(f'"{database.server.superuser}" is a superuser')
    assert found.hint is not None


def test_own_tables_and_logins_that_an_export_would_lack_are_warnings(database: Database) -> None:
    database.execute(
        "CREATE TABLE a (id int)",
        "CREATE SCHEMA billing",
        "CREATE TABLE billing.invoices (id int)",
        "CREATE SCHEMA auth",
        "CREATE TABLE auth.users (id uuid PRIMARY KEY, email text, aud text)",
        "CREATE TABLE auth.sessions (id uuid)",
        "INSERT INTO auth.users VALUES (gen_random_uuid())",
    )
    doctor = run_doctor(database.settings(auth=True))
    assert doctor.is_well
    found = by_subject(doctor)
    assert (found["not exported"].level, found["logins"].level) == ("warning", "warning")
    assert "billing.invoices" in found["not exported"].text
    assert "SUPA_ASSETS_SCHEMAS=public,billing" in (found["not exported"].hint or "")
    assert "columns of auth.users (aud) and tables (auth.sessions)" in found["logins"].text

    whole = database.settings(
        auth=True,
        schemas=["public", "billing"],
        auth_users_columns=["*"],
        platform_schemas=["auth"],
    )
    assert {"not exported", "logins"}.isdisjoint(by_subject(run_doctor(whole)))
    database.execute("TRUNCATE auth.users")
    assert "logins" not in by_subject(run_doctor(database.settings(auth=True))), "nobody to log in"


def test_tables_that_a_role_may_not_read_are_one_problem(database: Database) -> None:
    database.execute(
        *(f"CREATE TABLE t{n} (id int)" for n in range(12)),
        f"""DO $$ BEGIN
            CREATE ROLE patient LOGIN PASSWORD '{database.server.password}';
        EXCEPTION WHEN duplicate_object THEN NULL; END $$""",
    )
    doctor = run_doctor(database.settings(user="patient"))
    (problem,) = [f for f in doctor.findings if f.level == "problem" and f.subject == "privileges"]
    assert problem.text.startswith('12 tables: role "patient" may not read the table: public.t0,')
    assert problem.text.endswith("and 4 more")
    assert (problem.hint or "").count("GRANT SELECT") == 1


@pytest.mark.parametrize("url", ["", "mysql://u:secret@h/d", "postgresql://u:sec@ret@[/d"])
def test_a_url_that_is_none_is_a_problem(url: str) -> None:
    settings = url_settings(url) if url else Settings.of(auth=False)
    doctor = run_doctor(settings)

    (finding,) = doctor.findings
    assert (finding.level, finding.subject) == ("problem", "settings")
    assert finding.hint
    assert "sec" not in finding.text.replace("second", "")


def test_a_server_that_does_not_answer_is_a_problem() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        doctor = run_doctor(url_settings(f"postgresql://u:p@127.0.0.1:{probe.getsockname()[1]}/d"))

    (finding,) = doctor.findings
    assert (finding.level, finding.subject) == ("problem", "connection")
    assert "Connection refused" in finding.text
    assert finding.hint


def test_a_host_with_an_ipv6_address_alone_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(*_: Any, **__: Any) -> list[Any]:
        return [(socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("2001:db8::1", 5432, 0, 0))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    doctor = run_doctor(url_settings("postgresql://u:p@db.abc.supabase.invalid:5432/postgres"))

    network = doctor.findings[0]
    assert (network.level, network.subject) == ("warning", "network")
    assert "session pooler" in (network.hint or "")


def test_plain_text_to_another_machine_is_a_warning(database: Database) -> None:
    database.execute("CREATE TABLE a (id int)")
    host = find_network_address()
    with Proxy(database.server.port, lambda *_: True, host=host) as proxy:
        url = database.url.replace(
            f"127.0.0.1:{database.server.port}", f"elsewhere.example:{proxy.port}"
        )
        found = by_subject(run_doctor(url_settings(f"{url}?hostaddr={host}")))

    assert found["TLS"].level == "warning"
    assert 'connection to "elsewhere.example" is not encrypted' in found["TLS"].text
    assert "sslmode=require" in (found["TLS"].hint or "")


def test_the_database_that_a_service_leads_to_is_told(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "services").write_text(service_file(database))
    monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "services"))
    found = by_subject(run_doctor(url_settings("postgresql:///?service=mine")))
    where = f"127.0.0.1:{database.server.port}/{database.name}"
    assert found["connection"].text == f"{where} answers"


def test_a_locked_table_keeps_nobody_waiting(database: Database) -> None:
    database.execute("CREATE TABLE a (id int)")
    with psycopg.connect(database.superuser_url) as other:
        other.execute("LOCK TABLE a")
        assert run_doctor(database.settings()).is_well


def test_a_database_without_tables_has_nothing_to_export(
    database: Database, tmp_path: Path
) -> None:
    found = by_subject(run_doctor(database.settings()))
    assert (found["tables"].level, found["tables"].text) == (
        "problem",
        "there are none to export",
    )
