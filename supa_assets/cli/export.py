"""`supa-assets export`."""

from __future__ import annotations

import sys
import time
import uuid
from typing import TYPE_CHECKING

import click

from supa_assets.cli.failures import print_failures
from supa_assets.cli.findings import print_holes, print_not_exported, print_warning
from supa_assets.cli.interruption import EXIT_INTERRUPTED, ending_at_once
from supa_assets.cli.options import output_dir_option
from supa_assets.cli.preflight import print_preflight
from supa_assets.cli.progress import ProgressDisplay
from supa_assets.cli.report import (
    build_console,
    format_bytes,
    format_count,
    format_number_of,
    format_seconds,
    print_columns,
)
from supa_assets.cli.tables import print_plan, tell_if_recalled
from supa_assets.export.known_plan import read_or_recall_plan
from supa_assets.export.unselected import explain_unselected
from supa_assets.files.logins import USERS, explain_logins_of
from supa_assets.files.open import open_storage
from supa_assets.files.publish import read_metadata
from supa_assets.plan.export_plan import ExportPlan
from supa_assets.plan.selection import Selection, select_tables
from supa_assets.settings import Settings, load_settings

if TYPE_CHECKING:
    from supa_assets.orchestration.run import RunResult

__all__ = ["export", "export_selection"]

EXIT_FAILED = 1


@click.command()
@output_dir_option
@click.option(
    "--table",
    "named",
    multiple=True,
    metavar="NAME",
    help="Export this table only (repeatable): table, schema.table or the asset's name.",
)
@click.option("--skip-large", is_flag=True, help="Leave out the tables that would stream.")
@click.option("--skip-auth", is_flag=True, help="Leave out auth.users and auth.identities.")
@click.option(
    "--dry-run",
    is_flag=True,
    help="Say what would be exported, in which order and how; write nothing.",
)
@click.option(
    "--keep-going",
    is_flag=True,
    help="Export every table that can be read, whatever failed before it; list the failed ones at the end.",
)
@click.option(
    "--checksums",
    is_flag=True,
    help="Let the source compute a checksum of each table's rows, too, for `supa-assets prove`. Doubles the server's"
    " work.",
)
def export(
    output_dir: str | None,
    named: tuple[str, ...],
    skip_large: bool,
    skip_auth: bool,
    dry_run: bool,
    keep_going: bool,
    checksums: bool,
) -> None:
    """Export the database of SUPABASE_DB_URL to JSON files, all of one instant.

    Tables are written in import order, parents first, and each file is read back and checked. They
    replace an earlier export in the folder only when all of them are whole: the first failure stops
    the run, and the earlier export stays as it was. With --keep-going, the tables that are whole
    replace their earlier files all the same.

    Exits with 0 when every table was exported and verified, 1 when one was not, 130 when interrupted.
    """
    settings = load_settings(output=output_dir, checksums=checksums or None)
    storage = open_storage(settings.places.output)
    if not dry_run:  # what can't be written to is refused before the server is asked
        storage.examine()
    known = read_or_recall_plan(settings)
    if known.error and not dry_run:
        raise known.error
    selection = select_tables(
        known.plan,
        settings,
        named=named,
        skip_large=skip_large,
        skip_auth=skip_auth,
        explain_unknown=lambda name: None if known.error else explain_unselected(settings, name),
    )
    if dry_run:
        tell_if_recalled(known)
        print_plan(known.plan, selection.tables, settings)
        _print_skipped(selection)
        if not known.error and not print_preflight(settings, known.plan, selection.tables):
            sys.exit(EXIT_FAILED)
        return
    result = export_selection(
        settings, known.plan, selection, takes_new=not named, keep_going=keep_going
    )
    if result.is_interrupted:
        sys.exit(EXIT_INTERRUPTED)
    if not result.is_success:
        sys.exit(EXIT_FAILED)


