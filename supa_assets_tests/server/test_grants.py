"""The GRANTs that a hint tells: few statements, and ones that the server takes."""

from __future__ import annotations

from supa_assets.naming import Relation
from supa_assets.server.grants import (
    Grant,
    advise_bypass,
    grant_select,
    grant_usage,
    merge_grants,
    name_way_out,
    quote_name,
)
from supa_assets_tests.support.databases import Database

A, B = Relation("public", "a"), Relation('odd "schema"', "b")


def test_a_name_is_always_quoted() -> None:
    assert quote_name("public", "a") == '"public"."a"'
    assert quote_name('a"b', "%s") == '"a""b"."%s"'


def test_a_grant_names_privilege_object_and_role() -> None:
    assert grant_usage(B, "r") == Grant(
        privilege="USAGE ON SCHEMA", object_='"odd ""schema"""', role='"r"'
    )
    assert grant_select(A, "r") == Grant(privilege="SELECT ON", object_='"public"."a"', role='"r"')


def test_grants_of_one_privilege_to_one_role_are_one_statement() -> None:
    grants = [grant_usage(A, "r"), grant_select(A, "r"), grant_select(B, "r"), grant_select(A, "r")]
    assert list(merge_grants([*grants, grant_select(A, "other")])) == [
        'GRANT USAGE ON SCHEMA "public" TO "r";',
        'GRANT SELECT ON "public"."a", "odd ""schema"""."b" TO "r";',
        'GRANT SELECT ON "public"."a" TO "other";',
    ]


def test_supabases_role_is_not_told_to_become_itself() -> None:
    assert "Supabase's postgres" in advise_bypass("reader")
    assert advise_bypass("postgres") == (
        'let a superuser give it BYPASSRLS: ALTER ROLE "postgres" BYPASSRLS;'
    )


def test_the_setting_that_leaves_a_table_out_is_one_that_every_way_of_running_has() -> None:
    assert name_way_out(Relation("auth", "users")) == "setting auth"
    assert name_way_out(A) == "setting exclude"


def test_the_server_takes_what_is_told(database: Database) -> None:
    role = f"reader {database.name}"
    database.execute(
        "CREATE TABLE a (id int)",
        f"CREATE SCHEMA {quote_name(B.schema_name)}",
        f"CREATE TABLE {quote_name(*B)} (id int)",
        f"CREATE ROLE {quote_name(role)}",
    )
    try:
        grants = [grant(r, role) for r in (A, B) for grant in (grant_usage, grant_select)]
        database.execute(*merge_grants(grants))
        for relation in (A, B):
            asked = f"has_table_privilege('{role}', '{quote_name(*relation)}', 'SELECT')"
            assert database.fetch_value(f"SELECT {asked}")
    finally:
        database.execute(f"DROP OWNED BY {quote_name(role)}", f"DROP ROLE {quote_name(role)}")
