"""The definitions as a code location of their own, whose runs stay in one process.

An export is one step, and Dagster's default executor would start a second process for it: three seconds. Definitions
that are merged into another project's (`supa_assets.defs`) bring no executor, since it would be that of all its assets.
"""

from __future__ import annotations

import dagster as dg

from supa_assets.orchestration.load import load_definitions

__all__ = ["defs"]


@dg.definitions
def defs() -> dg.Definitions:
    """What Dagster loads by pyproject.toml and workspace.yaml."""
    return load_definitions(executor=dg.in_process_executor)
