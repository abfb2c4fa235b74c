"""`supa-assets verify`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from supa_assets.cli.findings import print_holes, print_not_exported, print_warning
from supa_assets.cli.report import build_console, format_bytes, format_number_of
from supa_assets.files.completeness import (
    describe_losses,
    describe_snapshots,
    find_selected_schemas,
    is_lost,
)
from supa_assets.files.export_log import LOG_FILE
from supa_assets.files.metadata import ExportMetadata
from supa_assets.files.open import open_storage
from supa_assets.files.publish import require_metadata
from supa_assets.files.verify import Fault, find_unfinished_publications, verify_export
from supa_assets.notice import Notice
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
    source's own count. Tables that the export was to hold and lacks are faults, too, and come first.
    All faults are listed. Exits with 1 where there is one. Tables of yours in schemas that are not
    selected, and values that JSON does not keep, are warnings. A publication that was interrupted is
    a fault, and is read as the next export, or --recover, will finish it.
    """
    storage = open_storage(folder or load_settings().places.output)
    if recover:
        storage.recover()
    metadata = require_metadata(storage)
    faults = [*find_unfinished_publications(storage), *verify_export(storage, full=full)]
    of_files = [fault for fault in faults if fault.what != "not exported"]
    err = build_console(to_stderr=True)
    for said in [*describe_losses(metadata), *(fault.message for fault in of_files)]:
        err.print(f"fault: {said}", soft_wrap=True)
    if faults:
        err.print(
            f'{format_number_of(len(faults), "fault")} in "{storage.location}"\n{_hint(of_files)}',
            soft_wrap=True,
        )
    if not of_files:
        _print_whole_files(metadata)
    _print_besides(metadata)
    if faults:
        sys.exit(EXIT_FAILED)


def _hint(of_files: Sequence[Fault]) -> str:
    if of_files:
        return "HINT: export the tables again, or take another copy."
    return f"HINT: {LOG_FILE} names what kept each table; mend that, then export again."


def _print_whole_files(metadata: ExportMetadata) -> None:
    entries = metadata.tables.values()
    build_console().print(
        f"{format_number_of(len(entries), 'table')},"
        f" {format_number_of(sum(entry.row_count for entry in entries), 'row')},"
        f" {format_bytes(sum(entry.byte_count for entry in entries))}:"
        f" every file is what metadata.json says, exported at {metadata.exported_at}",
        soft_wrap=True,
    )


def _print_besides(metadata: ExportMetadata) -> None:
    """What is no fault, and worth knowing: what was left out, several snapshots, what JSON doesn't keep."""
    left_out = [entry for entry in metadata.not_exported if not is_lost(entry)]
    print_not_exported(left_out, metadata.not_included, schemas=find_selected_schemas(metadata))
    if snapshots := describe_snapshots(metadata.tables, metadata.snapshots):
        print_warning(Notice(snapshots))
    print_holes(metadata.tables)
