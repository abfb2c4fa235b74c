"""From a table's stream to its file, and from the file to a downstream asset's rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import dagster as dg
from pydantic import Field

from supa_assets.errors import ExportFault
from supa_assets.export.run import ExportRun
from supa_assets.files.metadata import TableEntry
from supa_assets.files.open import open_storage
from supa_assets.files.publish import read_metadata
from supa_assets.files.storage import Storage
from supa_assets.files.table_rows import TableRows
from supa_assets.orchestration.failures import failures
from supa_assets.orchestration.table_metadata import materialization_metadata
from supa_assets.plan.export_plan import PlannedTable

__all__ = ["IO_MANAGER_KEY", "JsonFileIOManager", "PublishedTable"]

IO_MANAGER_KEY = "supa_json_io_manager"
"""The resource key that the assets name."""


@dataclass(frozen=True)
class PublishedTable:
    """What the step gives out for a table: its stream was drained, and its file is published."""

    entry: TableEntry
    drift: str
    """What of the table had changed since the definitions were loaded; empty where nothing had."""


class JsonFileIOManager(dg.ConfigurableIOManager):
    """Drains tables into JSON files, and gives them to downstream assets as `TableRows`, which stream.

    `drain` does the writing, and `handle_output` comes when the file is published. Were the file written in
    `handle_output`, Dagster would record it as materialized at once, before the run published anything; and a table
    that can't be read would end the step with all the tables after it (docs/decisions/an-export-is-one-step.md).
    """

    output: str = Field(description="The folder that the files go to.")

    def storage(self) -> Storage:
        """Where the files go."""
        return open_storage(self.output)

    def drain(
        self, run: ExportRun, table: PlannedTable, on_progress: Callable[[str, int, int], None]
    ) -> TableEntry:
        """Drain the table's stream into a file that the run stages.

        `on_progress` is called after each chunk with the table's name, rows and bytes so far. Raises, staging nothing,
        where the table can't be read whole.
        """
        return run.write(table, on_progress=partial(on_progress, table.name))

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        """Say of a published table what metadata.json says."""
        if not isinstance(obj, PublishedTable):
            raise dg.Failure(
                f'asset "{context.asset_key.to_user_string()}" returned {type(obj).__name__}, this IO manager writes'
                " tables of an export only",
                metadata={"hint": "give the asset another IO manager."},
                allow_retries=False,
            )
        uri = self.storage().uri(obj.entry.file)
        context.add_output_metadata(materialization_metadata(obj.entry, uri=uri, drift=obj.drift))

    def load_input(self, context: dg.InputContext) -> TableRows:
        """The upstream table's rows, as published."""
        name = context.asset_key.path[-1]
        with failures():
            entry = self.find_entry(name)
        return TableRows(self.storage(), entry)

    def find_entry(self, name: str) -> TableEntry:
        """What is published of the table (asset name). Raises ExportFault where nothing is."""
        storage = self.storage()
        published = read_metadata(storage)
        if published is None or name not in published.tables:
            raise ExportFault(
                f'"{storage.location}" holds no export of "{name}"',
                hint="materialize the asset first; of a table that fails nothing is published.",
                path=storage.location,
            )
        return published.tables[name]
