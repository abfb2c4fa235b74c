"""`supa-assets restore`."""

from __future__ import annotations

import os
import time
from pathlib import Path

import click
from dotenv import dotenv_values

from supa_assets.cli.report import (
    build_console,
    format_bytes,
    format_count,
    format_seconds,
    print_columns,
)
from supa_assets.errors import ExportFault, SettingsError
from supa_assets.export.metadata import ExportMetadata
from supa_assets.export.storage import LocalFolder
from supa_assets.restore.export_files import open_export
from supa_assets.restore.restore import RestoreResult, restore_export
from supa_assets.restore.target import TARGET_URL_VARIABLE, TargetDatabase
from supa_assets.settings import Settings, load_settings

__all__ = ["folder_argument", "open_folder", "open_target", "restore"]

_LINE_INTERVAL_S = 5.0

folder_argument = click.argument(
    "folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path)
)


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
    help="Allow the target to be the database that the export came from; wants --yes, too.",
)
@click.option("--yes", is_flag=True, help="Confirm --into-source.")
def restore(
    folder: Path | None,
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
    storage, metadata = open_folder(settings)
    started = time.monotonic()
    result = restore_export(
        storage,
        open_target(url, settings),
        named=named,
        creates=create,
        is_dry_run=dry_run,
        may_write_into_source=into_source and yes,
        on_progress=_Lines(metadata, len(named) or len(metadata.tables)).show,
    )
    _print_result(result, settings.output, time.monotonic() - started)


def open_folder(settings: Settings) -> tuple[LocalFolder, ExportMetadata]:
    """The export in the folder of `settings`; raises ExportFault where there is none."""
    storage = LocalFolder(settings.output)
    if not settings.output.is_dir():
        raise ExportFault(
            f'"{settings.output}" holds no export: there is no such folder',
            hint="name the folder of an export.",
            path=str(settings.output),
        )
    return storage, open_export(storage)


def open_target(url: str | None, settings: Settings) -> TargetDatabase:
    """The database that the option, the environment or .env names."""
    url = (
        url or os.environ.get(TARGET_URL_VARIABLE) or dotenv_values(".env").get(TARGET_URL_VARIABLE)
    )
    if not url:
        raise SettingsError(
            "there is no target database",
            hint=f"set {TARGET_URL_VARIABLE} to its connection string.",
        )
    return TargetDatabase(
        url.strip(),
        connect_timeout_s=settings.connect_timeout_s,
        lock_timeout_s=settings.lock_timeout_s,
    )


class _Lines:
    """A line on stderr for each table, and now and then one for a table that takes long."""

    def __init__(self, metadata: ExportMetadata, table_count: int) -> None:
        self._metadata = metadata
        self._table_count = table_count
        self._done_count = 0
        self._said_at = time.monotonic()
        self._console = build_console(to_stderr=True)

    def show(self, name: str, row_count: int, byte_count: int) -> None:
        entry = self._metadata.tables[name]
        is_done = row_count >= entry.row_count
        amount = f"{name}: {format_count(row_count)} rows, {format_bytes(byte_count)}"
        if is_done:
            self._done_count += 1
            self._say(f"[{self._done_count}/{self._table_count}] {amount}")
        elif time.monotonic() - self._said_at > _LINE_INTERVAL_S:
            self._say(f"{amount} of {format_bytes(entry.byte_count)} so far")

    def _say(self, line: str) -> None:
        self._said_at = time.monotonic()
        self._console.print(line, soft_wrap=True)


def _print_result(result: RestoreResult, folder: Path, elapsed_s: float) -> None:
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
    rows = sum(table.row_count for table in result.tables)
    where = f"{result.target.host}:{result.target.port}/{result.target.database}"
    verb = "would restore" if result.is_dry_run else "restored"
    out.print(
        f'\n{verb} {len(result.tables)} tables, {format_count(rows)} rows from "{folder}" to {where} in'
        f" {format_seconds(elapsed_s)}; {result.sequence_count} sequences"
        f" {'would be ' if result.is_dry_run else ''}set",
        soft_wrap=True,
    )
    if result.created:
        out.print(f"created: {', '.join(result.created)}", soft_wrap=True)
    if result.checked_keys:
        unchecked = [key for key in result.checked_keys if key.orphan_count is None]
        count = len(result.checked_keys) - len(unchecked)
        out.print(f"{count} foreign keys checked by query: all hold", soft_wrap=True)
        for key in unchecked:
            out.print(
                f'note: foreign key "{key.constraint}" of "{key.relation}" was not checked: {key.reason}',
                soft_wrap=True,
            )
    for note in result.notes:
        out.print(f"note: {note}", soft_wrap=True)
    if not result.is_dry_run:
        out.print(f"prove it: supa-assets prove {folder}", soft_wrap=True)
