"""`supa-assets verify`."""

from __future__ import annotations

import sys

import click

from supa_assets.cli.findings import print_holes
from supa_assets.cli.report import build_console, format_bytes, format_number_of
from supa_assets.files.open import open_storage
from supa_assets.files.publish import require_metadata
from supa_assets.files.verify import find_unfinished_publications, verify_export
from supa_assets.settings import load_settings

__all__ = ["verify"]

EXIT_FAILED = 1


@click.command()
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path())
@click.option(
    "--full", is_flag=True, help="Parse every row too, and compare its fields with the columns."
)
@click.option(
    "--recover",
    is_flag=True,
    help="First finish a publication that was interrupted. Only with this does verify write to DIR.",
)
def verify(folder: str | None, full: bool, recover: bool) -> None:
    """Check every file in DIR against metadata.json, without the database.

    DIR is SUPA_ASSETS_OUTPUT, else ./migration-data, where it isn't given. Each file must be
    complete, have the size, the SHA-256 and the number of rows that metadata.json says, and the
    source's own count. All faults are listed. Exits with 1 where there is one. Values that JSON does
    not keep, as the export counted them, are warnings. A publication that was interrupted is a fault,
    and is read as the next export, or --recover, will finish it.
    """
    storage = open_storage(folder or load_settings().places.output)
    if recover:
        storage.recover()
    metadata = require_metadata(storage)
    faults = [*find_unfinished_publications(storage), *verify_export(storage, full=full)]
    for fault in faults:
        build_console(to_stderr=True).print(f"fault: {fault.message}", soft_wrap=True)
    if faults:
        build_console(to_stderr=True).print(
            f'{format_number_of(len(faults), "fault")} in "{storage.location}"\n'
            "HINT: export the tables again, or take another copy.",
            soft_wrap=True,
        )
        sys.exit(EXIT_FAILED)
    entries = metadata.tables.values()
    build_console().print(
        f"{format_number_of(len(entries), 'table')},"
        f" {format_number_of(sum(entry.row_count for entry in entries), 'row')},"
        f" {format_bytes(sum(entry.byte_count for entry in entries))}:"
        f" every file is what metadata.json says, exported at {metadata.exported_at}",
        soft_wrap=True,
    )
    print_holes(metadata.tables)
