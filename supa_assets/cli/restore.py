"""`supa-assets restore`."""

from __future__ import annotations

import time

import click

from supa_assets.cli.report import (
    build_console,
    format_bytes,
    format_count,
    format_seconds,
    print_columns,
)
from supa_assets.errors import SettingsError
from supa_assets.files.open import open_storage
from supa_assets.files.publish import require_metadata
from supa_assets.restore.export_files import select_entries
from supa_assets.restore.progress import ProgressLines
from supa_assets.restore.restore import RestoreResult, restore_export
from supa_assets.restore.target import find_target
from supa_assets.settings import TARGET_URL_VARIABLE, load_settings
from supa_assets.visible import one_line

__all__ = ["folder_argument", "restore"]

_LINE_INTERVAL_S = 5.0

folder_argument = click.argument("folder", metavar="[DIR]", required=False, type=click.Path())


@click.command()
@folder_argument
@click.option(
    "--to",
    "url",
    metavar="URL",
    help=f"Where to. Better in {TARGET_URL_VARIABLE}: other users of the machine can read a command line.",
)
@click.option(
    "--table",
    "named",
    multiple=True,
    metavar="NAME",
    help="Restore this table only (repeatable): table, schema.table or the asset's name.",
)
@click.option(
    "--create",
    is_flag=True,
    help="Make missing schemas, types, sequences, tables and keys first. Policies, functions, triggers, views and"
    " grants are not part of an export.",
)
@click.option("--dry-run", is_flag=True, help="Check files and target; write nothing.")
@click.option(
    "--into-source",
    is_flag=True,
    help="Allow the target to be the database that the export came from, or what may be it; wants --yes, too.",
)
@click.option("--yes", is_flag=True, help="Confirm --into-source.")
def restore(
    folder: str | None,
    url: str | None,
    named: tuple[str, ...],
    create: bool,
    dry_run: bool,
    into_source: bool,
    yes: bool,
) -> None:
    """Load the export in DIR into the database of SUPA_ASSETS_TARGET_URL, all of it or nothing.

    DIR is SUPA_ASSETS_OUTPUT, else ./migration-data, where it isn't given. The tables must be there
    and empty (or --create makes them). First every file is verified and the target is checked; all
    that is wrong is listed, and nothing written. Then the tables are loaded in import order, in one
    transaction, with triggers quiet where the role may quiet them; foreign keys are checked, and
    sequences set to where they stood at the source.

    Exits with 0 when all of it is in the target, else with 1.
    """
    if into_source and not yes:
        raise SettingsError(
            "--into-source writes into the database that the export came from",
            hint="give --yes as well if that is what you mean.",
        )
    settings = load_settings(output=folder)
    storage = open_storage(settings.places.output)
    entries = select_entries(require_metadata(storage), named)
    console = build_console(to_stderr=True)
    lines = ProgressLines(
        entries, lambda line: console.print(line, soft_wrap=True), interval_s=_LINE_INTERVAL_S
    )
    started = time.monotonic()
    result = restore_export(
        storage,
        find_target(settings, url),
        named=named,
        creates=create,
        is_dry_run=dry_run,
        may_write_into_source=into_source and yes,
        on_progress=lines.show,
    )
    _print_result(result, settings.places.output, time.monotonic() - started)


def _print_result(result: RestoreResult, folder: str, elapsed_s: float) -> None:
    out = build_console()
    print_columns(
        out,
        ("table", "rows", "size", "time"),
        [
            (
                table.relation,
                format_count(table.row_count),
                format_bytes(table.byte_count),
                "-" if result.is_dry_run else format_seconds(table.duration_s),
            )
            for table in result.tables
        ],
        right="lrrr",
    )
    verb = "would restore" if result.is_dry_run else "restored"
    spent = format_seconds(elapsed_s)
    out.print(
        f'\n{verb} {len(result.tables)} tables, {format_count(result.row_count)} rows from "{folder}" to'
        f" {result.describe_target()}{'' if result.is_dry_run else f' in {spent}'}; {result.sequence_count} sequences"
        f" {'would be ' if result.is_dry_run else ''}set",
        soft_wrap=True,
    )
    if result.created:
        created = one_line(", ".join(result.created))
        out.print(
            f"{'would create' if result.is_dry_run else 'created'}: {created}", soft_wrap=True
        )
    if result.checked_keys:
        out.print(
            f"{result.held_key_count} foreign keys checked by query: all hold", soft_wrap=True
        )
    for note in result.list_notes():
        out.print(f"note: {note}", soft_wrap=True)
    if result.is_dry_run:
        out.print(
            f"dry run, in {spent}: the target is as it was; what is said of it is what would be",
            soft_wrap=True,
        )
    else:
        out.print(f"prove it: supa-assets prove {folder}", soft_wrap=True)
