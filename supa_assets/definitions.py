"""One asset for each table of the database that SUPABASE_DB_URL names, to be merged into any code location."""

from __future__ import annotations

import dagster as dg

from supa_assets.orchestration.load import load_definitions

__all__ = ["defs"]


@dg.definitions
def defs() -> dg.Definitions:
    """Read the catalogue, once in a process, and build the graph; ends with one line and a hint where that can't be."""
    return load_definitions()
