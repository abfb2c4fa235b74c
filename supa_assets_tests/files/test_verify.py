from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supa_assets.errors import ExportFault
from supa_assets.files import verify
from supa_assets.files.local_folder import LocalFolder
from supa_assets.files.metadata import METADATA_FILE, ColumnEntry
from supa_assets.files.verify import verify_export, verify_table
from supa_assets_tests.support.exports import (
    GivenChunks,
    edit,
    export,
    new_folder,
    plan_table,
    publish,
    run_id,
    some_rows,
    stage,
    to_chunks,
)


@pytest.fixture
def storage(tmp_path: Path) -> LocalFolder:
    """Ten orders, and two tables of the same size."""
    storage = new_folder(tmp_path / "out")
    tables = {"orders": some_rows(10), "a": some_rows(3, "a"), "b": some_rows(3, "b"), "empty": []}
    export(storage, "run", tables)
    return storage


def faults_after(
    storage: LocalFolder, file: str, change: Callable[[bytes], bytes], *, full: bool = False
) -> dict[str, str]:
    edit(storage.path / file, change)
    return {fault.what: fault.message for fault in verify_export(storage, full=full)}


def edit_metadata(storage: LocalFolder, change: Callable[[dict[str, Any]], object]) -> list[str]:
    path = storage.path / METADATA_FILE
    document = json.loads(path.read_bytes())
    change(document)
    path.write_text(json.dumps(document))
    return [fault.message for fault in verify_export(storage)]


def test_a_whole_export_has_no_faults(storage: LocalFolder) -> None:
    assert verify_export(storage) == verify_export(storage, full=True) == []


def test_a_missing_file_is_a_fault(storage: LocalFolder) -> None:
    (storage.path / "orders.json").unlink()
    (fault,) = verify_export(storage)
    assert (fault.table, fault.what, fault.expected) == ("orders", "file", "orders.json")
    assert '"orders.json" is missing' in fault.message


def test_a_flipped_bit_is_a_fault(storage: LocalFolder) -> None:
    faults = faults_after(storage, "orders.json", lambda data: data.replace(b"row 7", b"row 6"))
    assert set(faults) == {"sha256"}


@pytest.mark.parametrize("byte_count", [0, 1, 2, 3, 20, 60])
def test_a_truncated_file_is_a_fault_of_size_digest_layout_and_rows(
    storage: LocalFolder, byte_count: int
) -> None:
    faults = faults_after(storage, "orders.json", lambda data: data[:byte_count])
    assert {"byte count", "sha256", "layout", "row count", "source row count"} == set(faults)


def test_a_missing_row_is_a_fault(storage: LocalFolder) -> None:
    faults = faults_after(
        storage, "orders.json", lambda data: data.replace(b'{"id": 4, "name": "row 4"},\n', b"")
    )
    assert set(faults) == {"byte count", "sha256", "row count", "source row count"}
    assert faults["row count"] == (
        'row count of "public.orders" differs: metadata.json says 10, the file holds 9'
    )


def test_a_row_that_is_there_twice_is_a_fault(storage: LocalFolder) -> None:
    row = b'{"id": 4, "name": "row 4"},\n'
    faults = faults_after(storage, "orders.json", lambda data: data.replace(row, row + row))
    assert faults["source row count"] == (
        'source row count of "public.orders" differs: the source\'s count(*) says 10,'
        " the file holds 11"
    )


def test_the_last_row_missing_is_a_fault_of_layout_too(storage: LocalFolder) -> None:
    faults = faults_after(storage, "orders.json", lambda data: data[: data.rindex(b"{")] + b"]\n")
    assert {"layout", "row count"} <= set(faults)


def test_a_line_break_inside_a_row_is_a_fault_of_layout(storage: LocalFolder) -> None:
    faults = faults_after(storage, "orders.json", lambda data: data.replace(b"row 7", b"row\n7"))
    assert faults["layout"] == (
        'layout of "orders.json" is broken: 10 rows stand in 12 lines, the file holds 13'
    )


