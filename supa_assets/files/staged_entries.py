"""A table's entry, staged beside its file until the run that wrote both publishes them."""

from __future__ import annotations

from collections.abc import Collection

from pydantic_core import from_json

from supa_assets.errors import ExportFault
from supa_assets.files.layout import ENTRY_SUFFIX, entry_file
from supa_assets.files.metadata import TableEntry
from supa_assets.files.storage import Staging

__all__ = ["parse_entry", "read_staged_entries", "stage_entry"]


def stage_entry(staging: Staging, entry: TableEntry) -> None:
    """Write the entry; its table's file is staged already."""
    with staging.write(entry_file(entry.name)) as file:
        file.write(entry.model_dump_json(exclude_none=True).encode())


def read_staged_entries(
    staging: Staging, names: Collection[str] | None = None
) -> dict[str, TableEntry]:
    """What the run has written so far, or of it the tables called so; by asset name. Raises ExportFault."""
    entries = {}
    for file in staging.files():
        name = file.removesuffix(ENTRY_SUFFIX)
        if name != file and (names is None or name in names):
            with staging.open(file) as opened:
                entries[name] = parse_entry(opened.read(), file)
    return entries


def parse_entry(data: bytes, file: str) -> TableEntry:
    """The entry that `stage_entry` wrote into a file of this name; raises ExportFault."""
    try:
        return TableEntry.model_validate(
            {**from_json(data), "name": file.removesuffix(ENTRY_SUFFIX)}
        )
    except (ValueError, TypeError):
        raise ExportFault(
            f'staged "{file}" is not an entry of this program',
            hint="materialize the asset again; nothing was published.",
            path=file,
        ) from None
