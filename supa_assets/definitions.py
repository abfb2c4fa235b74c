"""What Dagster loads: one asset for each table of the database that SUPABASE_DB_URL names."""

from __future__ import annotations

import dagster as dg

from supa_assets.orchestration.build import build_definitions
from supa_assets.orchestration.load import load_plan, one_line_errors
from supa_assets.settings import load_settings

__all__ = ["defs"]


@dg.definitions
def defs() -> dg.Definitions:
    """Read the catalogue, once in a process, and build the graph; ends with one line and a hint where that can't be."""
    with one_line_errors():
        settings = load_settings()
        return build_definitions(load_plan(settings), settings)
