"""What a run would find before its first row, for `export --dry-run`."""

from __future__ import annotations

from collections.abc import Sequence

from supa_assets.cli.failures import print_failures
from supa_assets.cli.findings import print_not_exported, print_warning
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
    print_not_exported(found.relations, found.not_included, schemas=settings.choice.schemas)
    print_warning(found.explain_logins())
    print_warning(warning)
    print_failures((f"{r.relation}", r.error()) for r in found.refusals.values())
    return not found.refusals
