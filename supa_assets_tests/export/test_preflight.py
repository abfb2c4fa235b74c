"""What a run finds before the first row: nothing of the database is left out without a reason."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import pytest

from supa_assets.errors import PermissionDenied, SchemaChanged, SupaAssetsError
from supa_assets.export.preflight import Preflight, explain_plain_text, preflight, read_tables
from supa_assets.naming import Relation
from supa_assets.plan.export_plan import ExportPlan, PlannedTable
from supa_assets.server.address import parse_url
from supa_assets.server.connection import connect
from supa_assets_tests.support.databases import Database
from supa_assets_tests.support.proxy import Proxy, find_network_address

PLATFORM = """
CREATE SCHEMA auth;
CREATE TABLE auth.users (id uuid PRIMARY KEY, email text);
CREATE TABLE auth.sessions (id uuid PRIMARY KEY);
CREATE SCHEMA storage;
CREATE TABLE storage.objects (id uuid PRIMARY KEY);
INSERT INTO storage.objects SELECT gen_random_uuid() FROM generate_series(1, 3);
CREATE SCHEMA realtime;
CREATE TABLE realtime.messages (id int);
CREATE SCHEMA pgbouncer;
CREATE TABLE pgbouncer.secrets (id int);
CREATE SCHEMA billing;
CREATE TABLE billing.invoices (id int);
"""
PUBLIC = """
CREATE TABLE orders (id int PRIMARY KEY, total numeric(10,2));
CREATE TABLE items (id int PRIMARY KEY, order_id int REFERENCES orders);
CREATE TABLE parts (at date NOT NULL) PARTITION BY RANGE (at);
CREATE TABLE parts_1 PARTITION OF parts DEFAULT;
CREATE VIEW totals AS SELECT sum(total) FROM orders;
CREATE MATERIALIZED VIEW totals_kept AS SELECT sum(total) FROM orders;
CREATE FOREIGN DATA WRAPPER nowhere;
CREATE SERVER elsewhere FOREIGN DATA WRAPPER nowhere;
CREATE FOREIGN TABLE remote (id int) SERVER elsewhere;
CREATE TABLE "Secret logs" (id int);
"""


def look(
    database: Database,
    *,
    plan: ExportPlan | None = None,
    selected: Collection[str] | None = None,
    also_locked: Iterable[PlannedTable] = (),
    **overrides: object,
) -> Preflight:
    """Of a run of everything, or of the plan's tables that are `selected`."""
    source = database.source(**overrides)
    plan = plan or source.read_plan()
    tables = [t for t in plan.tables if selected is None or t.name in selected]
    with source.hold_snapshot([*tables, *also_locked]) as hold:
        return preflight(hold, plan, source.settings, selected=selected)


def names_of(plan: ExportPlan) -> list[str]:
    return [table.name for table in plan.tables]


def reasons(found: Preflight) -> dict[str, str]:
    return {f"{e.schema_name}.{e.name}": e.reason for e in found.relations}


@pytest.fixture
def reader(database: Database) -> Database:
    """A database with a role `reader` that may use its schema `public`."""
    database.execute(
        f"""
        DO $$ BEGIN
            CREATE ROLE reader LOGIN PASSWORD '{database.server.password}';
        EXCEPTION WHEN duplicate_object THEN
            ALTER ROLE reader NOBYPASSRLS;
        END $$;
        """
    )
    return database


