"""Write a table's stream as a staged file, and say what was written: nothing here is done per row."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Generator, Iterator
from datetime import datetime, timezone
from typing import Protocol

from supa_assets.errors import ExportFault
from supa_assets.files.export_log import ExportLog
from supa_assets.files.layout import RowWriter
from supa_assets.files.metadata import ColumnEntry, SnapshotEntry, TableEntry
from supa_assets.files.staged_entries import stage_entry
from supa_assets.files.storage import FileWriter, Staging
from supa_assets.plan.export_plan import PlannedTable
from supa_assets.stream.table_stream import Chunk

__all__ = ["ChunkStream", "OnProgress", "write_logged_table", "write_table"]

OnProgress = Callable[[int, int], None]
"""Called after each chunk with the rows and bytes written so far."""


class ChunkStream(Protocol):
    """What `write_table` wants of a `TableStream`."""

    @property
    def table(self) -> PlannedTable: ...
    @property
    def snapshot(self) -> SnapshotEntry: ...
    @property
    def strategy(self) -> str | None: ...
    def source_row_count(self) -> int: ...
    def columns(self) -> list[ColumnEntry]: ...
    def __iter__(self) -> Iterator[Chunk]: ...


def write_table(stream: ChunkStream, staging: Staging, *, on_progress: OnProgress) -> TableEntry:
    """Stage the table's file and its entry; raises ExportFault, staging nothing, if the source counts other rows."""
    started = time.monotonic()
    table = stream.table
    source_row_count = stream.source_row_count()
    with staging.write(table.file) as file:
        digest = _DigestedFile(file)
        row_count = _write_rows(stream, digest, on_progress)
        _refuse_other_row_count(table, source_row_count, row_count)
    entry = TableEntry(
        name=table.name,
        schema_name=table.relation.schema_name,
        table=table.relation.name,
        file=table.file,
        row_count=row_count,
        source_row_count=source_row_count,
        byte_count=digest.byte_count,
        sha256=digest.hexdigest(),
        columns=stream.columns(),
        omitted_columns=table.rows.omitted_columns,
        primary_key=table.primary_key,
        ordered_by=table.ordered_by,
        strategy=stream.strategy,
        references=table.references,
        snapshot=stream.snapshot,
        exported_at=datetime.now(timezone.utc).isoformat(timespec="microseconds"),
        duration_ms=round((time.monotonic() - started) * 1000),
        run_id=staging.run_id,
    )
    stage_entry(staging, entry)
    return entry


def write_logged_table(
    stream: ChunkStream, staging: Staging, log: ExportLog, *, on_progress: OnProgress
) -> TableEntry:
    """`write_table`, told in export.log while it goes on."""
    table = stream.table
    log.table_started(table.name, estimated_rows=table.statistics.estimated_row_count)

    def tell(row_count: int, byte_count: int) -> None:
        log.progress(table.name, row_count, byte_count)
        on_progress(row_count, byte_count)

    entry = write_table(stream, staging, on_progress=tell)
    log.table_written(table.name, entry.row_count, entry.byte_count, strategy=entry.strategy)
    return entry


class _DigestedFile:
    """Counts and hashes what passes through."""

    def __init__(self, file: FileWriter) -> None:
        self._file = file
        self._sha256 = hashlib.sha256()
        self.byte_count = 0

    def write(self, data: bytes, /) -> None:
        self._file.write(data)
        self._sha256.update(data)
        self.byte_count += len(data)

    def hexdigest(self) -> str:
        return self._sha256.hexdigest()


def _write_rows(stream: ChunkStream, file: _DigestedFile, on_progress: OnProgress) -> int:
    row_count, rows = 0, RowWriter(file)
    chunks = iter(stream)
    try:
        for chunk in chunks:
            rows.add(chunk.data)
            row_count += chunk.row_count
            del chunk  # or it would be held until the next one is there
            on_progress(row_count, file.byte_count)
    finally:
        if isinstance(chunks, Generator):
            chunks.close()  # what the source is still doing for it ends now, not with the error's traceback
    rows.end()
    return row_count


def _refuse_other_row_count(table: PlannedTable, expected: int, found: int) -> None:
    if expected != found:
        raise ExportFault(
            f'row count of "{table.relation}" differs: the source\'s count(*) says {expected},'
            f" the stream held {found}",
            hint="export the table again; if it differs again, please report it with the table's"
            " definition.",
            relation=table.relation,
            path=table.file,
            expected=expected,
            found=found,
        )
