"""export.log: what a run did and how far it is, one JSON object per line, for programs and for the progress display.

Several processes write to it: a line goes out in one `write` to a file opened with O_APPEND, so lines never mix. It
holds counts and names, and of errors only their message: never a row, never a credential.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import datetime, timezone
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, get_args

from supa_assets.errors import OutputError, SupaAssetsError
from supa_assets.files.folder import Folder, WrongKind
from supa_assets.visible import dump_json

__all__ = ["LOG_FILE", "EventName", "ExportLog", "LogEvent", "follow_log"]

LOG_FILE = "export.log"

EventName = Literal[
    "run_started", "table_started", "progress", "table_written", "table_failed",
    "silence", "published", "run_failed",
]  # fmt: skip

_LONGEST_TEXT = 500
"""UTF-16 code units; as JSON at most 3,000 bytes, so that a line stays below 4 KB."""
_LARGEST_NUMBER = 2**63 - 1


_BLOCK_BYTE_COUNT = 4 * 1024 * 1024


@dataclass(frozen=True)
class LogEvent:
    """One line. What an event doesn't have is left out of the line and None here."""

    time: str
    """ISO 8601 UTC."""
    run_id: str
    event: EventName
    table: str | None = None
    """Asset name."""
    rows: int | None = None
    """Written so far; of `published`, in all tables."""
    bytes: int | None = None
    rows_per_second: float | None = None
    """Since the table was started."""
    estimated_rows: int | None = None
    """Of the planner's statistics."""
    tables: int | None = None
    """How many, of `run_started` and `published`."""
    message: str | None = None
    """Of `table_failed`, `run_failed` and `silence`."""
    strategy: str | None = None
    """How the table was cut, of `table_written`."""


@dataclass
class _TableProgress:
    started: float
    estimated_rows: int | None
    logged_rows: int = 0


class ExportLog:
    """Appends a run's events; may be used from several threads, and by several processes with the same run id."""

    def __init__(self, path: Path, run_id: str, *, progress_rows: int = 1_000) -> None:
        self._path = path
        self._run_id = run_id
        self._progress_rows = progress_rows
        self._tables: dict[str, _TableProgress] = {}
        self._lock = threading.Lock()
        try:
            with Folder.open(path.parent) as folder:
                self._fd = folder.open_shared(path.name, os.O_WRONLY | os.O_APPEND)
        except OSError as error:
            raise self._not_written(error) from error

    def __enter__(self) -> ExportLog:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        os.close(self._fd)

    def run_started(self, table_count: int) -> None:
        self._write("run_started", tables=table_count)

    def table_started(self, table: str, *, estimated_rows: int | None) -> None:
        self._tables[table] = _TableProgress(time.monotonic(), estimated_rows)
        self._write("table_started", table=table, estimated_rows=estimated_rows)

    def progress(self, table: str, row_count: int, byte_count: int) -> None:
        """To be called after each chunk; writes a line if another `progress_rows` rows came together since the last."""
        progress = self._tables[table]
        with self._lock:
            if row_count // self._progress_rows == progress.logged_rows // self._progress_rows:
                return
            progress.logged_rows = row_count
        self._write_table("progress", table, row_count, byte_count)

    def table_written(
        self, table: str, row_count: int, byte_count: int, *, strategy: str | None = None
    ) -> None:
        self._write_table("table_written", table, row_count, byte_count, strategy)

    def table_failed(self, table: str, error: SupaAssetsError) -> None:
        self._write_failure("table_failed", error, table=table)

    def silence(self, message: str) -> None:
        """A connection on which nothing comes any more; a full disk is no reason to stop waiting for it."""
        with suppress(OutputError):
            self._write("silence", message=message[:_LONGEST_TEXT])

    def published(self, *, table_count: int, row_count: int, byte_count: int) -> None:
        self._write("published", tables=table_count, rows=row_count, bytes=byte_count)

    def run_failed(self, error: SupaAssetsError) -> None:
        self._write_failure("run_failed", error)

    def _write_table(
        self,
        event: EventName,
        table: str,
        row_count: int,
        byte_count: int,
        strategy: str | None = None,
    ) -> None:
        progress = self._tables[table]
        elapsed_s = max(time.monotonic() - progress.started, 1e-6)
        self._write(
            event,
            table=table,
            rows=row_count,
            bytes=byte_count,
            rows_per_second=round(row_count / elapsed_s, 1),
            estimated_rows=progress.estimated_rows,
            strategy=strategy,
        )

    def _write_failure(
        self, event: EventName, error: SupaAssetsError, *, table: str | None = None
    ) -> None:
        """The full disk that is being told of may refuse this line, too, and must not hide behind its refusal."""
        with suppress(OutputError):
            self._write(event, table=table, message=_cut(error.message))

    def _write(self, event: EventName, **values: Any) -> None:
        line: dict[str, Any] = {
            "time": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
            "run_id": self._run_id,
            "event": event,
        }
        line.update((name, value) for name, value in values.items() if value is not None)
        data = (dump_json(line) + "\n").encode()
        try:
            os.write(self._fd, data)
        except OSError as error:
            raise self._not_written(error) from error

    def _not_written(self, error: OSError) -> OutputError:
        reason = (error.strerror or str(error)).lower()
        remedy = "free some space and see that this user may write there"
        if isinstance(error, WrongKind):
            reason, remedy = error.message, "move it away"
        return OutputError(
            f'could not write "{self._path}": {reason}',
            hint=f"{remedy}, or name another folder (setting output, or --output-dir).",
            path=str(self._path),
        )


