from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supa_assets.errors import ExportFault
from supa_assets.export.write import write_logged_table, write_table
from supa_assets.files.export_log import LOG_FILE, ExportLog, follow_log
from supa_assets.stream.table_stream import Chunk
from supa_assets_tests.support.exports import (
    GivenChunks,
    new_folder,
    plan_table,
    run_id,
    some_rows,
    stage,
    to_chunks,
)


def staged_bytes(tmp_path: Path, file: str = "orders.json") -> bytes:
    return (tmp_path / ".supa-assets" / run_id("run") / file).read_bytes()


def test_a_file_has_one_row_per_line(tmp_path: Path) -> None:
    stage(new_folder(tmp_path), "run", "orders", some_rows(3))
    assert staged_bytes(tmp_path) == (
        b'[\n{"id": 0, "name": "row 0"},\n{"id": 1, "name": "row 1"},\n'
        b'{"id": 2, "name": "row 2"}\n]\n'
    )


def test_an_empty_table_is_an_empty_array(tmp_path: Path) -> None:
    entry = stage(new_folder(tmp_path), "run", "orders", [])
    assert staged_bytes(tmp_path) == b"[]\n"
    assert (entry.row_count, entry.source_row_count, entry.byte_count) == (0, 0, 3)


@pytest.mark.slow
@given(
    rows=st.lists(st.dictionaries(st.text(), st.none() | st.integers() | st.text())),
    chunk_row_count=st.integers(1, 5),
)
def test_the_entry_tells_the_files_rows_bytes_and_digest(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[dict[str, object]],
    chunk_row_count: int,
) -> None:
    tmp_path = tmp_path_factory.mktemp("out")
    stream = GivenChunks(plan_table("orders"), to_chunks(rows, chunk_row_count), len(rows))
    entry = write_table(
        stream, new_folder(tmp_path).staging(run_id("run")), on_progress=lambda *_: None
    )
    data = staged_bytes(tmp_path)
    assert json.loads(data) == rows
    assert entry.row_count == entry.source_row_count == len(rows)
    assert entry.byte_count == len(data)
    assert entry.sha256 == hashlib.sha256(data).hexdigest()
    assert entry.run_id == run_id("run")


def test_progress_is_told_after_each_chunk(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    stream = GivenChunks(plan_table("orders"), [Chunk(b"{}", 1), Chunk(b"{},\n{}", 2)], 3)
    write_table(
        stream,
        new_folder(tmp_path).staging(run_id("run")),
        on_progress=lambda *counts: told.append(counts),
    )
    assert told == [(1, len("[\n{}")), (3, len("[\n{},\n{},\n{}"))]


def test_another_row_count_than_the_sources_is_a_fault_and_stages_nothing(tmp_path: Path) -> None:
    storage = new_folder(tmp_path)
    stream = GivenChunks(plan_table("orders"), to_chunks(some_rows(40)), 41)
    with pytest.raises(ExportFault) as caught:
        write_table(stream, storage.staging(run_id("run")), on_progress=lambda *_: None)
    assert caught.value.message == (
        'row count of "public.orders" differs: the source\'s count(*) says 41, the stream held 40'
    )
    assert (caught.value.expected, caught.value.found) == (41, 40)
    assert storage.staging(run_id("run")).files() == []


def test_a_stream_that_breaks_stages_nothing(tmp_path: Path) -> None:
    storage = new_folder(tmp_path)

    def broken() -> Iterator[Chunk]:
        yield Chunk(b"{}", 1)
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        write_table(
            GivenChunks(plan_table("orders"), broken(), 2),
            storage.staging(run_id("run")),
            on_progress=lambda *_: None,
        )
    assert storage.staging(run_id("run")).files() == []


def test_a_second_attempt_replaces_the_first(tmp_path: Path) -> None:
    storage = new_folder(tmp_path)
    stage(storage, "run", "orders", some_rows(5))
    entry = stage(storage, "run", "orders", some_rows(2))
    assert len(staged_bytes(tmp_path)) == entry.byte_count
    assert json.loads(staged_bytes(tmp_path, "orders.entry.json"))["rowCount"] == 2


def test_a_logged_table_is_told_from_its_start_to_its_end(tmp_path: Path) -> None:
    storage = new_folder(tmp_path)
    told: list[tuple[int, int]] = []
    stream = GivenChunks(plan_table("orders"), [Chunk(b"{}", 1), Chunk(b"{},\n{}", 2)], 3)
    with ExportLog(tmp_path / LOG_FILE, "run", progress_rows=2) as log:
        entry = write_logged_table(
            stream,
            storage.staging(run_id("run")),
            log,
            on_progress=lambda *counts: told.append(counts),
        )
    events, _ = follow_log(tmp_path / LOG_FILE, "run")
    assert [(event.event, event.table, event.rows, event.bytes) for event in events] == [
        ("table_started", "orders", None, None),
        ("progress", "orders", 3, len("[\n{},\n{},\n{}")),
        ("table_written", "orders", 3, entry.byte_count),
    ]
    assert [row_count for row_count, _ in told] == [1, 3]
    assert len(staged_bytes(tmp_path)) == entry.byte_count


def test_a_table_that_breaks_is_not_logged_as_written(tmp_path: Path) -> None:
    stream = GivenChunks(plan_table("orders"), to_chunks(some_rows(2)), 3)
    with ExportLog(tmp_path / LOG_FILE, "run") as log, pytest.raises(ExportFault):
        write_logged_table(
            stream, new_folder(tmp_path).staging(run_id("run")), log, on_progress=lambda *_: None
        )
    events, _ = follow_log(tmp_path / LOG_FILE, "run")
    assert [event.event for event in events] == ["table_started"]
