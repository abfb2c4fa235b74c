"""The demo project: the tables that were promised, the same rows every time, nobody's data lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql

from supa_assets.demo.project import create_demo_project
from supa_assets.demo.server import EmbeddedServer
from supa_assets.errors import PermissionDenied, SettingsError, SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("demo project")]

REFERENCES = {
    "organizations": set(),
    "subscriptions": {"organizations"},
    "profiles": {"organizations", "auth.users"},
    "sites": {"organizations"},
    "ttn_connections": {"organizations"},
    "user_roles": {"organizations", "auth.users"},
    "escalation_contacts": {"organizations", "profiles"},
    "areas": {"sites"},
    "hubs": {"sites"},
    "alert_rules": {"organizations", "sites", "units"},
    "units": {"areas"},
    "devices": {"hubs", "units"},
    "lora_sensors": {"devices"},
    "calibration_records": {"devices"},
    "sensor_readings": {"units", "devices"},
    "manual_temperature_logs": {"units", "profiles"},
    "door_events": {"units"},
    "alerts": {"units", "alerts"},
    "alert_rules_history": {"alert_rules"},
    "corrective_actions": {"alerts", "units", "profiles"},
    "notification_deliveries": {"alerts", "profiles"},
    "event_logs": {"organizations"},
    "pairing_sessions": {"devices"},
}

# The longest way to a table by foreign keys; alert_rules comes after units, whatever lists say.
LEVELS = [
    {"organizations"},
    {"subscriptions", "profiles", "sites", "ttn_connections", "user_roles", "event_logs"},
    {"escalation_contacts", "areas", "hubs"},
    {"units"},
    {"alert_rules", "devices", "manual_temperature_logs", "door_events", "alerts"},
    {
        "lora_sensors",
        "calibration_records",
        "sensor_readings",
        "alert_rules_history",
        "corrective_actions",
        "notification_deliveries",
        "pairing_sessions",
    },
]

SMALL = 0.01


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    server = EmbeddedServer(tmp_path_factory.mktemp("server") / "demo")
    server.start(settings={"fsync": "off", "full_page_writes": "off"})
    yield server
    server.remove()


@pytest.fixture(scope="module")
def demo(server: EmbeddedServer) -> str:
    """The URL, for `postgres`, of a database with the whole demo project."""
    assert create_demo_project(superuser_url(server, "postgres"))
    return server.url()


@pytest.fixture
def database(server: EmbeddedServer) -> Iterator[str]:
    """The superuser's URL of an empty database."""
    yield make_database(server, "scratch")
    drop_database(server, "scratch")


def superuser_url(server: EmbeddedServer, name: str) -> str:
    return server.url(name, server.superuser)


def make_database(server: EmbeddedServer, name: str) -> str:
    with psycopg.connect(superuser_url(server, "template1"), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(quoted(name)))
    return superuser_url(server, name)


def drop_database(server: EmbeddedServer, name: str) -> None:
    with psycopg.connect(superuser_url(server, "template1"), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(quoted(name)))


def quoted(name: str) -> sql.Identifier:
    return sql.Identifier(name)