def test_every_relation_is_exported_or_has_a_reason(any_database: Database) -> None:
    any_database.execute(PLATFORM, PUBLIC)
    found = look(any_database, auth=True, exclude=["public.Secret*"])

    assert {str(table.relation) for table in found.tables.values()} == {
        "auth.users",
        "public.orders",
        "public.items",
        "public.parts",
    }
    assert reasons(found) == {
        "auth.sessions": "platform schema",
        "storage.objects": "platform schema",
        "realtime.messages": "transient schema",
        "pgbouncer.secrets": "internal schema",
        "billing.invoices": "schema not selected",
        "public.totals": "view",
        "public.totals_kept": "materialized view",
        "public.remote": "foreign table",
        "public.Secret logs": "excluded by setting",
    }
    (excluded,) = [entry for entry in found.relations if entry.reason == "excluded by setting"]
    assert excluded.detail == "exclude public.Secret*"
    assert found.drift == []
    assert (found.added, found.dropped, found.unlocked) == ([], [], [])
    assert found.exports_everything


def test_a_table_of_an_extension_is_named_with_it(database: Database) -> None:
    database.execute(
        PUBLIC,
        "CREATE TABLE spatial (id int)",
        "CREATE EXTENSION IF NOT EXISTS hstore",
        "ALTER EXTENSION hstore ADD TABLE spatial",
    )
    found = look(database)

    (entry,) = [entry for entry in found.relations if entry.name == "spatial"]
    assert (entry.reason, entry.detail) == ("extension", "hstore")


def test_a_platform_schema_is_exported_where_a_setting_names_it(database: Database) -> None:
    database.execute(PLATFORM)
    found = look(database, platform_schemas=["storage", "vault"])

    assert {str(table.relation) for table in found.tables.values()} == {"storage.objects"}
    assert reasons(found)["auth.users"] == "excluded by setting"


def test_large_objects_and_files_in_storage_are_counted(database: Database) -> None:
    database.execute(PLATFORM, "SELECT lo_from_bytea(0, 'x') FROM generate_series(1, 2)")
    found = look(database)

    assert found.not_included.large_object_count == 2
    assert found.not_included.storage_object_count == 3


def test_files_in_storage_are_not_counted_by_a_role_that_may_not(reader: Database) -> None:
    reader.execute(PLATFORM)
    assert look(reader, user="reader").not_included.storage_object_count is None
    reader.execute(
        "GRANT USAGE ON SCHEMA storage TO reader",
        "GRANT SELECT ON storage.objects TO reader",
        "ALTER TABLE storage.objects ENABLE ROW LEVEL SECURITY",
    )
    assert look(reader, user="reader").not_included.storage_object_count is None


def test_all_missing_privileges_are_listed_at_once_with_the_grants_that_mend_them(
    reader: Database,
) -> None:
    reader.execute(
        PUBLIC,
        "CREATE SCHEMA hidden",
        "CREATE TABLE hidden.things (id int)",
        "GRANT SELECT ON orders TO reader",
    )
    found = look(reader, user="reader", schemas=["public", "hidden"])

    assert set(found.tables) == {"orders"}
    assert {refusal.reason for refusal in found.refusals.values()} == {"no privilege"}
    with pytest.raises(PermissionDenied) as caught:
        found.refuse()
    assert "4 of 5 tables can't be exported" in caught.value.message
    _, _, named = caught.value.message.partition('role "reader" may not read the table: ')
    assert set(named.split(", ")) == {
        "public.items", "public.parts", "public.Secret logs", "hidden.things",
    }  # fmt: skip
    assert caught.value.hint is not None
    grants, _, _ = caught.value.hint.partition(" Or leave")
    for statement in grants.split(";"):
        reader.execute(statement)
    assert look(reader, user="reader", schemas=["public", "hidden"]).refusals == {}


@pytest.mark.parametrize("policies", ["", "CREATE POLICY mine ON orders USING (id = 1);"])
def test_row_security_that_would_hide_rows_is_told_before_the_first_row(
    reader: Database, policies: str
) -> None:
    reader.execute(
        PUBLIC,
        "GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader",
        f"ALTER TABLE orders ENABLE ROW LEVEL SECURITY; {policies}",
    )
    found = look(reader, user="reader")

    assert set(found.refusals) == {"orders"}
    assert reasons(found)["public.orders"] == "row-level security"
    with pytest.raises(PermissionDenied, match="row-level security that would hide rows") as caught:
        found.refuse()
    assert 'ALTER ROLE "reader" BYPASSRLS' in (caught.value.hint or "")
    reader.execute("ALTER ROLE reader BYPASSRLS")
    assert look(reader, user="reader").refusals == {}


