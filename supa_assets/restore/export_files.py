"""An export as a restore reads it: verified first, then its rows in batches, cut at line ends and never parsed here."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from supa_assets.errors import ExportFault, SettingsError
from supa_assets.files.layout import ARRAY
from supa_assets.files.lines import read_lines
from supa_assets.files.metadata import ExportMetadata, TableEntry
from supa_assets.files.storage import Files, Storage
from supa_assets.files.verify import Fault, verify_export
from supa_assets.naming import find_by_name, find_close_names

__all__ = [
    "BATCH_BYTE_COUNT",
    "Batch",
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


def refuse_faults(storage: Storage) -> None:
    """Verify every file; raises one ExportFault that names all that is wrong with them.

    Tables that the export lacks are no fault of its files: what is there can be restored.
    """
    faults: list[Fault] = [f for f in verify_export(storage) if f.what != "not exported"]
    if faults:
        said = "".join(f"\n  {fault.message}" for fault in faults)
        raise ExportFault(
            f'"{storage.location}" is not the export that was written, {len(faults)} faults:{said}',
            hint="take another copy, or export again; nothing was written to the target.",
            path=storage.location,
        )


def select_entries(metadata: ExportMetadata, named: Collection[str]) -> dict[str, TableEntry]:
    """The tables of these names (`table`, `schema.table` or the asset's), all where none is named, in import order."""
    wanted = {_find(metadata, given) for given in named}
    return {
        position.table: metadata.tables[position.table]
        for position in metadata.import_order
        if not named or position.table in wanted
    }


def _find(metadata: ExportMetadata, given: str) -> str:
    """The asset name of the table that is called so."""
    relations = {entry.name: entry.relation for entry in metadata.tables.values()}
    found = find_by_name(given, relations)
    if len(found) == 1:
        return found[0]
    if found:
        raise SettingsError(
            f'"{given}" is the name of {len(found)} tables of the export',
            hint="name the schema as well.",
        )
    close = find_close_names(given, relations)
    raise SettingsError(
        f'there is no table "{given}" in the export',
        hint=f"did you mean {' or '.join(close)}?" if close else "metadata.json lists its tables.",
        found=given,
    )


def read_batches(
    files: Files, entry: TableEntry, *, byte_count: int = BATCH_BYTE_COUNT
) -> Iterator[Batch]:
    """The rows of a table's file, about `byte_count` at a time.

    Raises ExportFault at its end where the bytes were not those that were verified.
    """
    sha256 = hashlib.sha256()
    read_byte_count = 0
    with files.open(entry.file) as file:
        for read in read_lines(file, entry.file, byte_count=byte_count):
            for line in read:
                sha256.update(line)
                read_byte_count += len(line)
            if lines := ARRAY.cut_rows(read):
                yield Batch(lines, read_byte_count)
    if sha256.hexdigest() != entry.sha256:
        raise ExportFault(
            f'"{entry.file}" is not the file that metadata.json describes: its SHA-256 differs',
            hint="leave the folder alone meanwhile, and run again.",
            path=entry.file,
            expected=entry.sha256,
            found=sha256.hexdigest(),
        )