def rows(url: str, question: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(question.encode()).fetchall()


def digests(url: str) -> dict[str, str]:
    """The md5 over all rows of each table, whatever their order on disk."""
    tables = rows(
        url,
        """
        SELECT format('%I.%I', nspname, relname) FROM pg_class
        JOIN pg_namespace ON pg_namespace.oid = relnamespace
        WHERE relkind = 'r' AND nspname !~ '^pg_' AND nspname <> 'information_schema'
        """,
    )
    one = "SELECT md5(string_agg(t::text, E'\\n' ORDER BY t::text)) FROM {} AS t"
    return {table: rows(url, one.format(table))[0][0] for (table,) in tables}


def level(table: str) -> int:
    above = {name for name in REFERENCES[table] if name not in {table, "auth.users"}}
    return 1 + max(map(level, above)) if above else 0


def test_the_public_tables_and_their_references_are_those_promised(demo: str) -> None:
    found = rows(
        demo,
        """
        SELECT relname, array_remove(array_agg(DISTINCT CASE
          WHEN confrelid <> 0 THEN regexp_replace(confrelid::regclass::text, '^public\\.', '')
        END), NULL)
        FROM pg_class LEFT JOIN pg_constraint ON conrelid = pg_class.oid AND contype = 'f'
        WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
        GROUP BY relname
        """,
    )
    assert {table: set(references) for table, references in found} == REFERENCES
    assert len(found) == 23


def test_the_references_make_these_levels() -> None:
    assert [{t for t in REFERENCES if level(t) == n} for n in range(len(LEVELS))] == LEVELS
    assert sum(map(len, LEVELS)) == 23


def test_every_public_table_has_rls_a_policy_and_a_comment(demo: str) -> None:
    lacking = rows(
        demo,
        """
        SELECT relname FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND NOT (
          relrowsecurity AND obj_description(pg_class.oid, 'pg_class') IS NOT NULL
          AND EXISTS (SELECT FROM pg_policy WHERE polrelid = pg_class.oid))
        """,
    )
    assert lacking == []


def test_the_large_tables_are_large_and_none_is_empty(demo: str) -> None:
    counts = {
        table: rows(demo, f"SELECT count(*) FROM public.{table}")[0][0] for table in REFERENCES
    }
    assert counts["sensor_readings"] == 200_000
    assert counts["event_logs"] == 25_000
    assert counts["alerts"] == 12_000
    assert min(counts.values()) > 0


def test_the_planner_knows_how_many_rows_there_are(demo: str) -> None:
    statistics = "SELECT reltuples FROM pg_class WHERE oid = 'public.sensor_readings'::regclass"
    assert rows(demo, statistics) == [(200_000,)]


def test_auth_users_is_as_on_supabase(demo: str) -> None:
    columns = """
        SELECT attname, attgenerated FROM pg_attribute
        WHERE attrelid = 'auth.users'::regclass AND attnum > 0 AND NOT attisdropped
    """
    found = rows(demo, columns)
    assert len(found) == 35
    assert [name for name, generated in found if generated] == ["confirmed_at"]
    owner = "SELECT relowner::regrole::text, relrowsecurity FROM pg_class"
    assert rows(demo, f"{owner} WHERE oid = 'auth.users'::regclass") == [
        ("supabase_auth_admin", True)
    ]
    tokens = "SELECT count(*) FROM auth.users WHERE confirmation_token IS NULL"
    assert rows(demo, tokens) == [(0,)]
    shape = "SELECT count(*) FROM auth.users WHERE encrypted_password !~ '^\\$2a\\$10\\$.{53}$'"
    assert rows(demo, shape) == [(0,)]


def test_a_reader_without_bypassrls_finds_auth_empty_and_gets_no_error(
    demo: str, server: EmbeddedServer
) -> None:
    users = "SELECT count(*) FROM auth.users"
    assert rows(demo, users) == [(60,)]
    with psycopg.connect(superuser_url(server, "postgres")) as connection:
        connection.execute("CREATE ROLE reader")
        connection.execute("GRANT pg_read_all_data TO reader")
        connection.execute("SET ROLE reader")
        assert connection.execute(users.encode()).fetchall() == [(0,)]
        connection.rollback()


def test_members_read_what_is_their_organizations(demo: str) -> None:
    with psycopg.connect(demo) as connection:
        (user, organization) = connection.execute(
            "SELECT user_id, organization_id FROM public.user_roles LIMIT 1"
        ).fetchall()[0]
        connection.execute("SELECT set_config('request.jwt.claim.sub', %s, true)", [str(user)])
        connection.execute("SET LOCAL ROLE authenticated")
        seen = connection.execute("SELECT id FROM public.organizations").fetchall()
        units = connection.execute("SELECT count(*) FROM public.units").fetchone()
        connection.rollback()
    assert seen == [(organization,)]
    assert units is not None
    assert 0 < units[0] < 96


def test_it_is_there_once_and_then_left_alone(demo: str, server: EmbeddedServer) -> None:
    assert not create_demo_project(superuser_url(server, "postgres"))


def test_two_of_them_are_equal_byte_for_byte(server: EmbeddedServer) -> None:
    urls = [make_database(server, name) for name in ("first", "second")]
    try:
        for url in urls:
            create_demo_project(url, scale=SMALL)
        first, second = map(digests, urls)
        assert first == second
        assert len(first) > 23
    finally:
        for name in ("first", "second"):
            drop_database(server, name)


def test_another_scale_needs_to_be_asked_for(database: str) -> None:
    create_demo_project(database, scale=SMALL)
    before = digests(database)
    with pytest.raises(SettingsError, match="another edition"):
        create_demo_project(database, scale=2 * SMALL)
    assert digests(database) == before
    assert create_demo_project(database, scale=2 * SMALL, recreate=True)
    assert rows(database, "SELECT count(*) FROM public.sensor_readings") == [(4000,)]


@pytest.mark.parametrize("recreate", [False, True])
def test_somebodys_own_database_is_left_alone(database: str, recreate: bool) -> None:
    with psycopg.connect(database) as connection:
        connection.execute("CREATE TABLE public.mine AS SELECT 1 AS id")
    with pytest.raises(SettingsError, match="holds tables that are not"):
        create_demo_project(database, scale=SMALL, recreate=recreate)
    assert rows(database, "SELECT id FROM public.mine") == [(1,)]


REFUSES_POLICIES = """
CREATE SCHEMA own;
CREATE FUNCTION own.refuse() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no policies here'; END $$;
CREATE EVENT TRIGGER refuse ON ddl_command_start WHEN TAG IN ('CREATE POLICY') EXECUTE FUNCTION own.refuse();
"""


def test_a_broken_creation_leaves_nothing(database: str) -> None:
    with psycopg.connect(database) as connection:
        connection.execute(REFUSES_POLICIES)
    with pytest.raises(psycopg.errors.RaiseException, match="no policies here"):
        create_demo_project(database)
    assert rows(database, "SELECT to_regclass('public.units'), to_regnamespace('auth')") == [
        (None, None)
    ]


def test_only_a_superuser_can_make_it(server: EmbeddedServer) -> None:
    with pytest.raises(PermissionDenied, match='role "postgres" can\'t make'):
        create_demo_project(server.url("template1"))


def test_a_server_out_of_reach_is_a_source_error() -> None:
    with pytest.raises(SourceError, match="out of reach"):
        create_demo_project("postgresql://postgres:secret@127.0.0.1:1/postgres")