def test_an_owner_sees_past_row_security_until_it_is_forced(reader: Database) -> None:
    reader.execute(
        "CREATE TABLE mine (id int)",
        "ALTER TABLE mine OWNER TO reader",
        "ALTER TABLE mine ENABLE ROW LEVEL SECURITY",
    )
    assert look(reader, user="reader").refusals == {}
    reader.execute("ALTER TABLE mine FORCE ROW LEVEL SECURITY")
    refusal = look(reader, user="reader").refusals["mine"]
    assert 'ALTER TABLE "public"."mine" NO FORCE ROW LEVEL SECURITY' in (refusal.hint or "")


def test_what_changed_since_the_definitions_were_loaded_is_exported_as_it_is_and_told(
    any_database: Database,
) -> None:
    any_database.execute(PUBLIC, "DROP VIEW totals", "DROP MATERIALIZED VIEW totals_kept")
    plan = any_database.plan()
    any_database.execute(
        "ALTER TABLE orders ADD note text, ALTER total TYPE numeric(12,4)",
        "ALTER TABLE items DROP order_id",
        "CREATE TABLE newcomers (id int)",
        'DROP TABLE "Secret logs"',
    )
    found = look(any_database, plan=plan, selected=names_of(plan))

    assert {change.describe() for change in found.drift} == {
        '"public.orders": column added "note" (text)',
        '"public.orders": column retyped "total" (numeric(10,2) -> numeric(12,4))',
        '"public.items": column dropped "order_id" (integer)',
        '"public.newcomers": table added',
        '"public.Secret logs": table dropped',
    }
    assert found.added == [Relation("public", "newcomers")]
    assert found.dropped == [Relation("public", "Secret logs")]
    assert not found.exports_everything
    columns = {c.entry.name: c.entry.type for c in found.tables["orders"].rows.columns}
    assert columns == {"id": "integer", "total": "numeric(12,4)", "note": "text"}
    (refusal,) = found.refusals.values()
    with pytest.raises(SupaAssetsError, match='Secret logs" is no longer'):
        raise refusal.error()


def test_a_run_of_everything_exports_what_came_since_in_import_order(
    any_database: Database,
) -> None:
    any_database.execute("CREATE TABLE items (id int PRIMARY KEY)")
    plan = any_database.plan()
    any_database.execute(
        "CREATE TABLE parents (id int PRIMARY KEY)",
        "ALTER TABLE items ADD parent_id int REFERENCES parents",
    )
    first = look(any_database, plan=plan)
    found = look(any_database, plan=plan, also_locked=first.unlocked)

    assert list(found.tables) == ["parents", "items"]
    assert found.tables["items"].depends_on == ["parents"]
    assert found.structure.tables.keys() == {"parents", "items"}
    assert [(e.name, e.reason) for e in found.failed_unless_published] == [
        ("parents", "failed"), ("items", "failed"),
    ]  # fmt: skip
    assert (found.refusals, found.relations, found.unlocked) == ({}, [], [])
    assert found.added == [Relation("public", "parents")]


def test_what_came_too_late_to_be_locked_is_refused_and_told_apart(database: Database) -> None:
    database.execute("CREATE TABLE items (id int)")
    plan = database.plan()
    database.execute("CREATE TABLE late (id int)")
    found = look(database, plan=plan)

    assert [table.name for table in found.unlocked] == ["late"]
    assert (list(found.tables), list(found.refusals)) == (["items"], ["late"])
    assert reasons(found) == {"public.late": "created since the definitions were loaded"}
    with pytest.raises(SchemaChanged, match=r'"public\.late" was created while the export began'):
        found.refuse()