def _cut(text: str) -> str:
    """Where the cut goes through a pair of surrogates, the line has the first of them as its number."""
    units = text.encode("utf-16-le", "surrogatepass")[: 2 * _LONGEST_TEXT]
    return units.decode("utf-16-le", "surrogatepass")


def follow_log(path: Path, run_id: str, offset: int = 0) -> tuple[list[LogEvent], int]:
    """The run's events after byte `offset`, and the offset for the next call.

    A last line without its newline is left for that call; a log that isn't there yet, or isn't a file, has no events;
    one that became shorter is read from its start. At most a few megabytes are read at once, and a line longer than
    that is passed by.
    """
    try:
        with Folder.open(path.parent) as folder, folder.open_file(path.name) as file:
            is_shorter = os.fstat(file.fileno()).st_size < offset
            file.seek(0 if is_shorter else offset)
            data = file.read(_BLOCK_BYTE_COUNT)
    except (FileNotFoundError, WrongKind):
        return [], 0
    complete = data[: data.rfind(b"\n") + 1]
    if not complete and len(data) == _BLOCK_BYTE_COUNT:
        complete = data
    events = [_parse(line) for line in complete.splitlines()]
    return (
        [event for event in events if event is not None and event.run_id == run_id],
        (0 if is_shorter else offset) + len(complete),
    )


_TEXT = frozenset({"time", "run_id", "event", "table", "message", "strategy"})
_NUMBERS = frozenset(field.name for field in fields(LogEvent)) - _TEXT


def _parse(line: bytes) -> LogEvent | None:
    """None for what is no event of this version: another's, or a line that a full disk cut short."""
    try:
        values = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(values, Mapping) or values.get("event") not in get_args(EventName):
        return None
    known = {name: value for name, value in values.items() if _fits(name, value)}
    return LogEvent(**known) if {"time", "run_id"} <= known.keys() else None


def _fits(name: str, value: object) -> bool:
    if name in _TEXT:
        return isinstance(value, str) and len(value) <= _LONGEST_TEXT
    is_number = name in _NUMBERS and not isinstance(value, bool)
    return is_number and isinstance(value, (int, float)) and 0 <= value <= _LARGEST_NUMBER
