"""`supa-assets tables`, and the listing that `export --dry-run` shares with it."""

from __future__ import annotations

from collections.abc import Sequence

import click

from supa_assets.cli.report import build_console, format_bytes, format_number_of, print_columns
from supa_assets.export.known_plan import KnownPlan, read_or_recall_plan
from supa_assets.plan.export_plan import ExportPlan, PlannedTable
from supa_assets.settings import Settings, load_settings
from supa_assets.stream.strategies.choose import guess_strategy
from supa_assets.visible import one_line

__all__ = ["print_plan", "tables", "tell_if_recalled"]


@click.command()
def tables() -> None:
    """List the tables that an export would hold, in import order.

    Rows are the server's estimate; an export counts them.
    """
    settings = load_settings()
    known = read_or_recall_plan(settings)
    tell_if_recalled(known)
    print_plan(known.plan, known.plan.tables, settings)


def tell_if_recalled(known: KnownPlan) -> None:
    """Say that the list is an old one, and why."""
    if known.error:
        err = build_console(to_stderr=True)
        err.print(f"warning: {known.error.message}", soft_wrap=True)
        err.print(
            f"this is the last known catalogue, read at {known.plan.read_at}\n"
            f"HINT: {known.error.hint}",
            soft_wrap=True,
        )


def print_plan(plan: ExportPlan, chosen: Sequence[PlannedTable], settings: Settings) -> None:
    """The tables in import order, then the references that this order can't honour."""
    out = build_console()
    rows = [
        (
            str(table.level),
            str(table.relation),
            table.file,
            "?"
            if table.statistics.estimated_row_count is None
            else f"~{table.statistics.estimated_row_count:,}",
            format_bytes(table.statistics.byte_count),
            _how(table, settings),
        )
        for table in chosen
    ]
    print_columns(
        out, ("level", "table", "file", "rows (estimate)", "on disk", "how"), rows, right="rllrrl"
    )
    known_rows = sum(table.statistics.estimated_row_count or 0 for table in chosen)
    size = sum(table.statistics.byte_count for table in chosen)
    out.print(
        f"\n{format_number_of(len(chosen), 'table')}, about {format_number_of(known_rows, 'row')},"
        f" {format_bytes(size)} on the server's disk, from {plan.source.host}:{plan.source.port}/"
        f"{plan.source.database} (PostgreSQL {plan.server.version})",
        soft_wrap=True,
    )
    for broken in plan.broken_references:
        what = (
            "references itself"
            if broken.reason == "self"
            else f"closes a cycle to {broken.references}"
        )
        out.print(one_line(f"{broken.table}.{broken.constraint} {what}"), soft_wrap=True)


def _how(table: PlannedTable, settings: Settings) -> str:
    order = f"by {', '.join(table.ordered_by)}" if table.ordered_by else "heap order"
    return f"{guess_strategy(table, settings.running)}, {order}"
