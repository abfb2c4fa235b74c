"""What a run would find before its first row, for `export --dry-run`."""

from __future__ import annotations

from collections.abc import Sequence

from supa_assets.cli.findings import print_not_exported
from supa_assets.cli.report import build_console
from supa_assets.export.preflight import explain_plain_text, preflight
from supa_assets.export.source import SourceDatabase
from supa_assets.plan.export_plan import ExportPlan, PlannedTable
from supa_assets.settings import Settings

__all__ = ["print_preflight"]


def print_preflight(settings: Settings, plan: ExportPlan, selected: Sequence[PlannedTable]) -> bool:
    """Look at the database as a run would before its first row, tell what it found; whether all can be read."""
    with SourceDatabase(settings).hold_snapshot() as hold:
        found = preflight(hold, plan, settings, selected={table.name for table in selected})
        warning = explain_plain_text(hold.connection)
    print_not_exported(found.relations, found.not_included)
    err = build_console(to_stderr=True)
    if warning:
        err.print(f"warning: {warning}", soft_wrap=True)
    for refusal in found.refusals.values():
        err.print(f"error: {refusal}", soft_wrap=True)
    return not found.refusals
