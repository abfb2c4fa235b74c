"""`supa-assets prove`."""

from __future__ import annotations

import sys
from collections.abc import Callable

import click

from supa_assets.cli.report import build_console, format_count, print_columns
from supa_assets.cli.restore import folder_argument
from supa_assets.files.metadata import SourceEntry
from supa_assets.files.open import open_storage
from supa_assets.files.publish import require_metadata
from supa_assets.restore.prove import Proof, TableProof, prove_export
from supa_assets.restore.target import find_target
from supa_assets.settings import TARGET_URL_VARIABLE, find_target_url, load_settings
from supa_assets.visible import one_line

__all__ = ["prove"]

EXIT_FAILED = 1


@click.command()
@folder_argument
@click.option(
    "--against",
    "url",
    metavar="URL",
    help=f"A database that was restored from DIR; better in {TARGET_URL_VARIABLE}, since other users of the machine"
    " can read a command line.",
)
@click.option(
    "--files-only", is_flag=True, help=f"Compare no database, even if {TARGET_URL_VARIABLE} is set."
)
@click.option(
    "--table",
    "named",
    multiple=True,
    metavar="NAME",
    help="Prove this table only (repeatable): table, schema.table or the asset's name.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def prove(
    folder: str | None, url: str | None, files_only: bool, named: tuple[str, ...], as_json: bool
) -> None:
    """Show that the export in DIR, and a database restored from it, hold what the source held.

    DIR is SUPA_ASSETS_OUTPUT, else ./migration-data, where it isn't given. Every table's rows are
    counted and summed up three times: by the source, in the export's snapshot (with the setting
    checksums); from the file; and by the database of --against or SUPA_ASSETS_TARGET_URL, where
    foreign keys and sequences are looked at, too. The report ends with what was not proved.

    Exits with 0 when nothing differs, else with 1.
    """
    settings = load_settings(output=folder)
    storage = open_storage(settings.places.output)
    require_metadata(storage)
    wants_target = not files_only and bool(url or find_target_url())
    target = find_target(settings, url) if wants_target else None
    console = build_console(to_stderr=True)
    proof = prove_export(
        storage,
        target,
        named=named,
        on_table=lambda name: console.print(f"reading {name}") if console.is_terminal else None,
    )
    if as_json:
        print(proof.to_json())
    else:
        _print_report(proof)
    if proof.differences:
        sys.exit(EXIT_FAILED)


def _print_report(proof: Proof) -> None:
    out = build_console()

    def say(line: str) -> None:
        out.print(one_line(line), soft_wrap=True)

    say("PROOF OF AN EXPORT")
    say(f"made at        {proof.made_at}")
    say(f"export         {proof.folder}, exported at {proof.exported_at}")
    say(f"metadata.json  SHA-256 {proof.metadata_sha256}")
    say(f"source         {_where(proof.source)}, PostgreSQL {proof.source_version}")
    for snapshot in proof.snapshots:
        wal = f", WAL {snapshot.wal_lsn}" if snapshot.wal_lsn else ""
        say(f"snapshot       {snapshot.id} at {snapshot.time}{wal}: {snapshot.table_count} tables")
    if proof.target:
        say(f"target         {_where(proof.target)}, PostgreSQL {proof.target_version}")
    say("")
    print_columns(
        out,
        ("table", "source", "file", "target", "checksum", "verdict"),
        [_row(table) for table in proof.tables],
        right="lrrrll",
    )
    say("")
    _print_target(proof, say)
    differences = proof.differences
    say(f"DIFFERENCES: {len(differences) or 'none'}")
    for difference in differences:
        say(f"- {difference}")
    say("")
    say("NOT PROVED:")
    for item in proof.not_proved:
        say(f"- {item}")


def _print_target(proof: Proof, say: Callable[[str], None]) -> None:
    if proof.target is None:
        return
    checked = [key for key in proof.keys if key.orphan_count is not None]
    held = sum(key.orphan_count == 0 for key in checked)
    say(f"foreign keys   {held} of {len(checked)} checked ones hold in the target")
    equal = sum(sequence.is_equal for sequence in proof.sequences)
    say(f"sequences      {equal} of {len(proof.sequences)} stand where the source's stood")
    say("")


def _row(table: TableProof) -> tuple[str, ...]:
    checksum = table.source_checksum or table.file_checksum or "-"
    return (
        table.relation,
        format_count(table.source_row_count),
        format_count(table.file_row_count),
        "-" if table.target_row_count is None else format_count(table.target_row_count),
        checksum,
        table.verdict,
    )


def _where(entry: SourceEntry) -> str:
    project = f", project {entry.project}" if entry.project else ""
    return f"{entry.host}:{entry.port}/{entry.database}{project}"
