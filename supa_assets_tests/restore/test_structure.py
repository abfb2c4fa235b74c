"""What metadata.json carries for a way back, besides rows."""

from __future__ import annotations

from typing import Any

import pytest

from supa_assets.files.metadata import ExportMetadata
from supa_assets.files.structure import StructureEntry, merge_structures
from supa_assets.naming import Relation
from supa_assets.server.structure import read_structure
from supa_assets_tests.support.databases import Database

SCHEMA = """
CREATE SCHEMA extensions;
CREATE EXTENSION citext SCHEMA extensions;
CREATE TYPE mood AS ENUM ('sad', 'so-so', 'it''s');
ALTER TYPE mood ADD VALUE 'zero' BEFORE 'sad';
CREATE DOMAIN positive AS int8 NOT NULL DEFAULT 1 CONSTRAINT above_zero CHECK (VALUE > 0);
CREATE TYPE pair AS (x numeric(5,2), "Y ""q" mood);
CREATE TYPE span AS RANGE (subtype = float8, subtype_diff = float8mi);
CREATE SEQUENCE numbers START 1000 INCREMENT -3 MINVALUE -9223372036854775807 MAXVALUE 2000 CACHE 5 CYCLE;
CREATE SEQUENCE free;
CREATE SEQUENCE elsewhere;
CREATE TABLE "Odd ""name" (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, n int DEFAULT nextval('numbers'),
    mood mood DEFAULT 'so-so', moods mood[], p positive, pairs pair[], s span, sm span_multirange,
    c extensions.citext UNIQUE, name text COLLATE "C", low text GENERATED ALWAYS AS (lower(name)) STORED,
    CONSTRAINT named CHECK (n > 0 OR name <> '%'));
CREATE TABLE child (id serial PRIMARY KEY,
    parent int CONSTRAINT to_parent REFERENCES "Odd ""name" DEFERRABLE INITIALLY DEFERRED,
    up int REFERENCES child, a int, b int);
CREATE UNIQUE INDEX once ON child (a) WHERE b > 0;
CREATE TABLE parts (at date, n int, PRIMARY KEY (at, n)) PARTITION BY RANGE (at);
CREATE TABLE part PARTITION OF parts DEFAULT;
CREATE TABLE other (id int DEFAULT nextval('elsewhere'));
SELECT setval('child_id_seq', 42, false);
SELECT nextval('"Odd ""name_id_seq"');
"""


@pytest.fixture
def structure(any_database: Database) -> StructureEntry:
    any_database.execute(SCHEMA)
    return read(any_database, odd='Odd "name', child="child", parts="parts")


def read(database: Database, user: str = "postgres", **tables: str) -> StructureEntry:
    with database.session(user=user) as session:
        relations = {name: Relation("public", table) for name, table in tables.items()}
        return read_structure(session.connection, relations)


def test_types_are_told_with_all_that_makes_them(structure: StructureEntry) -> None:
    types: dict[str, Any] = {
        type_.name: type_.model_dump(by_alias=True, exclude_defaults=True)
        for type_ in structure.types
    }

    assert types == {
        "mood": {
            "schema": "public", "name": "mood", "kind": "enum",
            "labels": ["zero", "sad", "so-so", "it's"],
        },
        "positive": {
            "schema": "public", "name": "positive", "kind": "domain", "baseType": "bigint",
            "isNullable": False, "default": "1",
            "checks": [{"name": "above_zero", "definition": "CHECK ((VALUE > 0))"}],
        },
        "pair": {
            "schema": "public", "name": "pair", "kind": "composite",
            "attributes": [{"name": "x", "type": "numeric(5,2)"}, {"name": 'Y "q', "type": "public.mood"}],
        },
        "span": {
            "schema": "public", "name": "span", "kind": "range", "subtype": "double precision",
            "multirange": "span_multirange", "subtypeDiff": "float8mi",
        },
    }  # fmt: skip


