"""A target's rows are read in the shape that the export gave the source's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from supa_assets.errors import ExportFault
from supa_assets.files.local_folder import LocalFolder
from supa_assets.files.metadata import TableEntry
from supa_assets.plan.row_shape import RowShape
from supa_assets.restore.prove import prove_export
from supa_assets.restore.row_shapes import list_shapes
from supa_assets.restore.target import TargetDatabase, read_target
from supa_assets_tests.support.copies import export_into, restore_into
from supa_assets_tests.support.databases import Database


@pytest.fixture
def entry(database: Database, tmp_path: Path) -> TableEntry:
    database.execute("CREATE TABLE t (id int8, ns int8[], at timestamp, raw bytea, doc json)")
    return export_into(database, tmp_path).tables["t"]


def shapes(database: Database, entry: TableEntry) -> list[RowShape]:
    with TargetDatabase(database.url).open(writes=False) as connection:
        target = read_target(connection, {"t": entry})
        return list(list_shapes(entry, target.tables["t"], target))


def without_casts(entry: TableEntry, *names: str) -> TableEntry:
    columns = [
        column.model_copy(update={"casts": None}) if column.name in names else column
        for column in entry.columns
    ]
    return entry.model_copy(update={"columns": columns})


def test_recorded_casts_are_the_one_shape(database: Database, entry: TableEntry) -> None:
    (shape,) = shapes(database, entry)
    assert shape == database.table("t").rows.model_copy(update={"columns": shape.columns})
    assert [list(column.casts) for column in shape.columns] == [
        ["text"], ["text[]"], ["timestamptz"], [], [],
    ]  # fmt: skip


def test_casts_that_only_the_target_has_change_no_text(
    database: Database, make_database: Callable[..., Database], tmp_path: Path
) -> None:
    database.execute(
        "CREATE TYPE mood AS ENUM ('sad')",
        "CREATE TABLE moods (id int PRIMARY KEY, m mood, ms mood[])",
        "INSERT INTO moods VALUES (1, 'sad', '{sad,NULL}')",
    )
    export_into(database, tmp_path, include=("public.moods",))
    target = make_database()
    restore_into(target, tmp_path, creates=True)
    for name in ("json", "text", "varchar"):
        target.execute(
            f"CREATE FUNCTION to_{name}(mood) RETURNS {name} LANGUAGE sql AS $$ SELECT '0'::{name} $$",
            f"CREATE CAST (mood AS {name}) WITH FUNCTION to_{name}(mood)",
        )
    proof = prove_export(LocalFolder(tmp_path), TargetDatabase(target.url))
    assert proof.differences == []
    assert [table.verdict for table in proof.tables] == ["equal"]


def test_without_them_every_shape_of_these_encodings_is_tried_once(
    database: Database, entry: TableEntry
) -> None:
    older = without_casts(entry, "id", "ns", "at", "raw", "doc")
    found = shapes(database, older)
    assert [[list(column.casts) for column in shape.columns] for shape in found] == [
        [["text"], ["text[]"], ["timestamptz"], [], []],
        [["text"], ["text[]"], [], [], []],
    ]


def test_one_column_without_its_casts_leaves_all_open(
    database: Database, entry: TableEntry
) -> None:
    assert len(shapes(database, without_casts(entry, "raw"))) == 2


@pytest.mark.parametrize("word", ["", "int4", "text); drop table t; --"])
def test_a_word_that_is_no_cast_is_a_fault(
    database: Database, entry: TableEntry, word: str
) -> None:
    first, *others = without_casts(entry, "raw").columns
    changed = entry.model_copy(
        update={"columns": [first.model_copy(update={"casts": [word]}), *others]}
    )
    with pytest.raises(ExportFault, match='says of column "id" a word') as raised:
        shapes(database, changed)
    assert raised.value.found == word
