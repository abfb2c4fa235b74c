"""Sequences are matched by the column that owns them, and go on where the source's stood."""

from __future__ import annotations

from pathlib import Path

import pytest

from supa_assets.files.metadata import ExportMetadata
from supa_assets.naming import Relation
from supa_assets.restore.sequences import (
    PlannedSequences,
    SequenceState,
    match_sequences,
    plan_sequences,
    set_sequences,
)
from supa_assets.restore.target import TargetDatabase, read_target
from supa_assets_tests.support.copies import export_into
from supa_assets_tests.support.databases import Database
from supa_assets_tests.support.loaders import role

SCHEMA = "CREATE TABLE t (id serial); CREATE TABLE u (id serial); CREATE SEQUENCE free"


@pytest.fixture
def metadata(database: Database, tmp_path: Path) -> ExportMetadata:
    database.execute(SCHEMA, "SELECT setval('t_id_seq', 42, false), setval('free', 7)")
    return export_into(database, tmp_path)


def plan(
    target: Database, metadata: ExportMetadata, *named: str, user: str | None = None
) -> tuple[list[tuple[str, str | None]], PlannedSequences]:
    """The matches by name, and the plan; then set."""
    entries = {name: metadata.tables[name] for name in named or metadata.tables}
    url = target.server.url(target.name, user=user or target.server.superuser)
    with TargetDatabase(url).open(writes=True) as connection:
        structure = read_target(connection, entries).structure
        matched = match_sequences(metadata, entries, structure)
        planned = plan_sequences(connection, metadata, entries, structure)
        if not planned.problems:
            set_sequences(connection, planned.states)
            connection.commit()
    return [(recorded.name, found.name if found else None) for recorded, found in matched], planned


def test_a_sequence_is_set_under_whatever_name_the_target_has_it(
    metadata: ExportMetadata, database: Database
) -> None:
    database.execute("ALTER SEQUENCE t_id_seq RENAME TO renamed; ALTER SEQUENCE renamed RESTART")

    matched, planned = plan(database, metadata)

    assert matched == [("free", "free"), ("t_id_seq", "renamed"), ("u_id_seq", "u_id_seq")]
    assert SequenceState(Relation("public", "renamed"), "42", False) in planned.states
    assert database.fetch_value("SELECT nextval('renamed')") == 42
    assert database.fetch_value("SELECT nextval('free')") == 8


def test_some_tables_have_only_their_own_sequences(
    metadata: ExportMetadata, database: Database
) -> None:
    matched, _ = plan(database, metadata, "t")
    assert matched == [("t_id_seq", "t_id_seq")]


def test_a_sequence_that_is_missing_is_a_notice(
    metadata: ExportMetadata, database: Database
) -> None:
    database.execute("ALTER TABLE t ALTER id DROP DEFAULT; DROP SEQUENCE t_id_seq")
    _, planned = plan(database, metadata, "t")
    (note,) = planned.notes
    assert note.text == 'sequence "public.t_id_seq" is not set: the target has none for it'
    assert note.relation == Relation("public", "t_id_seq")


def test_an_export_without_sequences_is_a_notice(
    metadata: ExportMetadata, database: Database
) -> None:
    _, planned = plan(database, metadata.model_copy(update={"structure": None}))
    assert [note.text.partition(":")[0] for note in planned.notes] == [
        "metadata.json has no sequences"
    ]


def test_a_sequence_that_the_role_may_not_set_is_a_problem(
    metadata: ExportMetadata, database: Database
) -> None:
    with role(database, "GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}") as name:
        _, planned = plan(database, metadata, "t", user=name)
    (problem,) = planned.problems
    assert problem.text == 'the role may not set sequence "public.t_id_seq" (UPDATE)'
    assert problem.relation == Relation("public", "t_id_seq")
