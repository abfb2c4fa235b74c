"""The target database: named, opened, and read under the names of the export's tables."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from supa_assets.errors import SettingsError
from supa_assets.naming import Relation
from supa_assets.restore.target import (
    ForeignKey,
    Target,
    TargetDatabase,
    TargetTable,
    Trigger,
    find_target,
    read_target,
)
from supa_assets.settings import DATABASE_URL_VARIABLE, TARGET_URL_VARIABLE, Settings
from supa_assets_tests.support.copies import export_into
from supa_assets_tests.support.databases import Database


def test_no_target_is_said_with_the_variables_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TARGET_URL_VARIABLE, raising=False)
    with pytest.raises(SettingsError, match="there is no target database") as raised:
        find_target(Settings())
    assert TARGET_URL_VARIABLE in str(raised.value.hint)


def test_a_target_is_found_in_the_environment_or_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TARGET_URL_VARIABLE, " postgresql://u@h/one ")
    assert find_target(Settings()).address.describe() == "h:5432/one"
    given = find_target(Settings(), "postgresql://u@h/two")
    assert given.address.describe() == "h:5432/two"


def test_a_bad_url_names_the_targets_variable_and_not_the_sources() -> None:
    with pytest.raises(SettingsError) as raised:
        TargetDatabase("mysql://u:hunter2@h/d")
    assert TARGET_URL_VARIABLE in raised.value.message
    assert DATABASE_URL_VARIABLE not in raised.value.message
    assert "hunter2" not in str(raised.value)


def test_what_is_not_committed_is_undone(database: Database) -> None:
    with TargetDatabase(database.url).open(writes=True) as connection:
        connection.execute("CREATE TABLE public.t ()")
    with (
        TargetDatabase(database.url).open(writes=False) as connection,
        pytest.raises(psycopg.errors.ReadOnlySqlTransaction),
    ):
        connection.execute("CREATE TABLE public.t ()")
    assert database.fetch("SELECT FROM pg_class WHERE relname = 't'") == []


def test_a_target_tells_which_database_it_is(database: Database) -> None:
    target = TargetDatabase(database.url)
    with target.open(writes=False) as connection:
        assert target.describe(connection) == database.plan().source


def test_tables_are_read_with_keys_triggers_and_types(
    people: Database, empty_people: Database, tmp_path: Path
) -> None:
    entries = export_into(people, tmp_path).tables
    empty_people.execute(
        "CREATE DOMAIN feeling AS mood; ALTER TABLE people ALTER mood TYPE feeling"
    )
    with TargetDatabase(empty_people.url).open(writes=False) as connection:
        target: Target = read_target(connection, entries)

    assert set(target.tables) == set(entries)
    table: TargetTable = target.tables["people"]
    assert (table.relation, table.kind, table.is_owner) == (
        Relation("public", "people"), "table", True,
    )  # fmt: skip
    assert target.tables["parts"].is_partitioned
    keys: dict[str, ForeignKey] = {key.name: key for key in table.foreign_keys}
    assert keys["people_boss_fkey"].referenced == Relation("public", "people")
    assert target.tables["organizations"].triggers == [Trigger("touch", True, False)]
    assert target.base_type(table.columns["mood"]).name == "mood"
    assert set(target.structure.tables) == set(entries)


def test_what_is_not_there_is_left_out(
    database: Database, make_database: Callable[..., Database], tmp_path: Path
) -> None:
    database.execute("CREATE TABLE t (id int)")
    entries = export_into(database, tmp_path).tables
    with TargetDatabase(make_database().url).open(writes=False) as connection:
        assert read_target(connection, entries).tables == {}
