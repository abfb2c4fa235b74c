"""An export as a whole: what it lacks, of which snapshots it is, which known holes it has."""

from __future__ import annotations

from pathlib import Path

from supa_assets.export.assessment import (
    Assessment,
    MissingTable,
    assess_export,
    assess_published,
)
from supa_assets.files.metadata import ExportMetadata, NotExportedEntry
from supa_assets_tests.support.copies import export_into
from supa_assets_tests.support.databases import Database

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
