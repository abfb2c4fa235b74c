"""`restore_export`: into tables of every kind, by roles of every kind, all of it or nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from supa_assets.errors import SettingsError, TargetError
from supa_assets.restore.restore import OnProgress, RestoredTable, RestoreResult
from supa_assets_tests.support import copies
from supa_assets_tests.support.copies import copy_text, differing_tables, export_into
from supa_assets_tests.support.databases import Database
from supa_assets_tests.support.loaders import role


@pytest.fixture
def source(people: Database) -> Database:
    return people


@pytest.fixture
def target(empty_people: Database) -> Database:
    return empty_people


def restore_into(database: Database, folder: Path, **options: Any) -> RestoreResult:
    """In batches so small that most files take several."""
    return copies.restore_into(database, folder, batch_byte_count=4096, **options)


def test_a_superuser_restores_every_row_with_triggers_and_keys_quiet(
    source: Database, target: Database, tmp_path: Path
) -> None:
    metadata = export_into(source, tmp_path)

    result = restore_into(target, tmp_path)

    assert differing_tables(source, target, metadata) == {}
    assert result.row_count == 3059
    assert {key.constraint for key in result.checked_keys} == {
        "people_organization_fkey", "people_boss_fkey", "laid_by", "hens_egg_fkey",
    }  # fmt: skip
    assert all(key.orphan_count == 0 for key in result.checked_keys)


@pytest.mark.slow
def test_each_table_is_told_with_its_rows_and_bytes_while_it_goes_on(
    source: Database, target: Database, tmp_path: Path
) -> None:
    metadata = export_into(source, tmp_path)
    told: list[tuple[str, int, int]] = []
    on_progress: OnProgress = lambda *progress: told.append(progress)  # noqa: E731

    result = restore_into(target, tmp_path, on_progress=on_progress)

    assert [at.table for at in metadata.import_order] == [table.name for table in result.tables]
    last = {name: (row_count, byte_count) for name, row_count, byte_count in told}
    for table in result.tables:
        assert isinstance(table, RestoredTable)
        assert (table.row_count, table.byte_count) == (
            metadata.tables[table.name].row_count, metadata.tables[table.name].byte_count,
        )  # fmt: skip
        assert last[table.name][0] == table.row_count
    assert len([name for name, *_ in told if name == "people"]) > 10


@pytest.mark.slow
def test_an_owner_restores_every_row_and_the_tables_are_as_before(
    source: Database, target: Database, tmp_path: Path
) -> None:
    metadata = export_into(source, tmp_path)
    rules = """
        SELECT conname, condeferrable, condeferred FROM pg_constraint WHERE contype = 'f'
        UNION ALL SELECT tgname, tgenabled = 'O', NULL FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1
    """
    before = target.fetch(rules)

    result = restore_into(target, tmp_path, user="postgres")

    assert differing_tables(source, target, metadata) == {}
    assert target.fetch(rules) == before
    assert result.checked_keys == []


def test_a_role_that_may_only_write_needs_two_passes_and_says_that_triggers_fire(
    source: Database, target: Database, tmp_path: Path
) -> None:
    metadata = export_into(source, tmp_path)
    with role(
        target,
        "GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO {role}",
        "GRANT USAGE, SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA public TO {role}",
    ) as name:
        result = restore_into(target, tmp_path, user=name)

    assert list(differing_tables(source, target, metadata)) == ["organizations"]  # the trigger
    said = "\n".join(result.list_notes())
    assert 'triggers of "public.organizations" fire' in said
    assert '"public.people" is loaded in two passes for its foreign key "people_boss_fkey"' in said


def test_sequences_go_on_where_they_stood(
    source: Database, target: Database, tmp_path: Path
) -> None:
    export_into(source, tmp_path)

    assert restore_into(target, tmp_path).sequence_count == 2

    for query in ("nextval('people_id_seq')", "nextval('organizations_id_seq')"):
        assert target.fetch_value(f"SELECT {query}") == source.fetch_value(f"SELECT {query}")
    assert target.fetch_value("SELECT last_value FROM people_id_seq") == 5000


def test_json_strings_keep_their_text(source: Database, target: Database, tmp_path: Path) -> None:
    export_into(source, tmp_path)
    restore_into(target, tmp_path)

    assert target.fetch_value('SELECT DISTINCT "odd %s ""name"::text FROM people') == '"\\u00e9"'


@pytest.mark.slow
def test_json_inside_of_a_composite_keeps_its_value_but_not_the_escapes_of_a_string(
    database: Database, make_database: Callable[..., Database], tmp_path: Path
) -> None:
    """A known hole: PostgreSQL writes the string anew; in a document it is left as it is."""
    schema = "CREATE TYPE boxed AS (doc json); CREATE TABLE boxes (v boxed)"
    database.execute(
        schema, r"""INSERT INTO boxes VALUES (ROW('"\u00e9"')), (ROW(' ["\u00e9" ]'))"""
    )
    target = make_database()
    target.execute(schema)
    export_into(database, tmp_path)

    restore_into(target, tmp_path)

    assert target.fetch("SELECT (v).doc::text FROM boxes") == [('"é"',), (r'["\u00e9" ]',)]


def test_null_in_a_column_that_is_not_null_is_the_json_scalar(
    database: Database, make_database: Callable[..., Database], tmp_path: Path
) -> None:
    schema = "CREATE TABLE docs (a json NOT NULL, b jsonb NOT NULL, c json, d jsonb)"
    database.execute(schema, "INSERT INTO docs VALUES ('null', 'null', '[null]', NULL)")
    target = make_database()
    target.execute(schema)
    export_into(database, tmp_path)

    restore_into(target, tmp_path)

    assert copy_text(target, "public", "docs") == [b"", rb"null	null	[null]	\N"]


def test_every_problem_of_the_target_is_told_before_anything_is_written(
    source: Database, target: Database, tmp_path: Path
) -> None:
    export_into(source, tmp_path)
    target.execute(
        "DROP TABLE nothing",
        "DROP TABLE parts; CREATE VIEW parts AS SELECT 1",
        "ALTER TABLE organizations DROP COLUMN budget CASCADE, ADD extra int NOT NULL, ALTER name TYPE varchar(9)",
        "ALTER TYPE mood RENAME VALUE 'ok' TO 'fine'",
        "INSERT INTO eggs VALUES (9)",
    )

    with pytest.raises(TargetError) as caught:
        restore_into(target, tmp_path)

    said = caught.value.message
    for problem in (
        'table "public.nothing" is missing',
        '"public.parts" is a view, the export holds a table',
        'column "budget" of "public.organizations" is missing',
        'column "name" of "public.organizations" is of type character varying(9), the export\'s is text',
        'column "extra" of "public.organizations" is not in the export',
        "type \"public.mood\" lacks the labels 'ok'",
        '"public.eggs" holds rows already',
        "7 problems",
    ):
        assert problem in said
    assert target.fetch_value("SELECT count(*) FROM hens") == 0


@pytest.mark.slow
def test_missing_privileges_are_told_at_once(
    source: Database, target: Database, tmp_path: Path
) -> None:
    export_into(source, tmp_path)
    target.execute("ALTER TABLE hens ENABLE ROW LEVEL SECURITY")
    with (
        role(target, "GRANT SELECT ON eggs, hens TO {role}") as name,
        pytest.raises(TargetError) as caught,
    ):
        restore_into(target, tmp_path, user=name)

    said = caught.value.message
    assert 'the role may not INSERT on "public.eggs"' in said
    assert 'the role may not SELECT and INSERT on "public.people"' in said
    assert '"public.hens" has row-level security' in said
    assert 'the role may not set sequence "public.people_id_seq"' in said


def test_a_row_that_the_target_refuses_undoes_all_and_is_not_quoted(
    source: Database, target: Database, tmp_path: Path
) -> None:
    export_into(source, tmp_path)
    target.execute("ALTER TABLE people ADD CHECK (boss <> 2999)")

    with pytest.raises(TargetError) as caught:
        restore_into(target, tmp_path)

    assert 'loading "public.people" failed' in caught.value.message
    assert "2999" not in str(caught.value)
    assert target.fetch_value("SELECT count(*) FROM organizations") == 0
    assert target.fetch_value("SELECT last_value FROM people_id_seq") == 1


@pytest.mark.slow
@pytest.mark.parametrize("user", ["postgres", None], ids=["by the server", "by query"])
def test_a_row_without_its_parent_undoes_all(
    source: Database, target: Database, tmp_path: Path, user: str | None
) -> None:
    source.execute(
        "SET session_replication_role = replica; UPDATE people SET organization = 999 WHERE id = 7"
    )
    export_into(source, tmp_path)

    with pytest.raises(TargetError, match="people_organization_fkey"):
        restore_into(target, tmp_path, user=user)

    assert target.fetch_value("SELECT count(*) FROM people") == 0


@pytest.mark.slow
def test_a_trigger_that_drops_rows_is_noticed(
    source: Database, target: Database, tmp_path: Path
) -> None:
    export_into(source, tmp_path)
    target.execute(
        "CREATE FUNCTION skip() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        "CREATE TRIGGER skip BEFORE INSERT ON hens FOR EACH ROW EXECUTE FUNCTION skip()",
        "ALTER TABLE hens ENABLE ALWAYS TRIGGER skip",
    )

    with pytest.raises(TargetError, match=r'"public\.hens" took 0 rows of 2'):
        restore_into(target, tmp_path)


@pytest.mark.slow
def test_a_dry_run_writes_nothing_and_tells_what_it_would_do(
    source: Database, target: Database, tmp_path: Path
) -> None:
    export_into(source, tmp_path)

    result = restore_into(target, tmp_path, user="postgres", is_dry_run=True)

    assert result.is_dry_run
    assert sum(table.row_count for table in result.tables) == 3059
    assert target.fetch_value("SELECT count(*) FROM organizations") == 0
    assert target.fetch_value("SELECT last_value FROM people_id_seq") == 1


def test_some_tables_can_be_restored_alone(
    source: Database, target: Database, tmp_path: Path
) -> None:
    export_into(source, tmp_path)

    result = restore_into(target, tmp_path, named=["organizations", "public.nothing"])

    assert {table.name for table in result.tables} == {"organizations", "nothing"}
    assert result.sequence_count == 1
    assert target.fetch_value("SELECT count(*) FROM people") == 0
    with pytest.raises(SettingsError, match="did you mean people"):
        restore_into(target, tmp_path, named=["peple"])


def test_the_source_itself_is_refused_unless_told(source: Database, tmp_path: Path) -> None:
    export_into(source, tmp_path)

    with pytest.raises(SettingsError, match="is the database that the export came from"):
        restore_into(source, tmp_path)
    with pytest.raises(TargetError, match="holds rows already"):
        restore_into(source, tmp_path, may_write_into_source=True)


@pytest.mark.slow
@pytest.mark.parametrize("escape", ["\\ud800", "\\u0000"])
def test_a_json_value_that_postgres_itself_refuses_is_named_and_nothing_is_written(
    make_database: Callable[..., Database], tmp_path: Path, escape: str
) -> None:
    source, target = make_database(), make_database()
    for database in (source, target):
        database.execute("CREATE TABLE cases (id int PRIMARY KEY, j json)")
    source.execute(f"INSERT INTO cases VALUES (1, '{{}}'), (2, '\"{escape}\"')")
    export_into(source, tmp_path)

    with pytest.raises(TargetError, match=r'"public\.cases"') as raised:
        restore_into(target, tmp_path)
    assert "known holes in docs/TYPES.md" in (raised.value.hint or "")
    assert target.fetch("SELECT FROM cases") == []