def test_swapped_files_are_faults_of_both(storage: LocalFolder) -> None:
    a, b = storage.path / "a.json", storage.path / "b.json"
    data = a.read_bytes()
    a.write_bytes(b.read_bytes())
    b.write_bytes(data)
    assert {(f.table, f.what) for f in verify_export(storage)} == {("a", "sha256"), ("b", "sha256")}


def test_every_fault_of_every_table_is_listed(storage: LocalFolder) -> None:
    (storage.path / "a.json").unlink()
    edit(storage.path / "b.json", lambda data: data + b" ")
    edit(storage.path / "empty.json", lambda data: b"[\n]\n")
    found = {(fault.table, fault.what) for fault in verify_export(storage)}
    assert {("a", "file"), ("b", "byte count"), ("b", "layout"), ("empty", "layout")} <= found


def test_no_fault_shows_a_row(storage: LocalFolder) -> None:
    faults = faults_after(
        storage, "orders.json", lambda data: data.replace(b'"row 7"', b"secret"), full=True
    )
    assert "rows" in faults
    assert "secret" not in repr(verify_export(storage, full=True))


def test_the_events_row_count_is_compared(storage: LocalFolder) -> None:
    entry = export(storage, "two", {"orders": some_rows(40)}).tables["orders"]
    assert verify_table(storage, entry, event_row_count=40) == []
    (fault,) = verify_table(storage, entry, event_row_count=41)
    assert (fault.what, fault.expected, fault.found) == ("event row count", 41, 40)
    assert fault.message == (
        'event row count of "public.orders" differs: the materialization says 41, the file holds 40'
    )


def test_a_staged_file_is_verified_before_it_is_published(storage: LocalFolder) -> None:
    entry = stage(storage, "two", "orders", some_rows(3))
    assert verify_table(storage.staging(run_id("two")), entry) == []
    assert verify_table(storage, entry) != []


# metadata.json


def test_an_edited_row_count_is_a_fault(storage: LocalFolder) -> None:
    assert edit_metadata(storage, lambda m: m["tables"]["orders"].update(rowCount=41)) == [
        'row count of "public.orders" differs: metadata.json says 41, the file holds 10'
    ]


def test_a_file_that_metadata_does_not_know_is_a_fault(storage: LocalFolder) -> None:
    (storage.path / "stray.json").write_text("[]\n")
    (storage.path / "notes.txt").write_text("mine")
    (storage.path / "export.log").write_text("")
    (fault,) = verify_export(storage)
    assert (fault.table, fault.what, fault.found) == (None, "unknown file", "stray.json")


def test_a_file_whose_name_is_not_unicode_is_told_in_characters(storage: LocalFolder) -> None:
    (storage.path / os.fsdecode(b"\xff.json")).write_text("[]\n")
    (fault,) = verify_export(storage)
    assert fault.found == r"\udcff.json"
    assert fault.message.encode().startswith(rb'file "\udcff.json" is not in')


def test_a_child_before_its_parent_is_a_fault(tmp_path: Path) -> None:
    storage = new_folder(tmp_path)
    stage(storage, "run", plan_table("users", references=["users"]), [])
    stage(storage, "run", plan_table("orders", references=["users"]), [])
    publish(storage, "run")
    assert verify_export(storage) == []
    messages = edit_metadata(storage, lambda m: m["importOrder"].reverse())
    assert messages == ['import order differs: "users" should come before "orders"']


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"{", "is not a metadata.json"),
        (b'{"formatVersion": 2}', "has formatVersion 2"),
        (None, "has no metadata.json"),
    ],
)
def test_what_can_not_be_verified_is_an_error_and_no_pass(
    storage: LocalFolder, data: bytes | None, message: str
) -> None:
    path = storage.path / METADATA_FILE
    path.unlink() if data is None else path.write_bytes(data)
    with pytest.raises(ExportFault, match=message):
        verify_export(storage)


