"""A table of the plan as an asset: an output of the step that exports them all."""

from __future__ import annotations

import re

import dagster as dg

from supa_assets.files.storage import Storage
from supa_assets.orchestration.io_manager import IO_MANAGER_KEY
from supa_assets.orchestration.shown import as_markdown
from supa_assets.orchestration.table_metadata import definition_metadata
from supa_assets.plan.export_plan import PlannedTable

__all__ = ["build_table_out"]

_NOT_IN_GROUP_NAMES = re.compile(r"[^A-Za-z0-9_]")


def build_table_out(table: PlannedTable, *, storage: Storage) -> dg.AssetOut:
    """The asset of `table`; `storage` only tells where the file will be shown to lie.

    It isn't required: a table that was dropped, or could not be read, has no output in a run.
    """
    return dg.AssetOut(
        key=dg.AssetKey(table.name),
        is_required=False,
        group_name=_as_group(table.relation.schema_name),
        description=None if table.comment is None else as_markdown(table.comment),
        kinds={"supabase", "postgres", "json"},
        metadata=definition_metadata(table, uri=storage.uri(table.file)),
        io_manager_key=IO_MANAGER_KEY,
        dagster_type=dg.Any,
    )


def _as_group(schema: str) -> str:
    """Groups only order the UI, so two schemas may share one; the table's true name stands in its metadata."""
    return _NOT_IN_GROUP_NAMES.sub("_", schema)
