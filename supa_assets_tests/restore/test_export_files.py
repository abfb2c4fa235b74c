"""An export as a restore reads it: found, chosen from, verified, and read in batches."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from supa_assets.errors import ExportFault, SettingsError
from supa_assets.files.local_folder import LocalFolder
from supa_assets.files.publish import require_metadata
from supa_assets.restore.export_files import (
    BATCH_BYTE_COUNT,
    Batch,
    read_batches,
    refuse_faults,
    select_entries,
)
from supa_assets_tests.support.exports import edit, export, new_folder, some_rows


@pytest.fixture
def storage(tmp_path: Path) -> LocalFolder:
    storage = new_folder(tmp_path)
    export(storage, "run", {"animals": some_rows(100), "boats": []})
    return storage


@pytest.mark.parametrize("name", ["animals", "public.animals"])
def test_a_table_is_found_by_each_of_its_names(storage: LocalFolder, name: str) -> None:
    metadata = require_metadata(storage)
    assert list(select_entries(metadata, [name])) == ["animals"]
    assert list(select_entries(metadata, [])) == ["animals", "boats"]


def test_a_name_that_is_none_is_told_with_one_that_is_close(storage: LocalFolder) -> None:
    with pytest.raises(SettingsError, match="did you mean animals"):
        select_entries(require_metadata(storage), ["animal"])


@pytest.mark.parametrize("byte_count", [1, 100, BATCH_BYTE_COUNT])
def test_batches_hold_every_row_once_whatever_their_size(
    storage: LocalFolder, byte_count: int
) -> None:
    entry = require_metadata(storage).tables["animals"]
    batches: list[Batch] = list(read_batches(storage, entry, byte_count=byte_count))

    rows = [row for batch in batches for row in json.loads(batch.as_array())]
    assert rows == some_rows(100)
    assert batches[-1].byte_count <= entry.byte_count
    if byte_count == 1:
        assert {len(batch.lines) for batch in batches} == {1}
    if byte_count == BATCH_BYTE_COUNT:
        assert [batch.byte_count for batch in batches] == [entry.byte_count]


def test_a_file_that_changes_after_it_was_verified_is_noticed_at_its_end(
    storage: LocalFolder, tmp_path: Path
) -> None:
    entry = require_metadata(storage).tables["animals"]
    edit(tmp_path / "animals.json", lambda data: data.replace(b"row 7", b"row 8"))
    with pytest.raises(ExportFault, match="its SHA-256 differs"):
        list(read_batches(storage, entry))


def test_every_fault_is_in_one_error(storage: LocalFolder, tmp_path: Path) -> None:
    refuse_faults(storage)
    (tmp_path / "boats.json").unlink()
    edit(tmp_path / "animals.json", lambda data: data[:-9])
    with pytest.raises(ExportFault) as raised:
        refuse_faults(storage)
    assert "animals.json" in raised.value.message
    assert "boats.json" in raised.value.message
