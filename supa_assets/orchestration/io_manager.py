"""From an asset's stream to its file, and from the file to a downstream asset's rows."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field, PrivateAttr, ValidationError

from supa_assets.errors import ExportFault
from supa_assets.export.preflight import Preflight
from supa_assets.export.write import write_table
from supa_assets.files.export_log import LOG_FILE, ExportLog
from supa_assets.files.layout import ENTRY_SUFFIX
from supa_assets.files.local_folder import LocalFolder
from supa_assets.files.metadata import TableEntry
from supa_assets.files.publish import publish_run, read_metadata
from supa_assets.files.rows import TableRows
from supa_assets.files.storage import Storage
from supa_assets.orchestration.failures import failures
from supa_assets.orchestration.resource import TableExport
from supa_assets.orchestration.run_tags import HeldRun, read_held_run
from supa_assets.orchestration.table_metadata import materialization_metadata
from supa_assets.plan.export_plan import PlannedTable

__all__ = ["IO_MANAGER_KEY", "FoundEntry", "JsonFileIOManager", "stage_preflight"]

IO_MANAGER_KEY = "supa_json_io_manager"
"""The resource key that the assets name."""

_SECONDS_BETWEEN_EVENTS = 10.0
"""An event costs milliseconds in Dagster's storage; export.log takes the lines in between."""


_PREFLIGHT_FILE = "run.preflight"
"""Among what a run stages: tables' files and entries end otherwise."""


def stage_preflight(storage: Storage, run_id: str, found: Preflight) -> None:
    """Leave what the executor found for the run's steps, in whatever process they are."""
    with storage.stage(run_id, _PREFLIGHT_FILE) as file:
        file.write(found.model_dump_json().encode())


class FoundEntry:
    """What is said of a table, and where: `run_id` is the run that staged it, None for what is published."""

    def __init__(self, entry: TableEntry, run_id: str | None) -> None:
        self.entry = entry
        self.run_id = run_id


