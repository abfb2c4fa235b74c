"""What of the source runs with the exporter's rights: what is prevented, and what docs/SECURITY.md says is not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import errors

from supa_assets.errors import SourceError, SupaAssetsError
from supa_assets.export.doctor import run_doctor
from supa_assets.export.run import export_database
from supa_assets_tests.support.copies import export_into
from supa_assets_tests.support.databases import Database

TRAP = """
CREATE FUNCTION trap(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF current_setting('application_name') = 'supa-assets' THEN RAISE 'the trap ran as %', current_user; END IF;
    RETURN 1;
END $$;
"""
"""Says immutable, as whoever lays one would."""
MANY: dict[str, Any] = {"large_tables": ("cases",), "chunk_bytes": 2048}
"""Small chunks, so that borders are asked for and compared."""


def export_both_ways(database: Database) -> str:
    """In one piece and in many, with the same text."""
    whole = database.export(database.table())
    assert database.export(database.table(**MANY), **MANY) == whole
    return whole


PREVENTED = {
    "a column's default": "ALTER TABLE cases ALTER id SET DEFAULT trap(1)",
    "a generated column that is stored": "ALTER TABLE cases ADD g int GENERATED ALWAYS AS (id + trap(1)) STORED",
    "a check": "ALTER TABLE cases ADD CHECK (id > 0 * trap(1))",
    "a policy": "ALTER TABLE cases ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON cases USING (trap(id) = 1)",
    "a trigger": "CREATE FUNCTION fired() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM trap(1); END $$;"
    " CREATE TRIGGER t BEFORE UPDATE ON cases FOR EACH ROW EXECUTE FUNCTION fired()",
    "a view": "CREATE VIEW v AS SELECT trap(id) FROM cases",
    "a materialized view": "CREATE MATERIALIZED VIEW v AS SELECT trap(id) FROM cases",
    "a domain's check": "CREATE DOMAIN checked AS int CHECK (VALUE > 0 * trap(VALUE));"
    " ALTER TABLE cases ALTER id TYPE checked",
    "a function named like an attribute": "CREATE FUNCTION n(cases) RETURNS int LANGUAGE sql AS 'SELECT trap(1)'",
}


@pytest.mark.parametrize("what", PREVENTED)
def test_an_export_does_not_run(any_database: Database, what: str) -> None:
    any_database.execute(
        TRAP,
        "CREATE TABLE cases (id int PRIMARY KEY, filler text)",
        "INSERT INTO cases SELECT n, repeat('x', 99) FROM generate_series(1, 500) n",
        PREVENTED[what],
    )
    assert export_both_ways(any_database).count('"filler"') == 500


@pytest.mark.parametrize("type_", ["mood", "moods", "checked", "pair"])
def test_a_key_of_somebodys_own_type_calls_neither_its_casts_nor_its_checks(
    any_database: Database, type_: str
) -> None:
    any_database.execute(
        TRAP,
        "CREATE TYPE mood AS ENUM (" + ", ".join(f"'m {n:03}'" for n in range(500)) + ")",
        "CREATE TYPE pair AS (m mood, n int)",
        "CREATE DOMAIN checked AS mood CHECK (trap(1) = 1 AND VALUE <> 'm 499')",
        "CREATE DOMAIN moods AS mood[] CHECK (trap(1) = 1)",
        *(
            f"CREATE FUNCTION {name}({of}) RETURNS {to} LANGUAGE sql AS $$ SELECT trap(1)::text::{to} $$;"
            f" CREATE CAST ({of} AS {to}) WITH FUNCTION {name}({of})"
            for of in ("mood", "mood[]", "pair")
            for name, to in (("as_json", "json"), ("as_text", "text"), ("as_varchar", "varchar"))
        ),
        f"CREATE TABLE cases (id {type_} PRIMARY KEY, filler text)",
        "INSERT INTO cases SELECT "
        + {
            "mood": "m",
            "checked": "m",
            "moods": "ARRAY[m]",
            "pair": "ROW(m, n)::pair",
        }[type_]
        + ", repeat('x', 99) FROM unnest(enum_range(NULL::mood)) WITH ORDINALITY AS e(m, n) WHERE n < 500",
    )
    assert export_both_ways(any_database).count('"filler"') == 499


def test_a_leafs_check_is_not_consulted_to_plan_a_range(any_database: Database) -> None:
    any_database.execute(
        TRAP,
        "CREATE TABLE cases (id int PRIMARY KEY, filler text) PARTITION BY RANGE (id)",
        "CREATE TABLE leaf PARTITION OF cases FOR VALUES FROM (0) TO (1000)",
        "INSERT INTO cases SELECT n, repeat('x', 99) FROM generate_series(1, 500) n",
        "ALTER TABLE leaf ADD CHECK (id > 0 * trap(1))",
    )
    assert export_both_ways(any_database).count('"filler"') == 500


def test_a_search_path_of_the_database_leads_to_nobodys_functions_or_operators(
    any_database: Database, tmp_path: Path
) -> None:
    any_database.execute(
        TRAP.replace("FUNCTION trap", "FUNCTION public.trap"),
        "CREATE TABLE cases (id int PRIMARY KEY)",
        "INSERT INTO cases VALUES (1)",
        "CREATE SCHEMA evil",
        *(
            f"CREATE FUNCTION evil.{name}({left}, {left}) RETURNS {result} LANGUAGE sql AS"
            f" $$ SELECT public.trap(1)::text::{result} $$; CREATE OPERATOR evil.{sign}"
            f" (LEFTARG = {left}, RIGHTARG = {left}, FUNCTION = evil.{name})"
            for left in ("name", "text", "int4", "int8", "oid", '"char"')
            for name, sign, result in (
                ("eq", "=", "bool"),
                ("ne", "<>", "bool"),
                ("minus", "-", left),
            )
        ),
        "CREATE FUNCTION evil.unnest(anyarray) RETURNS SETOF anyelement LANGUAGE sql AS"
        " $$ SELECT $1[public.trap(1)] $$",
        f'ALTER DATABASE "{any_database.name}" SET search_path = evil, pg_catalog, public',
    )
    assert export_into(any_database, tmp_path).tables["cases"].row_count == 1
    assert "the trap ran" not in str(run_doctor(any_database.settings()).findings)


def test_a_table_that_became_a_view_is_not_read(any_database: Database) -> None:
    any_database.execute(TRAP, "CREATE TABLE cases (id int)")
    table = any_database.table()
    any_database.execute("DROP TABLE cases", "CREATE VIEW cases AS SELECT trap(1) AS id")
    with pytest.raises(SourceError, match='view "cases" is restricted') as raised:
        any_database.export(table)
    assert "the trap ran" not in str(raised.value)


def test_a_virtual_column_calls_no_function_of_a_user(database: Database) -> None:
    database.execute(TRAP)
    with pytest.raises(errors.FeatureNotSupported, match="uses user-defined function"):
        database.execute(
            "CREATE TABLE cases (id int, g int GENERATED ALWAYS AS (trap(id)) VIRTUAL)"
        )


@contextmanager
def as_owner(database: Database) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database.url, autocommit=True) as connection:
        yield connection


ONLY_A_SUPERUSER_MAKES = {
    "an operator class": "CREATE OPERATOR CLASS c DEFAULT FOR TYPE pair USING btree AS OPERATOR 1 <",
    "a base type": "CREATE TYPE pair_of_c (INPUT = x, OUTPUT = y)",
    "a function in C": "CREATE FUNCTION f() RETURNS int LANGUAGE c AS 'x'",
    "a function in pg_catalog": "CREATE FUNCTION pg_catalog.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "a cast between built-in types": "CREATE CAST (numeric AS text) WITH INOUT",
    "a binary cast": "CREATE CAST (pair AS text) WITHOUT FUNCTION",
    "a login trigger": "CREATE EVENT TRIGGER e ON login EXECUTE FUNCTION f()",
    "a table access method": "CREATE ACCESS METHOD a TYPE TABLE HANDLER heap_tableam_handler",
    "a foreign-data wrapper": "CREATE FOREIGN DATA WRAPPER w",
    "a library that is loaded into sessions": "ALTER ROLE CURRENT_USER SET session_preload_libraries = 'x'",
}


@pytest.mark.parametrize("what", ONLY_A_SUPERUSER_MAKES)
def test_only_a_superuser_makes(database: Database, what: str) -> None:
    with as_owner(database) as connection:
        connection.execute("CREATE SCHEMA own")
        connection.execute("SET search_path = own, pg_catalog")
        connection.execute("CREATE TYPE pair AS (a int)")
        with pytest.raises((errors.InsufficientPrivilege, errors.InvalidObjectDefinition)):
            connection.execute(ONLY_A_SUPERUSER_MAKES[what].encode())


# What no session can prevent: the planner works out what an immutable function gives for constants

UNPREVENTED = {
    "an index's expression": "CREATE INDEX ON cases ((id + trap(1)))",
    "an index's predicate": "CREATE INDEX ON cases (id) WHERE id > trap(1)",
    "statistics": "CREATE STATISTICS ON (id + trap(1)), (id - trap(2)) FROM cases",
    "a partition key": "DROP TABLE cases; CREATE TABLE cases (id int) PARTITION BY RANGE ((id + trap(1)));"
    " CREATE TABLE leaf PARTITION OF cases FOR VALUES FROM (0) TO (9)",
}


@pytest.mark.parametrize("what", UNPREVENTED)
def test_as_security_md_says_the_planner_runs(database: Database, what: str) -> None:
    database.execute(TRAP, "CREATE TABLE cases (id int)", UNPREVENTED[what])
    with pytest.raises(SourceError, match="the trap ran as postgres"):
        database.export(database.table())


def test_as_security_md_says_a_border_runs_the_checks_of_a_domain_inside_of_it(
    database: Database,
) -> None:
    database.execute(
        TRAP,
        "CREATE DOMAIN checked AS int CHECK (trap(1) = 1)",
        "CREATE TYPE pair AS (n checked)",
        "CREATE TABLE cases (id pair PRIMARY KEY, filler text)",
        "INSERT INTO cases SELECT ROW(n)::pair, repeat('x', 99) FROM generate_series(1, 500) n",
    )
    assert database.export(database.table()).count('"filler"') == 500
    with pytest.raises(SourceError, match="the trap ran as postgres"):
        database.export(database.table(**MANY), **MANY)


@contextmanager
def reader_of(database: Database) -> Iterator[str]:
    """The URL of a role as docs/SECURITY.md makes one."""
    role = f"reader_of_{database.name}"
    database.execute(
        f"CREATE ROLE {role} LOGIN PASSWORD '{database.server.password}' BYPASSRLS",
        f"GRANT pg_read_all_data TO {role}",
    )
    try:
        yield database.server.url(database.name, user=role)
    finally:
        database.execute(f"DROP OWNED BY {role}", f"DROP ROLE {role}")


def test_a_role_that_only_reads_exports_all(database: Database, tmp_path: Path) -> None:
    database.execute(
        "CREATE SCHEMA other",
        "CREATE TABLE cases (id serial PRIMARY KEY)",
        "CREATE TABLE other.hidden (id int)",
        "INSERT INTO cases DEFAULT VALUES",
        "ALTER TABLE other.hidden ENABLE ROW LEVEL SECURITY",
        "INSERT INTO other.hidden VALUES (1)",
    )
    with reader_of(database) as url:
        schemas = ("public", "other")
        metadata = export_database(url=url, output=tmp_path, auth=False, schemas=schemas)
    assert [table.row_count for table in metadata.tables.values()] == [1, 1]
    assert metadata.structure is not None
    assert metadata.structure.sequences[0].last_value == "1"


@pytest.mark.parametrize(
    ("attempt", "refusal"),
    [
        ("INSERT INTO public.cases VALUES (2)", "read-only transaction"),
        ("CREATE TABLE public.spoils (id int)", "read-only transaction"),
        ("SET TRANSACTION READ WRITE", "transaction read-write mode"),
        ("COPY public.cases TO PROGRAM ''true''", "permission denied to COPY to or from an external"),
        ("SET ROLE postgres", "permission denied to set role"),
    ],
)  # fmt: skip
def test_what_runs_as_a_role_that_only_reads_can_only_read(
    database: Database, tmp_path: Path, attempt: str, refusal: str
) -> None:
    database.execute(
        f"CREATE FUNCTION attempt() RETURNS int LANGUAGE plpgsql AS $$ BEGIN EXECUTE '{attempt}'; RETURN 1; END $$",
        TRAP.replace("RAISE 'the trap ran as %', current_user", "RETURN public.attempt()"),
        "CREATE TABLE cases (id int)",
        "CREATE INDEX ON cases ((id + trap(1)))",
    )
    with reader_of(database) as url, pytest.raises(SupaAssetsError, match=refusal):
        export_database(url=url, output=tmp_path, auth=False)
    assert database.fetch("SELECT FROM cases") == []
