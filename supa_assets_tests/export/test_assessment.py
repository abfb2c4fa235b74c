"""An export as a whole: what it lacks, of which snapshots it is, which known holes it has."""

from __future__ import annotations

from pathlib import Path

from supa_assets.export.assessment import (
    Assessment,
    MissingTable,
    assess_export,
    assess_published,
)
from supa_assets.export.run import begin_export
from supa_assets.files.metadata import DriftEntry, ExportMetadata, NotExportedEntry
from supa_assets.plan.export_plan import ExportPlan
from supa_assets_tests.support.copies import export_into
from supa_assets_tests.support.databases import Database
from supa_assets_tests.support.exports import new_folder

SCHEMA = "CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY, doc jsonb)"


def without(metadata: ExportMetadata, name: str) -> ExportMetadata:
    tables = {other: entry for other, entry in metadata.tables.items() if other != name}
    return metadata.model_copy(update={"tables": tables})


def test_a_whole_export_of_one_snapshot_lacks_nothing(database: Database, tmp_path: Path) -> None:
    database.execute(SCHEMA, "CREATE VIEW v AS SELECT 1")
    metadata = export_into(database, tmp_path)

    found: Assessment = assess_published(metadata, database.plan())

    assert (found.is_complete, found.is_one_snapshot, found.holes) == (True, True, [])
    assert found.describe_missing() == found.describe_snapshots() == found.describe_holes() == ""


def test_a_table_that_should_be_there_is_missing_with_its_reason(
    database: Database, tmp_path: Path
) -> None:
    database.execute(SCHEMA)
    metadata = without(export_into(database, tmp_path), "a")
    plan = database.plan()
    failed = NotExportedEntry(schema_name="public", name="a", kind="table", reason="locked")

    left_out = failed.model_copy(update={"name": "c", "reason": "excluded by setting"})

    unexplained = assess_published(metadata, plan)
    explained = assess_export(metadata.tables, plan=plan, relations=[failed, left_out])

    assert unexplained.missing == [MissingTable("public.a", "it was not exported yet")]
    assert explained.describe_missing() == '"public.a" is missing: locked'


def test_a_table_that_was_dropped_is_not_missing(database: Database, tmp_path: Path) -> None:
    database.execute(SCHEMA)
    metadata = without(export_into(database, tmp_path), "a")
    plan = database.plan()
    dropped = DriftEntry(schema_name="public", table="a", change="table dropped")
    changed = dropped.model_copy(update={"change": "column added", "column": "note"})

    def missing(*drift: DriftEntry) -> list[str]:
        found = assess_export(metadata.tables, plan=plan, relations=[], drift=drift)
        return [table.relation for table in found.missing]

    assert missing(dropped) == []
    assert missing(changed) == ["public.a"]
    assert missing() == ["public.a"]


def export_by(plan: ExportPlan, database: Database, folder: Path, *names: str) -> ExportMetadata:
    """By a plan that may be old; of everything, where no names are given."""
    storage = new_folder(folder)
    with begin_export(database.source(), storage, plan, selected=names or None) as run:
        return run.export()


def test_a_run_of_everything_is_complete_whatever_came_and_went_since(
    database: Database, tmp_path: Path
) -> None:
    database.execute(SCHEMA)
    plan = database.plan()
    database.execute("DROP TABLE a", "CREATE TABLE c (id int)", "ALTER TABLE b RENAME TO d")

    metadata = export_by(plan, database, tmp_path)

    assert sorted(metadata.tables) == ["c", "d"]
    assert assess_published(metadata, plan).missing == []
    assert assess_published(metadata, database.plan()).missing == []


def test_a_run_of_some_tables_leaves_what_came_since_missing(
    database: Database, tmp_path: Path
) -> None:
    database.execute(SCHEMA)
    plan = database.plan()
    export_by(plan, database, tmp_path)
    database.execute("CREATE TABLE c (id int)")

    found = assess_published(export_by(plan, database, tmp_path, "a"), plan)

    assert found.missing == [MissingTable("public.c", "created since the definitions were loaded")]


def test_two_snapshots_are_named_with_their_tables(database: Database, tmp_path: Path) -> None:
    database.execute(SCHEMA)
    first = export_into(database, tmp_path / "first")
    second = export_into(database, tmp_path / "second")
    tables = {"a": first.tables["a"], "b": second.tables["b"]}

    found = assess_export(tables, plan=database.plan(), relations=[])

    assert not found.is_one_snapshot
    said = found.describe_snapshots().splitlines()
    assert said[0] == "the tables are of 2 instants and need not match each other"
    assert [line.rpartition(" ")[2] for line in said[1:]] == ["a", "b"]


def test_values_that_json_does_not_keep_are_holes(database: Database, tmp_path: Path) -> None:
    database.execute(SCHEMA, "INSERT INTO b VALUES (1, 'null')")
    found = assess_published(export_into(database, tmp_path), database.plan())
    assert [(hole.hole, hole.column, hole.count) for hole in found.holes] == [
        ("json_null", "doc", 1)
    ]