def test_an_extension_is_used_where_a_column_is_of_one_of_its_types(
    structure: StructureEntry,
) -> None:
    extensions = {entry.name: (entry.schema_name, entry.is_used) for entry in structure.extensions}

    assert extensions == {"citext": ("extensions", True), "plpgsql": ("pg_catalog", False)}


def test_sequences_are_told_with_their_state_and_the_columns_they_feed(
    structure: StructureEntry,
) -> None:
    found = {
        entry.name: (entry.last_value, entry.is_called, entry.is_identity, entry.owned_by and entry.owned_by.column,
                     [column.column for column in entry.used_by])
        for entry in structure.sequences
    }  # fmt: skip

    assert found == {
        "child_id_seq": ("42", False, False, "id", ["id"]),
        'Odd "name_id_seq': ("1", True, True, "id", []),
        "numbers": ("1000", False, False, None, ["n"]),
        "free": ("1", False, False, None, []),
    }
    numbers = next(entry for entry in structure.sequences if entry.name == "numbers")
    assert (numbers.type, numbers.increment, numbers.maximum, numbers.cache, numbers.is_cycling) == (
        "bigint", "-3", "2000", "5", True,
    )  # fmt: skip
    assert numbers.minimum == "-9223372036854775807"


def test_constraints_come_in_the_order_in_which_they_can_be_added(
    structure: StructureEntry,
) -> None:
    child = structure.tables["child"].constraints

    assert [(entry.kind, entry.name) for entry in child] == [
        ("primary key", "child_pkey"),
        ("unique index", "once"),
        ("foreign key", "child_up_fkey"),
        ("foreign key", "to_parent"),
    ]
    assert child[-1].definition == (
        'FOREIGN KEY (parent) REFERENCES public."Odd ""name"(id) DEFERRABLE INITIALLY DEFERRED'
    )
    assert (child[-1].is_deferrable, child[-1].is_deferred, child[-1].columns) == (
        True,
        True,
        ["parent"],
    )
    assert structure.tables["parts"].partition_key == "RANGE (at)"


def test_columns_are_told_where_they_have_more_than_a_type(structure: StructureEntry) -> None:
    columns = {entry.name: entry for entry in structure.tables["odd"].columns}

    assert columns["n"].default == "nextval('public.numbers'::regclass)"
    assert columns["mood"].default == "'so-so'::public.mood"
    assert columns["low"].generation == "lower(name)"
    assert columns["name"].collation == 'pg_catalog."C"'
    assert "id" not in columns


def test_a_sequence_that_the_role_may_not_read_is_told_without_its_state(
    database: Database,
) -> None:
    role = f"reader_{database.name}"
    database.execute(
        f"CREATE ROLE {role} LOGIN PASSWORD '{database.server.password}'",
        "CREATE TABLE t (id serial)",
        f"GRANT SELECT ON t TO {role}",
    )
    try:
        structure = read(database, user=role, t="t")
    finally:
        database.execute(f"DROP OWNED BY {role}", f"DROP ROLE {role}")

    assert [(entry.name, entry.last_value) for entry in structure.sequences] == [("t_id_seq", None)]


def test_a_run_of_one_table_keeps_what_an_earlier_run_said_of_the_others(
    database: Database,
) -> None:
    database.execute(SCHEMA)
    published = read(database, odd='Odd "name', child="child")
    database.execute("SELECT nextval('child_id_seq')", "DROP TYPE span CASCADE")

    merged = merge_structures(published, read(database, child="child"), {"child", "odd"})

    assert merged is not None
    assert sorted(merged.tables) == ["child", "odd"]
    assert {entry.name for entry in merged.types} == {"mood", "positive", "pair", "span"}
    states = {entry.name: (entry.last_value, entry.is_called) for entry in merged.sequences}
    assert states["child_id_seq"] == ("42", True)
    assert states['Odd "name_id_seq'] == ("1", True)


def test_metadata_keeps_the_structure_through_its_file(structure: StructureEntry) -> None:
    dumped = structure.model_dump_json(exclude_none=True)

    assert StructureEntry.model_validate_json(dumped) == structure
    assert ExportMetadata.model_fields["structure"].default is None
