"""Compare the files with what metadata.json says of them. Every fault is listed, each with what was expected and found.

A fault is what the files say; an error is what kept this module from looking (a broken metadata.json, no permission),
and is raised. One pass over a file gives its size, its SHA-256 and the number of its complete rows, without parsing.
The hole: a file that was changed together with its entry is found only by `full`, and only where the change is no
longer JSON, or no longer fits the columns.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, BinaryIO, Literal

from supa_assets.errors import ExportFault
from supa_assets.files.completeness import list_losses
from supa_assets.files.import_order import name_references
from supa_assets.files.layout import ARRAY, RowCounter
from supa_assets.files.metadata import METADATA_FILE, ColumnEntry, ExportMetadata, TableEntry
from supa_assets.files.publish import require_metadata
from supa_assets.files.storage import Files, Storage
from supa_assets.files.table_rows import TableRows
from supa_assets.visible import one_line

__all__ = ["Fault", "find_unfinished_publications", "verify_export", "verify_table"]

What = Literal[
    "file", "byte count", "sha256", "layout", "row count", "source row count", "event row count",
    "rows", "import order", "unknown file", "publication", "not exported",
]  # fmt: skip

_BLOCK_BYTE_COUNT = 1024 * 1024


@dataclass(frozen=True)
class Fault:
    """One thing that isn't as metadata.json says."""

    table: str | None
    """Asset name; None for what concerns the export as a whole."""
    what: What
    expected: object
    found: object
    message: str

    def __post_init__(self) -> None:
        """It quotes names, of which none begins a line of its own."""
        object.__setattr__(self, "message", one_line(self.message))


def verify_export(storage: Storage, *, full: bool = False) -> list[Fault]:
    """All faults of what is published; empty for a whole export. `full` also parses every row.

    What the export was to hold and lacks comes first ("not exported"), then what is wrong with its files.

    Raises ExportFault where there is no metadata.json, or none that this version can read.
    """
    while True:
        metadata = require_metadata(storage)
        faults = [*_find_losses(metadata), *_find_faults(storage, metadata, full=full)]
        # A publication in between has replaced files that were still to be compared: look again, at the new export.
        if not faults or require_metadata(storage) == metadata:
            return faults


def find_unfinished_publications(storage: Storage) -> list[Fault]:
    """Every reader of this package sees the export as it is decided; a program that copies the folder does not."""
    return [
        Fault(
            None,
            "publication",
            "finished",
            run_id,
            f'the publication of run "{run_id}" was interrupted: a copy of the folder would be a mixture'
            " (`supa-assets verify --recover`, or the next export, finishes it)",
        )
        for run_id in storage.unfinished_runs()
    ]


def verify_table(
    files: Files, entry: TableEntry, *, event_row_count: int | None = None, full: bool = False
) -> list[Fault]:
    """All faults of one table's file; `event_row_count` is the materialization's."""
    try:
        found = _measure(files, entry.file)
    except ExportFault as error:
        return [Fault(entry.name, "file", entry.file, None, error.message)]
    faults = [
        *_compare_bytes(entry, found),
        *_check_layout(entry, found.rows),
        *_compare_row_counts(entry, found.rows.row_count, event_row_count),
    ]
    if full:
        faults += _check_rows(TableRows(files, entry))
    return faults


@dataclass(frozen=True)
class _Measure:
    """What one pass over a file tells."""

    byte_count: int
    sha256: str
    rows: RowCounter


def _measure(files: Files, file: str) -> _Measure:
    sha256 = hashlib.sha256()
    byte_count, rows = 0, RowCounter()
    with files.open(file) as opened, ThreadPoolExecutor(max_workers=1) as hashing:
        hashed = hashing.submit(sha256.update, b"")
        for block in _blocks(opened):
            hashed.result()
            hashed = hashing.submit(sha256.update, block)  # beside the counting: it holds no lock
            rows.add(block)
            byte_count += len(block)
    return _Measure(byte_count, sha256.hexdigest(), rows)


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    while block := file.read(_BLOCK_BYTE_COUNT):
        yield block


def _compare_bytes(entry: TableEntry, found: _Measure) -> Iterator[Fault]:
    if found.byte_count != entry.byte_count:
        yield _differs(entry, "byte count", entry.byte_count, found.byte_count)
    if found.sha256 != entry.sha256:
        yield _differs(entry, "sha256", entry.sha256, found.sha256)


def _check_layout(entry: TableEntry, rows: RowCounter) -> Iterator[Fault]:
    for broken in rows.find_faults():
        message = f'layout of "{entry.file}" is broken: {broken.reason}'
        yield Fault(entry.name, "layout", broken.expected, broken.found, message)


def _compare_row_counts(
    entry: TableEntry, found: int, event_row_count: int | None
) -> Iterator[Fault]:
    source, event = entry.source_row_count, event_row_count
    if found != entry.row_count:
        yield _differs(entry, "row count", entry.row_count, found)
    if found != source:
        said_by = "the source's count(*)"
        yield _differs(entry, "source row count", source, found, said_by=said_by)
    if event is not None and found != event:
        yield _differs(entry, "event row count", event, found, said_by="the materialization")


