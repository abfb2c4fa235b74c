"""How triggers and foreign keys are got past: by what the role may do, and undone afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from supa_assets.files.metadata import ExportMetadata
from supa_assets.naming import Relation
from supa_assets.restore.bypass import Bypass, choose_bypass
from supa_assets.restore.target import TargetDatabase, read_target
from supa_assets_tests.support.copies import export_into
from supa_assets_tests.support.databases import Database
from supa_assets_tests.support.loaders import role

RULES = """
    SELECT conname, condeferrable FROM pg_constraint WHERE contype = 'f' AND connamespace = 'public'::regnamespace
    UNION ALL SELECT tgname, tgenabled = 'O' FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1
"""


@pytest.fixture
def metadata(people: Database, tmp_path: Path) -> ExportMetadata:
    return export_into(people, tmp_path)


@contextmanager
def chosen(
    database: Database, metadata: ExportMetadata, *, user: str, batch_byte_count: int = 4096
) -> Iterator[tuple[psycopg.Connection[Any], Bypass]]:
    """In import order, as a restore asks."""
    entries = {at.table: metadata.tables[at.table] for at in metadata.import_order}
    url = database.server.url(database.name, user=user)
    with TargetDatabase(url).open(writes=True) as connection:
        target = read_target(connection, entries)
        yield (
            connection,
            choose_bypass(connection, entries, target, batch_byte_count=batch_byte_count),
        )


def test_a_superuser_is_a_replica_until_the_last_row(
    empty_people: Database, metadata: ExportMetadata
) -> None:
    user = empty_people.server.superuser
    with chosen(empty_people, metadata, user=user) as (connection, bypass):
        assert bypass.is_replica
        assert (bypass.disabled, bypass.deferred, bypass.notes) == ([], [], [])
        asked = "SHOW session_replication_role"
        bypass.prepare(connection)
        assert connection.execute(asked).fetchone() == ("replica",)
        bypass.finish(connection)
        assert connection.execute(asked).fetchone() == ("origin",)


def test_an_owner_disables_triggers_and_defers_keys_and_undoes_both(
    empty_people: Database, metadata: ExportMetadata
) -> None:
    with chosen(empty_people, metadata, user="postgres") as (connection, bypass):
        assert not bypass.is_replica
        assert [trigger.name for _, trigger in bypass.disabled] == ["touch"]
        deferred = {key.name for _, key in bypass.deferred}
        assert "people_boss_fkey" in deferred
        assert "people_organization_fkey" not in deferred
        before = connection.execute(RULES).fetchall()
        bypass.prepare(connection)
        assert ("touch", False) in connection.execute(RULES).fetchall()
        assert ("people_boss_fkey", True) in connection.execute(RULES).fetchall()
        bypass.finish(connection)
        assert connection.execute(RULES).fetchall() == before


def test_rows_that_are_loaded_in_one_statement_may_reference_each_other(
    empty_people: Database, metadata: ExportMetadata
) -> None:
    size = metadata.tables["people"].byte_count
    with chosen(empty_people, metadata, user="postgres", batch_byte_count=size) as (_, bypass):
        assert "people_boss_fkey" not in {key.name for _, key in bypass.deferred}


def test_a_writer_takes_two_passes_and_is_told_so(
    empty_people: Database, metadata: ExportMetadata
) -> None:
    grant = "GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO {role}"
    with (
        role(empty_people, grant) as name,
        chosen(empty_people, metadata, user=name) as (_, bypass),
    ):
        assert bypass.second_pass["people"] == ["boss"]
        assert bypass.problems == []
        assert Relation("public", "organizations") in {note.relation for note in bypass.notes}


def test_who_may_only_insert_has_a_problem(
    empty_people: Database, metadata: ExportMetadata
) -> None:
    with (
        role(empty_people, "GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA public TO {role}") as name,
        chosen(empty_people, metadata, user=name) as (_, bypass),
    ):
        assert {problem.relation for problem in bypass.problems} >= {Relation("public", "people")}
        assert all("can't be honoured by any order" in problem.text for problem in bypass.problems)