def test_a_folder_that_is_not_there_can_not_be_verified(tmp_path: Path) -> None:
    with pytest.raises(ExportFault, match=r"has no metadata\.json"):
        verify_export(LocalFolder(tmp_path / "nothing"))


# Counting


@pytest.mark.slow
@given(
    rows=st.lists(st.dictionaries(st.text(max_size=3), st.text(max_size=5)), max_size=30),
    block_byte_count=st.integers(1, 20),
)
def test_rows_are_counted_across_any_blocks(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, str]], block_byte_count: int
) -> None:
    storage = new_folder(tmp_path_factory.mktemp("out"))
    entry = stage(storage, "run", "orders", rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verify, "_BLOCK_BYTE_COUNT", block_byte_count)
        assert verify_table(storage.staging(run_id("run")), entry) == []


# Full


def column(encoding: str) -> ColumnEntry:
    return ColumnEntry(name="v", type="any", encoding=encoding, nullable=True)


@pytest.mark.parametrize(
    ("encoding", "fitting", "misfits"),
    [
        ("boolean", [True, None], [1, "true"]),
        ("number", [1, 1.5, "NaN", "Infinity", "-Infinity", None], [True, "1", []]),
        ("string", ["1", None], [1, True, {}]),
        ("timestamp", ["2026-01-02T03:04:05+00:00"], [0]),
        ("array", [[], [None, 1]], ["{}", {}]),
        ("text-array", [["{}"]], ["{}"]),
        ("object", [{}], [[], "x"]),
        ("json", [1, "x", [], {}, True, None], []),
        ("of a newer version", [1, "x"], []),
    ],
)
def test_a_full_verification_finds_values_that_do_not_fit_their_encoding(
    tmp_path: Path, encoding: str, fitting: list[Any], misfits: list[Any]
) -> None:
    storage = new_folder(tmp_path)
    table = plan_table("t", columns=[column(encoding)])
    rows: list[dict[str, Any]] = [{"v": value} for value in fitting + misfits]
    entry = stage(storage, "run", table, rows)
    faults = verify_table(storage.staging(run_id("run")), entry, full=True)
    assert [fault.found for fault in faults] == ([len(misfits)] if misfits else [])
    assert verify_table(storage.staging(run_id("run")), entry) == []


def test_a_full_verification_finds_other_and_reordered_keys(tmp_path: Path) -> None:
    storage = new_folder(tmp_path)
    rows: list[dict[str, Any]] = [
        {"id": 1, "name": "x"},
        {"name": "x", "id": 1},
        {"id": 1},
        {"id": 1, "name": "", "x": 1},
    ]
    entry = stage(storage, "run", "t", rows)
    (fault,) = verify_table(storage.staging(run_id("run")), entry, full=True)
    assert (fault.what, fault.expected, fault.found) == ("rows", ["id", "name"], 3)


def test_a_full_verification_misses_no_column_of_floats(tmp_path: Path) -> None:
    storage = new_folder(tmp_path)
    columns = [
        ColumnEntry(name="id", type="integer", encoding="number", nullable=False),
        ColumnEntry(name="x", type="real", encoding="number", nullable=True),
    ]
    entry = stage(storage, "run", plan_table("t", columns=columns), [{"id": 1}])
    (fault,) = verify_table(storage.staging(run_id("run")), entry, full=True)
    assert (fault.what, fault.expected, fault.found) == ("rows", ["id", "x"], 1)


def test_a_full_verification_finds_what_is_not_json(tmp_path: Path) -> None:
    from supa_assets.export.write import write_table
    from supa_assets.stream.table_stream import Chunk

    storage = new_folder(tmp_path)
    chunks = [*to_chunks(some_rows(2)), Chunk(b'{"id": 2, "name": "x}', 1)]
    stream = GivenChunks(plan_table("t"), chunks, 3)
    entry = write_table(stream, storage.staging(run_id("run")), on_progress=lambda *_: None)
    faults = verify_table(storage.staging(run_id("run")), entry, full=True)
    assert "it is not JSON after row 2 of 3" in faults[-1].message
