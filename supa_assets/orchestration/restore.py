"""The job that loads an export into another database, so that a restore has its log and its counts in the UI.

It is a job of one op, since a restore is one transaction; and no asset, since "Materialize all" must never write into a
database. The target's URL comes from the environment alone: there is no field of the run's config for it, because that
is stored and shown.
"""

# No `from __future__ import annotations` here: Dagster compares a context's annotation with the class itself.
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field

from supa_assets.errors import SettingsError
from supa_assets.files.open import open_storage
from supa_assets.files.publish import require_metadata
from supa_assets.orchestration.failures import failures
from supa_assets.orchestration.shown import PlainLog
from supa_assets.settings import TARGET_URL_VARIABLE, Settings
from supa_assets.visible import escape_controls, one_line

if TYPE_CHECKING:
    from supa_assets.restore.restore import RestoreResult

__all__ = ["RESTORE_EXPORT", "RESTORE_STEP", "RestoreConfig", "build_restore_job"]

RESTORE_EXPORT = "restore_export"
RESTORE_STEP = "restore_tables"

_LINE_INTERVAL_S = 10.0
"""A line of the event log costs some milliseconds, and more over a network."""


class RestoreConfig(dg.Config):
    """The options of `supa-assets restore`, under their names but for `--yes`: in YAML that is no name, but true."""

    folder: str | None = Field(
        default=None, description="Folder of the export; the setting output where it isn't given."
    )
    tables: list[str] = Field(
        default=[],
        description="Restore these tables only: table, schema.table or the asset's name.",
    )
    create: bool = Field(
        default=False,
        description="Make missing schemas, types, sequences, tables and keys first. Policies, functions, triggers,"
        " views and grants are not part of an export.",
    )
    dry_run: bool = Field(default=False, description="Check files and target; write nothing.")
    into_source: bool = Field(
        default=False,
        description="Allow the target to be the database that the export came from, or what may be it; wants"
        " confirm_into_source, too.",
    )
    confirm_into_source: bool = Field(default=False, description="Confirm into_source.")


def build_restore_job(settings: Settings) -> dg.JobDefinition:
    """The job. It names its executor: under Dagster's default its one step would wait for a process of its own."""

    @dg.op(
        name=RESTORE_STEP,
        description="Verify the files, check the target, then load all tables in one transaction.",
        out=dg.Out(dg.Nothing),
        tags={"dagster/kind": "postgres"},
    )
    def restore_tables(context: dg.OpExecutionContext, config: RestoreConfig) -> None:
        log = PlainLog(context.log)
        with failures(tell=log.error):
            result = _restore(config, settings, log)
        for note in result.list_notes():
            log.warning(note)
        log.info(_describe(result))
        context.add_output_metadata(_as_metadata(result))

    @dg.job(
        name=RESTORE_EXPORT,
        description=f"Load an export into the database that {TARGET_URL_VARIABLE} names, all of it or nothing. The"
        " tables must be there and empty, or `create` makes them. Try `dry_run` first.",
        executor_def=dg.in_process_executor,
    )
    def restore_job() -> None:
        restore_tables()

    return restore_job


def _restore(config: RestoreConfig, settings: Settings, log: PlainLog) -> "RestoreResult":
    # Definitions are loaded for every export, which needs none of these.
    from supa_assets.restore.export_files import select_entries  # noqa: PLC0415
    from supa_assets.restore.progress import ProgressLines  # noqa: PLC0415
    from supa_assets.restore.restore import restore_export  # noqa: PLC0415
    from supa_assets.restore.target import find_target  # noqa: PLC0415

    if config.into_source and not config.confirm_into_source:
        raise SettingsError(
            "into_source writes into the database that the export came from",
            hint="set confirm_into_source as well if that is what you mean.",
        )
    storage = open_storage(config.folder or settings.places.output)
    entries = select_entries(require_metadata(storage), config.tables)
    lines = ProgressLines(entries, log.info, interval_s=_LINE_INTERVAL_S)
    return restore_export(
        storage,
        find_target(settings),
        named=config.tables,
        creates=config.create,
        is_dry_run=config.dry_run,
        may_write_into_source=config.into_source,
        on_progress=lines.show,
    )


def _describe(result: "RestoreResult") -> str:
    verb = "would restore" if result.is_dry_run else "restored"
    return f"{verb} {len(result.tables)} tables, {result.row_count:,} rows to {result.describe_target()}"


_TABLE_SCHEMA = dg.TableSchema(
    columns=[
        dg.TableColumn("table", "string"),
        dg.TableColumn("rows", "int"),
        dg.TableColumn("bytes", "int"),
        dg.TableColumn("seconds", "float"),
    ]
)


def _as_metadata(result: "RestoreResult") -> dict[str, Any]:
    """What the UI shows of the step's output."""
    records = [
        dg.TableRecord(
            {
                "table": one_line(table.relation),
                "rows": table.row_count,
                "bytes": table.byte_count,
                "seconds": round(table.duration_s, 3),
            }
        )
        for table in result.tables
    ]
    created = "would_create" if result.is_dry_run else "created"
    lists = {created: result.created, "notes": result.list_notes()}
    return {
        "dagster/row_count": result.row_count,
        "tables": dg.TableMetadataValue(records=records, schema=_TABLE_SCHEMA),
        "target": one_line(result.describe_target()),
        "is_dry_run": result.is_dry_run,
        "sequences": result.sequence_count,
        "foreign_keys_checked_by_query": result.held_key_count,
        **{
            name: dg.MetadataValue.json([*map(escape_controls, said)])
            for name, said in lists.items()
            if said
        },
    }