class JsonFileIOManager(dg.ConfigurableIOManager):
    """Writes tables as JSON files, and gives them to downstream assets as `TableRows`, which stream.

    In a run of `one_snapshot_executor` files are staged, and published at its end; elsewhere each is published at once.
    """

    output: str = Field(description="The folder that the files go to.")
    progress_rows: int = Field(
        default=1_000, description="Rows between two progress lines in export.log."
    )

    _held: HeldRun | None = PrivateAttr(default=None)
    _preflight: Preflight | None = PrivateAttr(default=None)

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Learn whether an executor of ours publishes the run."""
        self._held = read_held_run(context)

    def storage(self) -> Storage:
        """Where the files go."""
        return LocalFolder(Path(self.output))

    def open_log(self, run_id: str) -> ExportLog:
        """export.log, beside the files."""
        return ExportLog(Path(self.output) / LOG_FILE, run_id, progress_rows=self.progress_rows)

    def preflight(self) -> Preflight | None:
        """What the run's executor found before the first row; None without an executor of ours."""
        if self._preflight is None and self._held is not None:
            with self.storage().open(_PREFLIGHT_FILE, self._held.run_id) as file:
                self._preflight = Preflight.model_validate_json(file.read())
        return self._preflight

    def table_of_run(self, loaded: PlannedTable) -> PlannedTable:
        """The table as the database has it in the run's snapshot; raises what keeps this run from reading it."""
        found = self.preflight()
        if found is None:
            return loaded
        if refusal := found.refusals.get(loaded.name):
            raise refusal.error()
        return found.tables[loaded.name]

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        """Drain the asset's stream into its file."""
        if not isinstance(obj, TableExport):
            raise dg.Failure(
                f'asset "{context.asset_key.to_user_string()}" returned {type(obj).__name__}, this IO manager writes'
                " tables only",
                metadata={
                    "hint": "return SupabaseResource.stream(…), or give the asset another IO manager."
                },
            )
        with failures():
            storage = self.storage()
            if self._held is None:
                storage.prepare()
            entry = self._write(context, obj, storage)
            if self._held is None:
                self._publish(context.run_id, obj, storage)
        metadata = materialization_metadata(entry, uri=storage.uri(entry.file))
        if drift := self._describe_drift(entry):
            metadata["drift"] = drift
        context.add_output_metadata(metadata)

    def load_input(self, context: dg.InputContext) -> TableRows:
        """The upstream table's rows: as this run staged them, else as published."""
        name = context.asset_key.path[-1]
        with failures():
            found = self.find_entry(name)
        return TableRows(self.storage(), name, found.entry, found.run_id)

    def find_entry(self, name: str) -> FoundEntry:
        """What is said of the table: of what this run staged, else of what is published. Raises ExportFault."""
        storage = self.storage()
        staged_entry = f"{name}{ENTRY_SUFFIX}"
        if self._held and staged_entry in storage.staged_files(self._held.run_id):
            with storage.open(staged_entry, self._held.run_id) as file:
                return FoundEntry(_parse_entry(file.read(), staged_entry), self._held.run_id)
        published = read_metadata(storage)
        if published is None or name not in published.tables:
            raise ExportFault(
                f'"{storage.location}" holds no export of "{name}"',
                hint="materialize the asset first; a run whose checks fail publishes nothing of that table.",
                path=storage.location,
            )
        return FoundEntry(published.tables[name], None)

    def staged_entries(self) -> dict[str, TableEntry]:
        """What the run has written so far, by asset name."""
        if self._held is None:
            return {}
        storage, entries = self.storage(), {}
        for file in storage.staged_files(self._held.run_id):
            if file.endswith(ENTRY_SUFFIX):
                with storage.open(file, self._held.run_id) as opened:
                    entries[file.removesuffix(ENTRY_SUFFIX)] = _parse_entry(opened.read(), file)
        return entries

    def _describe_drift(self, entry: TableEntry) -> str:
        """What of this table had changed since the definitions were loaded."""
        found = self.preflight()
        changes = found.drift if found else []
        key = entry.relation
        return "\n".join(c.describe() for c in changes if c.relation == key)

    def _write(
        self, context: dg.OutputContext, export: TableExport, storage: Storage
    ) -> TableEntry:
        table = export.stream.table
        progress = _Progress(context, table.name)
        with self.open_log(context.run_id) as log:
            log.table_started(table.name, estimated_rows=table.statistics.estimated_row_count)

            def on_progress(row_count: int, byte_count: int) -> None:
                log.progress(table.name, row_count, byte_count)
                progress.report(row_count, byte_count)

            entry = write_table(
                export.stream, storage, run_id=context.run_id, on_progress=on_progress
            )
            log.table_written(
                table.name, entry.row_count, entry.byte_count, strategy=entry.strategy
            )
        return entry

    def _publish(self, run_id: str, export: TableExport, storage: Storage) -> None:
        publish_run(
            storage,
            run_id=run_id,
            source=export.source,
            server=export.server,
            session=export.session,
            replaces_all=False,
            tables=[export.stream.table.name],
        )


class _Progress:
    """Says in the event log how far a table is, at most once in ten seconds."""

    def __init__(self, context: dg.OutputContext, name: str) -> None:
        self._context = context
        self._name = name
        self._said_at = time.monotonic()

    def report(self, row_count: int, byte_count: int) -> None:
        now = time.monotonic()
        if now - self._said_at >= _SECONDS_BETWEEN_EVENTS:
            self._said_at = now
            self._context.log.info(f"{self._name}: {row_count} rows, {byte_count} bytes so far")


def _parse_entry(data: bytes, path: str) -> TableEntry:
    try:
        return TableEntry.model_validate_json(data)
    except ValidationError:
        raise ExportFault(
            f'staged "{path}" is not an entry of this program',
            hint="materialize the asset again.",
            path=path,
        ) from None
