"""Live progress of a run, read from its export.log: so it is the same whatever process writes the tables."""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from supa_assets.cli.report import build_console, format_bytes, format_number_of
from supa_assets.files.export_log import LogEvent, follow_log

__all__ = ["ProgressDisplay"]

_POLL_S = 0.1
_PLAIN_INTERVAL_S = 5.0


class ProgressDisplay:
    """A context in which a run is shown: bars on a terminal, plain lines elsewhere; all on stderr.

    It writes to a duplicate of stderr, since Dagster redirects the process's own one into the run's compute log.
    """

    def __init__(self, log_path: Path, run_id: str, *, table_count: int) -> None:
        self._log_path = log_path
        self._offset = log_path.stat().st_size if log_path.exists() else 0
        self._run_id = run_id
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="progress", daemon=True)
        self._stderr = os.fdopen(os.dup(sys.stderr.fileno()), "w", encoding="utf-8")
        console = build_console(self._stderr)
        self._view: _Bars | _Lines = (
            _Bars(console, table_count) if console.is_terminal else _Lines(console, table_count)
        )

    def __enter__(self) -> ProgressDisplay:
        self._view.begin()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()
        self._view.end()
        self._stderr.close()

    def _follow(self) -> None:
        is_ended = False
        while not is_ended:
            is_ended = self._ended.wait(_POLL_S)
            events, self._offset = follow_log(self._log_path, self._run_id, self._offset)
            for event in events:
                self._view.show(event)


class _Bars:
    """One bar for all tables, one for the table at work."""

    def __init__(self, console: Console, table_count: int) -> None:
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=30),
            _Amount(),
            TimeRemainingColumn(compact=True),
            console=console,
            transient=True,
        )
        self._all = self._progress.add_task("all tables", total=table_count, is_overall=True)
        self._tables: dict[str, TaskID] = {}
        self._done: set[str] = set()

    def begin(self) -> None:
        self._progress.start()

    def end(self) -> None:
        self._progress.stop()

    def show(self, event: LogEvent) -> None:
        if event.event == "silence":
            self._progress.console.print(f"warning: {event.message}", soft_wrap=True)
        if event.table is None:
            return
        if event.event == "table_started":
            self._tables[event.table] = self._progress.add_task(
                event.table, total=event.estimated_rows, is_overall=False
            )
        elif event.event == "progress" and event.table in self._tables:
            task = self._tables[event.table]
            total = self._progress.tasks[self._progress.task_ids.index(task)].total
            rows = event.rows or 0
            # An estimate that the rows have passed says nothing any more.
            known_total = total if total is not None and rows <= total else None
            self._progress.update(task, completed=rows, total=known_total)
        elif event.event in {"table_written", "table_failed"}:
            if event.table in self._tables:
                self._progress.remove_task(self._tables.pop(event.table))
            self._done.add(event.table)  # a written table fails when its check does
            self._progress.update(self._all, completed=len(self._done))


class _Amount(ProgressColumn):
    """`3/25` for all tables; rows and rows per second for one."""

    def __init__(self) -> None:
        super().__init__()
        self._of_tables = MofNCompleteColumn()

    def render(self, task: Task) -> Text:
        if task.fields["is_overall"]:
            return self._of_tables.render(task)
        rate = f"  {task.speed:,.0f} rows/s" if task.speed else ""
        return Text(f"{int(task.completed):,} rows{rate}")


class _Lines:
    """A line for each table, and now and then one for a table that takes long."""

    def __init__(self, console: Console, table_count: int) -> None:
        self._console = console
        self._table_count = table_count
        self._done: set[str] = set()
        self._said_at = time.monotonic()

    def begin(self) -> None:
        pass

    def end(self) -> None:
        pass

    def show(self, event: LogEvent) -> None:
        amount = f"{format_number_of(event.rows, 'row')}, {format_bytes(event.bytes)}"
        if event.event == "progress" and time.monotonic() - self._said_at > _PLAIN_INTERVAL_S:
            left = _time_left(event)
            self._say(
                f"{event.table}: {amount} so far, {event.rows_per_second or 0:,.0f} rows/s{left}"
            )
        elif event.table and event.event in {"table_written", "table_failed"}:
            self._done.add(event.table)  # a written table fails when its check does
            said = amount if event.event == "table_written" else "failed"
            self._say(f"[{len(self._done)}/{self._table_count}] {event.table}: {said}")
        elif event.event == "silence":
            self._say(f"warning: {event.message}")

    def _say(self, line: str) -> None:
        self._said_at = time.monotonic()
        self._console.print(line, soft_wrap=True)


def _time_left(event: LogEvent) -> str:
    if not event.estimated_rows or not event.rows_per_second or event.rows is None:
        return ""
    seconds = (event.estimated_rows - event.rows) / event.rows_per_second
    return f", about {seconds:.0f} s left" if seconds > 0 else ""