def test_a_run_of_everything_goes_without_what_is_gone(database: Database) -> None:
    database.execute(PUBLIC)
    plan = database.plan()
    database.execute(
        "DROP TABLE items",
        "DROP TABLE parts",
        "CREATE VIEW parts AS SELECT current_date AS at",
        'ALTER TABLE "Secret logs" RENAME TO logs',
    )
    first = look(database, plan=plan)
    found = look(database, plan=plan, also_locked=first.unlocked)

    assert found.refusals == {}
    assert {name: str(table.relation) for name, table in found.tables.items()} == {
        "logs": "public.logs",
        "orders": "public.orders",
    }
    assert {relation.name for relation in found.dropped} == {"Secret logs", "items", "parts"}
    assert found.added == [Relation("public", "logs")]
    assert reasons(found)["public.parts"] == "view"
    assert "public.items" not in reasons(found)


def test_a_table_keeps_its_name_and_file_whatever_else_came_since(database: Database) -> None:
    database.execute('CREATE TABLE "Users" (id int)')
    plan = database.plan()
    database.execute("CREATE TABLE users (id int)")
    first = look(database, plan=plan)
    found = look(database, plan=plan, also_locked=first.unlocked)

    tables = {str(table.relation): table for table in found.tables.values()}
    assert (tables["public.Users"].name, tables["public.Users"].file) == ("Users", "Users.json")
    assert tables["public.users"].name.startswith("users__")
    assert "users" in names_of(database.plan())  # so it is called once definitions are reloaded


def test_what_a_run_does_not_select_is_told_apart_from_what_is_new(database: Database) -> None:
    database.execute("CREATE TABLE a (id int)", "CREATE TABLE b (id int)")
    plan = database.plan()
    database.execute("CREATE TABLE c (id int)")
    found = look(database, plan=plan, selected=["a"])

    assert reasons(found) == {
        "public.b": "not selected in this run",
        "public.c": "created since the definitions were loaded",
    }


def test_a_runs_own_tables_are_named_as_failed_until_they_are_published(reader: Database) -> None:
    reader.execute(
        "CREATE TABLE a (id int)", "CREATE TABLE b (id int)", "GRANT SELECT ON a TO reader"
    )
    found = look(reader, user="reader")

    assert [(e.name, e.reason) for e in found.failed_unless_published] == [("a", "failed")]
    assert [(e.name, e.reason) for e in found.findings().relations] == [
        ("a", "failed"), ("b", "no privilege"),
    ]  # fmt: skip


def test_the_tables_of_a_snapshot_keep_the_names_that_the_graph_gave_them(
    database: Database,
) -> None:
    database.execute('CREATE TABLE "Users" (id int)')
    loaded = database.plan()
    database.execute("CREATE TABLE users (id int)", 'ALTER TABLE "Users" ADD note text')
    source = database.source()
    with source.hold_snapshot() as hold:
        fresh = read_tables(hold, source.settings, loaded)

    again = fresh[Relation("public", "Users")]
    assert (again.name, again.file) == ("Users", "Users.json")
    assert [column.name for column in again.rows.columns] == ["id", "note"]
    assert fresh[Relation("public", "users")].name not in ("Users", "users")


def test_an_unencrypted_connection_to_another_machine_is_a_warning(database: Database) -> None:
    host = find_network_address()
    with database.source().hold_snapshot() as hold:
        assert explain_plain_text(hold.connection) is None  # this machine
    with Proxy(database.server.port, lambda *_: True, host=host) as proxy:
        url = database.url.replace(f":{database.server.port}/", f":{proxy.port}/")
        with connect(parse_url(url.replace("127.0.0.1", host)), timeout_s=5) as connection:
            warning = explain_plain_text(connection)
    assert warning is not None
    assert warning.text == f'the connection to "{host}" is not encrypted'
    assert "sslmode=verify-full" in (warning.hint or "")
