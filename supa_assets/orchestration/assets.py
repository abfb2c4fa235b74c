"""A table of the plan as an asset."""

# No `from __future__ import annotations` here: Dagster compares a context's annotation with the class itself.
import re
from typing import Any

import dagster as dg

from supa_assets.files.storage import Storage
from supa_assets.orchestration.failures import failures
from supa_assets.orchestration.io_manager import IO_MANAGER_KEY, JsonFileIOManager
from supa_assets.orchestration.resource import SUPABASE_KEY, SupabaseResource
from supa_assets.orchestration.run_tags import READS_TAG, TABLE_TAG
from supa_assets.orchestration.table_metadata import definition_metadata
from supa_assets.plan.export_plan import PlannedTable

__all__ = ["build_table_asset"]

_NOT_IN_GROUP_NAMES = re.compile(r"[^A-Za-z0-9_]")


def build_table_asset(
    *, table: PlannedTable, storage: Storage, position: int = 0, has_dependencies: bool = True
) -> dg.AssetsDefinition:
    """The asset that exports `table`.

    `position` is the table's place in the import order: a run goes by it also where no foreign key says so.
    `storage` only tells where the file will be shown to lie. Without dependencies a failed parent skips nothing.
    """

    @dg.asset(
        name=table.name,
        group_name=_as_group(table.relation.schema_name),
        description=table.comment,
        deps=table.depends_on if has_dependencies else (),
        kinds={"supabase", "postgres", "json"},
        metadata=definition_metadata(table, uri=storage.uri(table.file)),
        op_tags={
            "dagster/priority": str(-2 * position),
            READS_TAG: "source",
            TABLE_TAG: table.name,
        },
        required_resource_keys={SUPABASE_KEY, IO_MANAGER_KEY},
        io_manager_key=IO_MANAGER_KEY,
        dagster_type=dg.Any,
    )
    def table_asset(context: dg.AssetExecutionContext) -> Any:
        supabase: SupabaseResource = getattr(context.resources, SUPABASE_KEY)
        files: JsonFileIOManager = getattr(context.resources, IO_MANAGER_KEY)
        with failures():
            return supabase.stream(files.table_of_run(table))

    return table_asset


def _as_group(schema: str) -> str:
    """Groups only order the UI, so two schemas may share one; the table's true name stands in its metadata."""
    return _NOT_IN_GROUP_NAMES.sub("_", schema)
