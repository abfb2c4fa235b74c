"""An export as a restore reads it: verified first, then its rows in batches, cut at line ends and never parsed here."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from supa_assets.errors import ExportFault, SettingsError
from supa_assets.files.local_folder import LocalFolder
from supa_assets.files.metadata import METADATA_FILE, ExportMetadata, TableEntry
from supa_assets.files.publish import read_metadata
from supa_assets.files.storage import Storage
from supa_assets.files.verify import Fault, verify_export

__all__ = [
    "BATCH_BYTE_COUNT",
    "Batch",
    "open_export",
    "open_folder",
    "read_batches",
    "refuse_faults",
    "select_entries",
]

BATCH_BYTE_COUNT = 4 * 1024 * 1024
"""How much JSON goes to the target in one statement; a row above it goes alone."""


@dataclass(frozen=True)
class Batch:
    """Consecutive rows of a file."""

    lines: Sequence[bytes]
    """Each a row's JSON, as it stands in the file but for what separates rows."""
    byte_count: int
    """Bytes of the file read so far."""

    def as_array(self) -> bytes:
        """One JSON array of the rows."""
        return b"[" + b",".join(self.lines) + b"]"


def open_export(storage: Storage) -> ExportMetadata:
    """What metadata.json says; raises ExportFault where there is none, or none that this version can read."""
    metadata = read_metadata(storage)
    if metadata is None:
        raise ExportFault(
            f'"{storage.location}" holds no export: there is no {METADATA_FILE}',
            hint="name the folder of an export.",
            path=storage.location,
        )
    return metadata


def open_folder(folder: Path) -> tuple[LocalFolder, ExportMetadata]:
    """The export in a folder; raises ExportFault where there is none."""
    storage = LocalFolder(folder)
    if not folder.is_dir():
        raise ExportFault(
            f'"{folder}" holds no export: there is no such folder',
            hint="name the folder of an export.",
            path=str(folder),
        )
    return storage, open_export(storage)


def refuse_faults(storage: Storage) -> None:
    """Verify every file; raises one ExportFault that names all that is wrong."""
    faults: list[Fault] = verify_export(storage)
    if faults:
        said = "".join(f"\n  {fault.message}" for fault in faults)
        raise ExportFault(
            f'"{storage.location}" is not the export that was written, {len(faults)} faults:{said}',
            hint="take another copy, or export again; nothing was written to the target.",
            path=storage.location,
        )


def select_entries(metadata: ExportMetadata, named: Collection[str]) -> dict[str, TableEntry]:
    """The tables of these names (`table`, `schema.table` or the asset's), all where none is named, in import order."""
    wanted = {name for given in named for name in _find(metadata, given)}
    return {
        position.table: metadata.tables[position.table]
        for position in metadata.import_order
        if not named or position.table in wanted
    }


def _find(metadata: ExportMetadata, given: str) -> list[str]:
    tables = metadata.tables.items()
    found = (
        [name for name, entry in tables if given == str(entry.relation)]
        or [name for name, _ in tables if given == name]
        or [name for name, entry in tables if given == entry.table]
    )
    if len(found) == 1:
        return found
    if found:
        raise SettingsError(
            f'"{given}" is the name of {len(found)} tables of the export',
            hint="name the schema as well.",
        )
    known = {form for name, e in tables for form in (name, str(e.relation), e.table)}
    close = get_close_matches(given, sorted(known), n=3)
    raise SettingsError(
        f'there is no table "{given}" in the export',
        hint=f"did you mean {' or '.join(close)}?" if close else "metadata.json lists its tables.",
        found=given,
    )


def read_batches(storage: Storage, entry: TableEntry) -> Iterator[Batch]:
    """The rows of a table's file; raises ExportFault at its end where the bytes were not those that were verified."""
    sha256 = hashlib.sha256()
    byte_count = 0
    with storage.open(entry.file) as file:
        while read := file.readlines(BATCH_BYTE_COUNT):
            for line in read:
                sha256.update(line)
                byte_count += len(line)
            lines = [line.rstrip(b",\n") for line in read if line.startswith(b"{")]
            if lines:
                yield Batch(lines, byte_count)
    if sha256.hexdigest() != entry.sha256:
        raise ExportFault(
            f'"{entry.file}" is not the file that metadata.json describes: its SHA-256 differs',
            hint="leave the folder alone meanwhile, and run again.",
            path=entry.file,
            expected=entry.sha256,
            found=sha256.hexdigest(),
        )
