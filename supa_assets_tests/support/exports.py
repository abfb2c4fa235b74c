"""Small real exports for the tests of files: rows in, a written and published folder out."""

from __future__ import annotations

import io
import json
import os
import signal
import sys
import traceback
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from supa_assets.export.write import write_table
from supa_assets.files.local_folder import LocalFolder
from supa_assets.files.metadata import (
    ColumnEntry,
    ExportMetadata,
    ReferenceEntry,
    ServerEntry,
    SnapshotEntry,
    SourceEntry,
    TableEntry,
)
from supa_assets.files.publish import publish_run
from supa_assets.files.storage import Storage
from supa_assets.naming import Relation
from supa_assets.plan.export_plan import ExportPlan, PlannedTable, TableStatistics
from supa_assets.plan.row_shape import RowShape, ShapedColumn
from supa_assets.stream.table_stream import Chunk

Rows = Sequence[Mapping[str, Any]]

SOURCE = SourceEntry(host="db.example.com", port=5432, database="postgres")
SERVER = ServerEntry(version="18.1", version_number=180001)
SESSION = {"TimeZone": "UTC"}
COLUMNS = (
    ColumnEntry(name="id", type="integer", encoding="number", nullable=False),
    ColumnEntry(name="name", type="text", encoding="string", nullable=True),
)


def plan_table(
    name: str,
    *,
    columns: Sequence[ColumnEntry] = COLUMNS,
    references: Iterable[str] = (),
    table: str | None = None,
) -> PlannedTable:
    """A table of `public`, with its first column as its key; `references` are tables of `public`, too."""
    key = [column.name for column in columns[:1]]
    return PlannedTable(
        name=name,
        file=f"{name}.json",
        level=0,
        depends_on=[],
        rows=RowShape(
            relation=Relation("public", table or name),
            is_partitioned=False,
            columns=[ShapedColumn(entry=column) for column in columns],
        ),
        primary_key=key,
        ordered_by=key,
        references=[
            ReferenceEntry(
                constraint=f"{name}_{target}_fkey",
                columns=key,
                schema_name="public",
                table=target,
                referenced_columns=["id"],
            )
            for target in references
        ],
        is_large=False,
        comment=None,
        statistics=TableStatistics(estimated_row_count=None, byte_count=0),
    )


class GivenChunks:
    """A stream whose server is the test."""

    strategy = None
    snapshot = SnapshotEntry(id="00000003-0000001B-1", time="2026-01-02T03:04:05.123456+00:00")

    def __init__(self, table: PlannedTable, chunks: Iterable[Chunk], source_row_count: int) -> None:
        self.table = table
        self._chunks = chunks
        self._source_row_count = source_row_count

    def source_row_count(self) -> int:
        return self._source_row_count

    def columns(self) -> list[ColumnEntry]:
        return [column.entry for column in self.table.rows.columns]

    def __iter__(self) -> Iterator[Chunk]:
        return iter(self._chunks)


def to_chunks(rows: Rows, chunk_row_count: int = 2) -> list[Chunk]:
    lines = [json.dumps(row, ensure_ascii=False).encode() for row in rows]
    parts = [lines[i : i + chunk_row_count] for i in range(0, len(lines), chunk_row_count)]
    return [Chunk(b",\n".join(part), len(part)) for part in parts]


def some_rows(count: int, name: str = "row") -> Rows:
    return [{"id": number, "name": f"{name} {number}"} for number in range(count)]


def run_id(name: str) -> str:
    """The id of a run that a test calls so: always the same one. An id is itself."""
    try:
        return str(uuid.UUID(name))
    except ValueError:
        return str(uuid.uuid5(uuid.NAMESPACE_OID, name))


def stage(storage: Storage, run: str, table: PlannedTable | str, rows: Rows) -> TableEntry:
    planned = plan_table(table) if isinstance(table, str) else table
    stream = GivenChunks(planned, to_chunks(rows), len(rows))
    return write_table(stream, storage.staging(run_id(run)), on_progress=lambda *_: None)


def publish(
    storage: Storage, run: str, *, replaces_all: bool = False, source: SourceEntry = SOURCE
) -> ExportMetadata:
    return publish_run(
        storage.staging(run_id(run)),
        source=source,
        server=SERVER,
        session=SESSION,
        kept=() if replaces_all else None,
    )


def export(
    storage: Storage, run: str, tables: Mapping[str, Rows], *, replaces_all: bool = False
) -> ExportMetadata:
    for name, rows in tables.items():
        stage(storage, run, name, rows)
    return publish(storage, run, replaces_all=replaces_all)


def new_folder(path: Path) -> LocalFolder:
    storage = LocalFolder(path)
    storage.prepare()
    return storage


def read_files(folder: Path) -> dict[str, bytes]:
    """Every visible file with its bytes."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def edit(path: Path, change: Callable[[bytes], bytes]) -> None:
    path.write_bytes(change(path.read_bytes()))


# Processes


def run_forked(action: Callable[[], object]) -> int:
    """The exit status of a forked process that did `action`: 0, 1 for an exception, or minus the signal's number."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            action()
            status = 0
        except BaseException:  # noqa: BLE001  # the parent's pytest must not run on in the child
            traceback.print_exc()
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def dying_at(
    call: int, action: Callable[[], object], *, only: str | None = None
) -> Callable[[], None]:
    """`action`, killed just before its `call`-th call into the operating system, or its `call`-th of `only`."""

    def count_and_die() -> None:
        calls = 0

        def profile(_frame: object, event: str, function: object) -> None:
            nonlocal calls
            if event == "c_call" and is_system_call(function, only):
                calls += 1
                if calls == call:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.setprofile(profile)
        action()
        sys.setprofile(None)

    return count_and_die


def is_system_call(function: object, only: str | None = None) -> bool:
    """Whether a C function goes into the operating system: any, or the one of that name."""
    if only is not None and getattr(function, "__name__", None) != only:
        return False
    is_of_file = isinstance(getattr(function, "__self__", None), io.IOBase)
    return is_of_file or getattr(function, "__module__", None) in ("posix", "fcntl", "io", "_io")


def plan_export_of(*tables: PlannedTable) -> ExportPlan:
    """A plan of these tables, in this order."""
    return ExportPlan(
        source=SOURCE,
        server=SERVER,
        read_at="2026-01-01T00:00:00+00:00",
        tables=list(tables),
        broken_references=[],
    )
