"""Compare the files with what metadata.json says of them. Every fault is listed, each with what was expected and found.

A fault is what the files say; an error is what kept this module from looking (a broken metadata.json, no permission),
and is raised. One pass over a file gives its size, its SHA-256, and, since rows lie one to a line, its rows: complete
ones are counted by the separators between them, without parsing. The hole: a file that was changed together with its
entry is found only by `full`, and only where the change is no longer JSON, or no longer fits the columns.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, BinaryIO, Literal

from supa_assets.errors import ExportFault
from supa_assets.files.metadata import METADATA_FILE, ColumnEntry, ExportMetadata, TableEntry
from supa_assets.files.publish import read_metadata
from supa_assets.files.rows import TableRows
from supa_assets.files.storage import Storage

__all__ = ["Fault", "verify_export", "verify_table"]

What = Literal[
    "file", "byte count", "sha256", "layout", "row count", "source row count", "event row count",
    "rows", "import order", "unknown file",
]  # fmt: skip

_BLOCK_BYTE_COUNT = 1024 * 1024
_SEPARATOR = b"},\n{"
_EMPTY = b"[]\n"
_START = b"[\n{"
_END = b"}\n]\n"
_LINES_AROUND_ROWS = 3
"""Newlines that separate no rows: after `[`, after the last row, after `]`."""


@dataclass(frozen=True)
class Fault:
    """One thing that isn't as metadata.json says."""

    table: str | None
    """Asset name; None for what concerns the export as a whole."""
    what: What
    expected: object
    found: object
    message: str


def verify_export(storage: Storage, *, full: bool = False) -> list[Fault]:
    """All faults of what is published; empty for a whole export. `full` also parses every row.

    Raises ExportFault where there is no metadata.json, or none that this version can read.
    """
    while True:
        metadata = _require_metadata(storage)
        faults = list(_find_faults(storage, metadata, full=full))
        # A publication in between has replaced files that were still to be compared: look again, at the new export.
        if not faults or _require_metadata(storage) == metadata:
            return faults


def verify_table(
    storage: Storage,
    name: str,
    entry: TableEntry,
    *,
    run_id: str | None = None,
    event_row_count: int | None = None,
    full: bool = False,
) -> list[Fault]:
    """All faults of one table's file, staged by `run_id` or published; `event_row_count` is the materialization's."""
    try:
        found = _measure(storage, entry.file, run_id)
    except ExportFault as error:
        return [Fault(name, "file", entry.file, None, error.message)]
    faults = [
        *_compare_bytes(name, entry, found),
        *_check_layout(name, entry, found),
        *_compare_row_counts(name, entry, found.row_count, event_row_count),
    ]
    if full:
        faults += _check_rows(name, TableRows(storage, name, entry, run_id))
    return faults


@dataclass(frozen=True)
class _Measure:
    """What one pass over a file tells."""

    byte_count: int
    sha256: str
    start: bytes
    end: bytes
    newline_count: int
    separator_count: int

    @property
    def is_empty_array(self) -> bool:
        return self.byte_count == len(_EMPTY) and self.start == _EMPTY

    @property
    def row_count(self) -> int:
        """Complete rows: each separator ends one, and so does the array's end."""
        return self.separator_count + (self.end == _END)


def _measure(storage: Storage, file: str, run_id: str | None) -> _Measure:
    sha256 = hashlib.sha256()
    byte_count = newline_count = separator_count = 0
    start = end = b""
    overlap = len(_SEPARATOR) - 1
    with storage.open(file, run_id) as opened, ThreadPoolExecutor(max_workers=1) as hashing:
        hashed = hashing.submit(sha256.update, b"")
        for block in _blocks(opened):
            hashed.result()
            hashed = hashing.submit(sha256.update, block)  # beside the counting: it holds no lock
            newline_count += _count_newlines(block)
            across = end[-overlap:] + block[:overlap]
            separator_count += block.count(_SEPARATOR) + across.count(_SEPARATOR)
            start = (start + block[: len(_START)])[: len(_START)]
            end = (end + block[-len(_END) :])[-len(_END) :]
            byte_count += len(block)
    return _Measure(byte_count, sha256.hexdigest(), start, end, newline_count, separator_count)


def _count_newlines(block: bytes) -> int:
    """`replace` looks for a single byte with memchr, which `count` does not: a sixth of the time."""
    return len(block) - len(block.replace(b"\n", b""))


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    while block := file.read(_BLOCK_BYTE_COUNT):
        yield block


def _compare_bytes(name: str, entry: TableEntry, found: _Measure) -> Iterator[Fault]:
    if found.byte_count != entry.byte_count:
        yield _differs(name, entry, "byte count", entry.byte_count, found.byte_count)
    if found.sha256 != entry.sha256:
        yield _differs(name, entry, "sha256", entry.sha256, found.sha256)


def _check_layout(name: str, entry: TableEntry, found: _Measure) -> Iterator[Fault]:
    """Of the bytes only what is expected is shown: what is found may be somebody's row."""
    if found.is_empty_array:
        return
    if found.start != _START:
        yield _wrong_layout(name, entry, "starts", _START)
    if found.end != _END:
        yield _wrong_layout(name, entry, "ends", _END)
    expected = found.separator_count + _LINES_AROUND_ROWS
    if found.newline_count != expected:
        message = (
            f'layout of "{entry.file}" is broken: {found.separator_count + 1} rows stand in'
            f" {expected} lines, the file holds {found.newline_count}"
        )
        yield Fault(name, "layout", expected, found.newline_count, message)


