"""Broken exports: verify, restore and prove name every fault, and nothing is written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from supa_assets.errors import ExportFault, SupaAssetsError
from supa_assets.files.local_folder import LocalFolder
from supa_assets.files.verify import verify_export
from supa_assets.restore.prove import prove_export
from supa_assets_tests.support.copies import export_into, restore_into
from supa_assets_tests.support.databases import Database

SCHEMA = """
CREATE TABLE animals (id int PRIMARY KEY, name text);
CREATE TABLE boats (id int PRIMARY KEY, name text);
"""
ROWS = """
INSERT INTO animals SELECT n, 'animal ' || n FROM generate_series(1, 9) n;
INSERT INTO boats SELECT n, 'boat ' || n FROM generate_series(1, 9) n;
"""


def edit(path: Path, change: Callable[[bytes], bytes]) -> None:
    path.write_bytes(change(path.read_bytes()))


def truncate(folder: Path) -> None:
    for table in ("animals", "boats"):
        edit(folder / f"{table}.json", lambda data: data[:-30])


def flip(folder: Path) -> None:
    for table in ("animals", "boats"):
        edit(folder / f"{table}.json", lambda data: data.replace(b" 5", b" 4"))


def lose_row(folder: Path) -> None:
    for table in ("animals", "boats"):
        edit_lines(folder / f"{table}.json", lambda lines: lines[:3] + lines[4:])


def double_row(folder: Path) -> None:
    for table in ("animals", "boats"):
        edit_lines(folder / f"{table}.json", lambda lines: lines[:3] + lines[2:])


def edit_lines(path: Path, change: Callable[[list[bytes]], list[bytes]]) -> None:
    edit(path, lambda data: b"".join(change(data.splitlines(keepends=True))))


def swap(folder: Path) -> None:
    animals, boats = folder / "animals.json", folder / "boats.json"
    data = animals.read_bytes()
    animals.write_bytes(boats.read_bytes())
    boats.write_bytes(data)


def delete(folder: Path) -> None:
    for table in ("animals", "boats"):
        (folder / f"{table}.json").unlink()


def edit_metadata(folder: Path) -> None:
    def change(data: bytes) -> bytes:
        metadata = json.loads(data)
        for table in ("animals", "boats"):
            metadata["tables"][table]["rowCount"] = 8
        return json.dumps(metadata).encode()

    edit(folder / "metadata.json", change)


@pytest.mark.slow
@pytest.mark.parametrize(
    "damage", [truncate, flip, lose_row, double_row, swap, delete, edit_metadata]
)
def test_every_fault_is_named_and_nothing_is_written(
    database: Database,
    make_database: Callable[..., Database],
    tmp_path: Path,
    damage: Callable[[Path], None],
) -> None:
    database.execute(SCHEMA, ROWS)
    target = make_database()
    target.execute(SCHEMA)
    export_into(database, tmp_path, checksums=True)
    damage(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.glob("*.json")}

    faults = verify_export(LocalFolder(tmp_path))
    with pytest.raises(ExportFault) as caught:
        restore_into(target, tmp_path)
    proof = prove_export(LocalFolder(tmp_path))

    assert {fault.table for fault in faults} == {"animals", "boats"}
    for fault in faults:
        assert fault.message in caught.value.message
        assert fault.message in proof.differences
    for table in ("animals", "boats"):
        assert target.fetch_value(f"SELECT count(*) FROM {table}") == 0
    assert {path.name: path.read_bytes() for path in tmp_path.glob("*.json")} == before


@pytest.mark.slow
@pytest.mark.parametrize("version", [0, 99])
def test_an_export_of_another_format_is_refused_by_all(
    database: Database, tmp_path: Path, version: int
) -> None:
    database.execute(SCHEMA, ROWS)
    export_into(database, tmp_path)
    edit(
        tmp_path / "metadata.json",
        lambda data: data.replace(b'"formatVersion": 1', b'"formatVersion": %d' % version),
    )

    for action in (
        lambda: verify_export(LocalFolder(tmp_path)),
        lambda: restore_into(database, tmp_path),
        lambda: prove_export(LocalFolder(tmp_path)),
    ):
        with pytest.raises(SupaAssetsError, match=f"has formatVersion {version}"):
            action()


@pytest.mark.slow
def test_types_edited_in_metadata_are_found_in_the_target(
    database: Database, make_database: Callable[..., Database], tmp_path: Path
) -> None:
    database.execute(SCHEMA, ROWS)
    target = make_database()
    target.execute(SCHEMA)
    export_into(database, tmp_path)
    evil = b'"type": "text); DROP TABLE boats; --"'
    edit(tmp_path / "metadata.json", lambda data: data.replace(b'"type": "text"', evil))

    with pytest.raises(SupaAssetsError, match="is of type text, the export's is text"):
        restore_into(target, tmp_path)
    target.execute("DROP TABLE animals, boats")
    with pytest.raises(SupaAssetsError, match="what PostgreSQL wouldn't write as its type"):
        restore_into(target, tmp_path, creates=True)
