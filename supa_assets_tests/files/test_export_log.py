from __future__ import annotations

import json
import multiprocessing
import stat
from pathlib import Path

import pytest

from supa_assets.errors import OutputError, SourceError
from supa_assets.files.export_log import LOG_FILE, ExportLog, LogEvent, follow_log
from supa_assets_tests.support.disks import fill


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / LOG_FILE


def test_a_run_is_told_line_by_line(path: Path) -> None:
    with ExportLog(path, "run") as log:
        log.run_started(2)
        log.table_started("orders", estimated_rows=2_000)
        log.progress("orders", 1_500, 90_000)
        log.table_written("orders", 2_000, 120_000)
        log.silence("no answer for 10 s")
        log.table_started("users", estimated_rows=None)
        log.table_failed("users", SourceError("the server went away", hint="try again"))
        log.published(table_count=1, row_count=2_000, byte_count=120_000)
        log.run_failed(SourceError("1 table failed"))
    events, offset = follow_log(path, "run")
    assert offset == path.stat().st_size
    assert [
        (e.event, e.table, e.rows, e.bytes, e.estimated_rows, e.tables, e.message) for e in events
    ] == [
        ("run_started", None, None, None, None, 2, None),
        ("table_started", "orders", None, None, 2_000, None, None),
        ("progress", "orders", 1_500, 90_000, 2_000, None, None),
        ("table_written", "orders", 2_000, 120_000, 2_000, None, None),
        ("silence", None, None, None, None, None, "no answer for 10 s"),
        ("table_started", "users", None, None, None, None, None),
        ("table_failed", "users", None, None, None, None, "the server went away"),
        ("published", None, 2_000, 120_000, None, 1, None),
        ("run_failed", None, None, None, None, None, "1 table failed"),
    ]
    assert all(event.rows_per_second for event in events if event.rows and event.table)
    assert all(event.time.endswith("+00:00") and event.run_id == "run" for event in events)


def test_the_log_is_private(path: Path) -> None:
    ExportLog(path, "run").close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_progress_is_told_whenever_so_many_rows_came_together(path: Path) -> None:
    with ExportLog(path, "run", progress_rows=1_000) as log:
        log.table_started("orders", estimated_rows=None)
        for row_count in (400, 999, 1_000, 1_001, 1_999, 5_300, 5_999, 6_000):
            log.progress("orders", row_count, 0)
    assert [e.rows for e in follow_log(path, "run")[0] if e.event == "progress"] == [
        1_000,
        5_300,
        6_000,
    ]


@pytest.mark.parametrize("character", ["x", '"', "\0", "\N{GRINNING FACE}", "\ud800", "\n"])
def test_a_line_stays_below_4_kib_whatever_the_message(path: Path, character: str) -> None:
    with ExportLog(path, "r" * 36) as log:
        log.table_started("t" * 170, estimated_rows=None)
        log.table_failed("t" * 170, SourceError(character * 10_000))
        log.table_started("next", estimated_rows=None)
    assert [len(line) < 4096 for line in path.read_bytes().splitlines()] == [True] * 3
    assert [event.table for event in follow_log(path, "r" * 36)[0]] == ["t" * 170] * 2 + ["next"]


def test_a_partial_last_line_waits_for_its_end(path: Path) -> None:
    with ExportLog(path, "run") as log:
        log.run_started(1)
        log.run_started(2)
    data = path.read_bytes()
    path.write_bytes(data[:-5])
    events, offset = follow_log(path, "run")
    assert [event.tables for event in events] == [1]
    path.write_bytes(data)
    events, offset = follow_log(path, "run", offset)
    assert [event.tables for event in events] == [2]
    assert follow_log(path, "run", offset) == ([], len(data))


def test_only_the_runs_own_events_of_this_version_are_followed(path: Path) -> None:
    with ExportLog(path, "other") as log:
        log.run_started(1)
    with path.open("a") as file:
        file.write('half a line {"event"\n[]\n{"event": "danced", "run_id": "run", "time": ""}\n')
    with ExportLog(path, "run") as log:
        log.run_started(2)
    with path.open("a") as file:
        later = {"event": "run_started", "run_id": "run", "time": "t", "tables": 3, "new": 1}
        file.write(json.dumps(later) + "\n")
    events, _ = follow_log(path, "run")
    assert [event.tables for event in events] == [2, 3]
    assert events[1] == LogEvent("t", "run", "run_started", tables=3)


def test_lines_that_no_run_wrote_are_passed_by(path: Path) -> None:
    start: dict[str, object] = {"event": "progress", "run_id": "run", "time": "t", "table": "a"}
    wrong: list[dict[str, object]] = [
        {"rows": "5"}, {"rows": -1}, {"rows": 2**63}, {"rows": True}, {"rows": None}, {"bytes": [1]},
        {"rows_per_second": float("nan")}, {"rows_per_second": 1e400}, {"message": 5}, {"table": "x" * 10_000},
    ]  # fmt: skip
    broken = [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"\xff\xfe",
        b"7" * 5_000,
        b'{"event": []}',
        b"\0",
    ]
    lines = [json.dumps(start | more).encode() for more in wrong]
    lines += [json.dumps(start | {name: 5}).encode() for name in ("run_id", "time", "event")]
    path.write_bytes(b"\n".join([*broken, *lines]) + b"\n")
    events, offset = follow_log(path, "run")
    assert offset == path.stat().st_size
    assert len(events) == len(wrong)
    assert {(e.rows, e.bytes, e.rows_per_second, e.message) for e in events} == {(None,) * 4}
    assert {event.table for event in events} == {"a", None}


def test_a_line_without_end_is_passed_by_and_never_held_whole(path: Path) -> None:
    block = 4 * 1024 * 1024
    with path.open("wb") as file:
        file.truncate(3 * block)
        file.seek(0, 2)
        file.write(b"\n")
    offset, steps = 0, []
    while offset < path.stat().st_size:
        events, offset = follow_log(path, "run", offset)
        assert events == []
        steps.append(offset)
    assert steps == [block, 2 * block, 3 * block, 3 * block + 1]


def test_a_log_that_is_not_there_has_no_events(path: Path) -> None:
    assert follow_log(path, "run") == ([], 0)


def test_a_log_that_was_replaced_is_read_from_its_start(path: Path) -> None:
    with ExportLog(path, "run") as log:
        log.run_started(1)
    events, _ = follow_log(path, "run", 1_000_000)
    assert len(events) == 1


def _write_many(path: Path, writer: int) -> None:
    with ExportLog(path, "run", progress_rows=1) as log:
        log.table_started(f"table_{writer}" + "x" * 150, estimated_rows=1)
        for row_count in range(1, 501):
            log.progress(f"table_{writer}" + "x" * 150, row_count, 0)


def test_lines_of_several_processes_do_not_mix(path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write_many, args=(path, writer)) for writer in range(4)]
    for process in writers:
        process.start()
    for process in writers:
        process.join()
    assert len([json.loads(line) for line in path.read_bytes().splitlines()]) == 4 * 501
    assert len(follow_log(path, "run")[0]) == 4 * 501


def test_a_folder_that_is_not_there_is_an_output_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="no such file or directory"):
        ExportLog(tmp_path / "nowhere" / LOG_FILE, "run")


def test_a_full_disk_is_told_but_never_hides_the_failure_being_told(small_disk: Path) -> None:
    with ExportLog(small_disk / LOG_FILE, "run") as log:
        fill(small_disk)
        with pytest.raises(OutputError, match="no space left on device"):
            log.run_started(1)
        log.run_failed(OutputError("the disk is full"))
