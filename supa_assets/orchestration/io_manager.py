"""From an asset's stream to its file, and from the file to a downstream asset's rows."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import dagster as dg
from pydantic import Field, PrivateAttr

from supa_assets.errors import ExportFault
from supa_assets.export.preflight import Preflight
from supa_assets.export.write import write_logged_table
from supa_assets.files.export_log import ExportLog
from supa_assets.files.metadata import TableEntry
from supa_assets.files.open import open_storage
from supa_assets.files.publish import publish_run, read_metadata
from supa_assets.files.staged_entries import read_staged_entries
from supa_assets.files.storage import Files, Staging, Storage
from supa_assets.files.table_rows import TableRows
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


def stage_preflight(staging: Staging, found: Preflight) -> None:
    """Leave what the executor found for the run's steps, in whatever process they are."""
    with staging.write(_PREFLIGHT_FILE) as file:
        file.write(found.model_dump_json().encode())


@dataclass(frozen=True)
class FoundEntry:
    """What is said of a table, and where its file is: among what the run staged, or what is published."""

    entry: TableEntry
    files: Files


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
        return open_storage(self.output)

    def open_log(self, run_id: str) -> ExportLog:
        """The run's export.log."""
        return ExportLog(self.storage().log_path, run_id, progress_rows=self.progress_rows)

    def preflight(self) -> Preflight | None:
        """What the run's executor found before the first row; None without an executor of ours."""
        if self._preflight is None and (staging := self._held_staging()):
            with staging.open(_PREFLIGHT_FILE) as file:
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
            staging = storage.staging(context.run_id)
            entry = self._write(context, obj, staging)
            if self._held is None:
                self._publish(obj, staging)
        metadata = materialization_metadata(entry, uri=storage.uri(entry.file))
        if drift := self._describe_drift(entry):
            metadata["drift"] = drift
        context.add_output_metadata(metadata)

    def load_input(self, context: dg.InputContext) -> TableRows:
        """The upstream table's rows: as this run staged them, else as published."""
        name = context.asset_key.path[-1]
        with failures():
            found = self.find_entry(name)
        return TableRows(found.files, found.entry)

    def find_entry(self, name: str) -> FoundEntry:
        """What is said of the table: of what this run staged, else of what is published. Raises ExportFault."""
        staging, storage = self._held_staging(), self.storage()
        if staging and (staged := read_staged_entries(staging, {name})):
            return FoundEntry(staged[name], staging)
        published = read_metadata(storage)
        if published is None or name not in published.tables:
            raise ExportFault(
                f'"{storage.location}" holds no export of "{name}"',
                hint="materialize the asset first; a run whose checks fail publishes nothing of that table.",
                path=storage.location,
            )
        return FoundEntry(published.tables[name], storage)

    def staged_entries(self) -> dict[str, TableEntry]:
        """What the run has written so far, by asset name."""
        staging = self._held_staging()
        return read_staged_entries(staging) if staging else {}

    def _held_staging(self) -> Staging | None:
        """What an executor of ours will publish; None without one."""
        return self.storage().staging(self._held.run_id) if self._held else None

    def _describe_drift(self, entry: TableEntry) -> str:
        """What of this table had changed since the definitions were loaded."""
        found = self.preflight()
        changes = found.drift if found else []
        key = entry.relation
        return "\n".join(c.describe() for c in changes if c.relation == key)

    def _write(
        self, context: dg.OutputContext, export: TableExport, staging: Staging
    ) -> TableEntry:
        progress = _Progress(context, export.stream.table.name)
        with self.open_log(context.run_id) as log:
            return write_logged_table(export.stream, staging, log, on_progress=progress.report)

    def _publish(self, export: TableExport, staging: Staging) -> None:
        publish_run(
            staging,
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