def export_selection(
    settings: Settings,
    plan: ExportPlan,
    selection: Selection,
    *,
    takes_new: bool = False,
    keep_going: bool = False,
) -> RunResult:
    """Run the export with live progress, and print what became of it.

    With `takes_new` a table that was made since the plan was read is meant, too, though the selection leaves some out.
    """
    with ending_at_once():
        from supa_assets.orchestration.instance import (  # noqa: PLC0415 - importing Dagster takes two seconds
            open_instance,
        )
        from supa_assets.orchestration.run import run_export  # noqa: PLC0415

    started = time.monotonic()
    log_path = open_storage(settings.places.output).log_path
    run_id = str(uuid.uuid4())
    display = ProgressDisplay(log_path, run_id, table_count=len(selection.tables))
    with open_instance(settings) as instance, display:
        result = run_export(
            settings,
            plan,
            instance=instance,
            select=[table.name for table in selection.tables],
            takes_new=takes_new,
            keep_going=keep_going,
            run_id=run_id,
        )
    _print_result(result, settings, time.monotonic() - started, keep_going=keep_going)
    _print_skipped(selection)
    _print_left_out(result, settings)
    return result


def _print_result(
    result: RunResult, settings: Settings, elapsed_s: float, *, keep_going: bool
) -> None:
    out = build_console()
    _print_tables(result)
    published = list(result.published.values())
    if published:
        rows = sum(entry.row_count for entry in published)
        size = sum(entry.byte_count for entry in published)
        snapshots = {entry.snapshot.id: entry.snapshot.time for entry in published}
        out.print(
            f"\nexported {format_number_of(len(published), 'table')}, {format_number_of(rows, 'row')},"
            f" {format_bytes(size)}"
            f' to "{settings.places.output}" in {format_seconds(elapsed_s)}; every file read back and counted',
            soft_wrap=True,
        )
        for id_, time_ in snapshots.items():
            out.print(f"all of one snapshot: {id_}, taken at {time_}", soft_wrap=True)
    _print_faults(result, has_published=bool(published), keep_going=keep_going)


def _print_tables(result: RunResult) -> None:
    rows = [
        (
            table.name,
            format_count(table.entry.row_count),
            format_bytes(table.entry.byte_count),
            format_seconds(table.entry.duration_ms / 1000),
            {True: "ok", False: "FAILED", None: "-"}[table.is_verified],
        )
        for table in result.tables.values()
        if table.entry
    ]
    if rows:
        print_columns(
            build_console(), ("table", "rows", "size", "time", "check"), rows, right="lrrrl"
        )


def _print_faults(result: RunResult, *, has_published: bool, keep_going: bool) -> None:
    err = build_console(to_stderr=True)
    failures = [(table.name, table.error) for table in result.tables.values() if table.error]
    if failures:
        err.print()
    print_failures(failures, what="table")
    if result.error:
        err.print(f"\nerror: {result.error}", soft_wrap=True)
    if result.is_interrupted:
        err.print("\ninterrupted", soft_wrap=True)
    if result.is_success:
        return
    failed = [table for table in result.tables.values() if table.status == "failed"]
    skipped = [table for table in result.tables.values() if table.status == "skipped"]
    said = [f"{format_number_of(len(failed), 'table')} failed"] if failed else []
    said += [f"{format_number_of(len(skipped), 'table')} not begun"] if skipped else []
    if result.unreadable:
        said.append(f"whether anything was published can't be read: {result.unreadable}")
    elif not has_published:
        said.append("nothing was published: an earlier export is as it was")
    err.print("; ".join(said), soft_wrap=True)
    may_read_others = len(failed) < len(result.tables) and not keep_going
    if failed and not has_published and may_read_others:
        err.print("HINT: --keep-going exports every table that can be read.", soft_wrap=True)


def _print_left_out(result: RunResult, settings: Settings) -> None:
    """What isn't exported, however the run ended: as the folder says, else as the run saw it."""
    schemas = settings.choice.schemas
    if not (result.published or result.is_success):
        if result.found:
            print_not_exported(result.found.relations, result.found.not_included, schemas=schemas)
        return
    metadata = read_metadata(open_storage(settings.places.output))
    if metadata is None:
        return
    print_not_exported(metadata.not_exported, metadata.not_included, schemas=schemas)
    if USERS in {entry.relation for entry in result.published.values()}:
        print_warning(explain_logins_of(metadata))
    print_holes(metadata.tables)


def _print_skipped(selection: Selection) -> None:
    if selection.skipped:
        said = ", ".join(f"{relation} ({why})" for relation, why in selection.skipped.items())
        build_console().print(f"left out: {said}", soft_wrap=True)