def _differs(
    entry: TableEntry, what: What, expected: object, found: object, *, said_by: str = METADATA_FILE
) -> Fault:
    message = (
        f'{what} of "{entry.relation}" differs: {said_by} says {expected},'
        f" the file {'holds' if what.endswith('row count') else 'has'} {found}"
    )
    return Fault(entry.name, what, expected, found, message)


# Full


def _check_rows(rows: TableRows) -> list[Fault]:
    """Parse every row: its keys are the columns in order, its values fit their encodings. Never shows a value."""
    expected = [column.name for column in rows.columns]
    fits = [(column, _FITS.get(column.encoding, _fits_anything)) for column in rows.columns]
    misfits: Counter[str] = Counter()
    other_keys = 0
    faults = []
    try:
        for row in rows:
            if list(row) != expected:
                other_keys += 1
                continue
            misfits.update(column.name for column, fit in fits if not fit(row[column.name]))
    except ExportFault as error:
        faults.append(Fault(rows.name, "rows", error.expected, error.found, error.message))
    if other_keys:
        message = (
            f'columns of "{rows.entry.relation}" differ: {other_keys} rows of the file have other keys than'
            " metadata.json has columns, or in another order"
        )
        faults.append(Fault(rows.name, "rows", expected, other_keys, message))
    return faults + [
        _misfit(rows.entry, column, misfits[column.name])
        for column in rows.columns
        if misfits[column.name]
    ]


def _misfit(entry: TableEntry, column: ColumnEntry, count: int) -> Fault:
    message = (
        f'column "{column.name}" of "{entry.relation}" differs: metadata.json says encoding'
        f' "{column.encoding}", {count} rows of the file hold another JSON type'
    )
    return Fault(entry.name, "rows", column.encoding, count, message)


def _fits_type(*types: type) -> Callable[[Any], bool]:
    return lambda value: value is None or isinstance(value, types)


def _fits_number(value: Any) -> bool:
    """JSON has no word for these three: PostgreSQL writes them as strings."""
    is_number = isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)
    return value is None or is_number or value in ("NaN", "Infinity", "-Infinity")


def _fits_anything(_: Any) -> bool:
    return True


_FITS: Mapping[str, Callable[[Any], bool]] = {
    "boolean": _fits_type(bool),
    "number": _fits_number,
    "string": _fits_type(str),
    "base64": _fits_type(str),
    "timestamp": _fits_type(str),
    "array": _fits_type(list),
    "text-array": _fits_type(list),
    "object": _fits_type(dict),
}
"""By encoding; `json`, and what a newer minor version may have added, holds anything."""


# The whole


def _find_losses(metadata: ExportMetadata) -> Iterator[Fault]:
    """Tables that were asked for and could not be exported: no file shows them, so metadata.json has to."""
    exported = {entry.relation: name for name, entry in metadata.tables.items()}
    for entry in list_losses(metadata):
        name = exported.get(entry.relation)
        said = "is not in the export" if name is None else "is of an earlier run than the latest"
        message = f'"{entry.relation}" {said}: {entry.reason}'
        yield Fault(name, "not exported", str(entry.relation), entry.reason, message)


def _find_faults(storage: Storage, metadata: ExportMetadata, *, full: bool) -> Iterator[Fault]:
    for entry in metadata.tables.values():
        yield from verify_table(storage, entry, full=full)
    yield from _find_unknown_files(storage, metadata)
    yield from _check_import_order(metadata)


def _find_unknown_files(storage: Storage, metadata: ExportMetadata) -> Iterator[Fault]:
    """A program that takes every `*.json` of the folder would take these, too, and nothing vouches for them."""
    known = {entry.file for entry in metadata.tables.values()} | {METADATA_FILE}
    for file in storage.published_files():
        if file.endswith(ARRAY.suffix) and file not in known:
            shown = file.encode(errors="backslashreplace").decode()  # a name may be any bytes
            message = f'file "{shown}" is not in metadata.json: nothing says what it holds'
            yield Fault(None, "unknown file", None, shown, message)


def _check_import_order(metadata: ExportMetadata) -> Iterator[Fault]:
    """A table comes after those that it references."""
    place = {position.table: index for index, position in enumerate(metadata.import_order)}
    for child, parent in _honoured_references(metadata):
        if place[parent] > place[child]:
            message = f'import order differs: "{parent}" should come before "{child}"'
            yield Fault(child, "import order", parent, child, message)


def _honoured_references(metadata: ExportMetadata) -> Iterator[tuple[str, str]]:
    """Each child with its parent."""
    broken = {(reference.table, reference.constraint) for reference in metadata.broken_references}
    for child, references in name_references(metadata.tables).items():
        for reference in references:
            if (child, reference.constraint) not in broken:
                yield child, reference.referenced