def _wrong_layout(name: str, entry: TableEntry, verb: str, expected: bytes) -> Fault:
    shown = expected.decode()
    message = f'layout of "{entry.file}" is broken: a complete array {verb} with {shown!r}'
    return Fault(name, "layout", shown, "other bytes", message)


def _compare_row_counts(
    name: str, entry: TableEntry, found: int, event_row_count: int | None
) -> Iterator[Fault]:
    if found != entry.row_count:
        yield _differs(name, entry, "row count", entry.row_count, found)
    if found != entry.source_row_count:
        yield _differs(
            name,
            entry,
            "source row count",
            entry.source_row_count,
            found,
            said_by="the source's count(*)",
        )
    if event_row_count is not None and found != event_row_count:
        yield _differs(
            name, entry, "event row count", event_row_count, found, said_by="the materialization"
        )


def _differs(
    name: str,
    entry: TableEntry,
    what: What,
    expected: object,
    found: object,
    *,
    said_by: str = METADATA_FILE,
) -> Fault:
    message = (
        f'{what} of "{entry.relation}" differs: {said_by} says {expected},'
        f" the file {'holds' if what.endswith('row count') else 'has'} {found}"
    )
    return Fault(name, what, expected, found, message)


# Full


def _check_rows(name: str, rows: TableRows) -> list[Fault]:
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
        faults.append(Fault(name, "rows", error.expected, error.found, error.message))
    relation = str(rows.entry.relation)
    if other_keys:
        message = (
            f'columns of "{relation}" differ: {other_keys} rows of the file have other keys than'
            " metadata.json has columns, or in another order"
        )
        faults.append(Fault(name, "rows", expected, other_keys, message))
    return faults + [
        _misfit(name, relation, column, misfits[column.name])
        for column in rows.columns
        if misfits[column.name]
    ]


def _misfit(name: str, relation: str, column: ColumnEntry, count: int) -> Fault:
    message = (
        f'column "{column.name}" of "{relation}" differs: metadata.json says encoding'
        f' "{column.encoding}", {count} rows of the file hold another JSON type'
    )
    return Fault(name, "rows", column.encoding, count, message)


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


def _require_metadata(storage: Storage) -> ExportMetadata:
    metadata = read_metadata(storage)
    if metadata is None:
        raise ExportFault(
            f'"{storage.location}" has no {METADATA_FILE}',
            hint="name the folder of an export, or export into this one first.",
            path=storage.location,
        )
    return metadata


def _find_faults(storage: Storage, metadata: ExportMetadata, *, full: bool) -> Iterator[Fault]:
    for name, entry in metadata.tables.items():
        yield from verify_table(storage, name, entry, full=full)
    yield from _find_shared_files(metadata)
    yield from _find_unknown_files(storage, metadata)
    yield from _check_import_order(metadata)


def _find_shared_files(metadata: ExportMetadata) -> Iterator[Fault]:
    owners: dict[str, str] = {}
    for name, entry in metadata.tables.items():
        if (owner := owners.setdefault(entry.file, name)) != name:
            message = f'file "{entry.file}" is named twice: by "{owner}" and by "{name}"'
            yield Fault(name, "file", owner, name, message)


def _find_unknown_files(storage: Storage, metadata: ExportMetadata) -> Iterator[Fault]:
    """A program that takes every `*.json` of the folder would take these, too, and nothing vouches for them."""
    known = {entry.file for entry in metadata.tables.values()} | {METADATA_FILE}
    for file in storage.published_files():
        if file.endswith(".json") and file not in known:
            message = f'file "{file}" is not in metadata.json: nothing says what it holds'
            yield Fault(None, "unknown file", None, file, message)


def _check_import_order(metadata: ExportMetadata) -> Iterator[Fault]:
    """Every table once, and after the tables that it references."""
    listed = [position.table for position in metadata.import_order]
    counts = Counter(listed)
    for table in sorted(set(listed) | set(metadata.tables)):
        expected = int(table in metadata.tables)
        if counts[table] != expected:
            message = (
                f'import order of "{table}" differs: it should be listed {expected} times,'
                f" metadata.json lists it {counts[table]} times"
            )
            yield Fault(table, "import order", expected, counts[table], message)
    place = {table: index for index, table in enumerate(listed)}
    for child, parent in _honoured_references(metadata):
        with suppress(KeyError):  # not listed, which is told above
            if place[parent] > place[child]:
                message = f'import order differs: "{parent}" should come before "{child}"'
                yield Fault(child, "import order", parent, child, message)


def _honoured_references(metadata: ExportMetadata) -> Iterator[tuple[str, str]]:
    names = {entry.relation: name for name, entry in metadata.tables.items()}
    broken = {(reference.table, reference.constraint) for reference in metadata.broken_references}
    for child, entry in metadata.tables.items():
        for reference in entry.references:
            parent = names.get(reference.relation)
            if parent is not None and (child, reference.constraint) not in broken:
                yield child, parent
