"""What became of each table of a run, for its log and for the asset of the export."""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg

from supa_assets.export.outcome import TableOutcome
from supa_assets.visible import escape_controls

__all__ = ["as_table", "describe_outcomes"]

_SCHEMA = dg.TableSchema(
    columns=[
        dg.TableColumn("table", "string"),
        dg.TableColumn("outcome", "string"),
        dg.TableColumn("rows", "int"),
        dg.TableColumn("bytes", "int"),
        dg.TableColumn("seconds", "float"),
        dg.TableColumn("error", "string"),
    ]
)


def as_table(outcomes: Sequence[TableOutcome]) -> dg.TableMetadataValue:
    """A line for each table: what a step of its own would have told by its bar in the run's chart."""
    return dg.TableMetadataValue(records=[_as_record(o) for o in outcomes], schema=_SCHEMA)


def _as_record(outcome: TableOutcome) -> dg.TableRecord:
    entry = outcome.entry
    return dg.TableRecord(
        {
            "table": outcome.name,
            "outcome": outcome.status,
            "rows": entry.row_count if entry else None,
            "bytes": entry.byte_count if entry else None,
            "seconds": entry.duration_ms / 1000 if entry else None,
            "error": escape_controls(outcome.error.message) if outcome.error else None,
        }
    )


def describe_outcomes(outcomes: Sequence[TableOutcome], ending: str) -> str:
    """The same for the log, in one event; `ending` says what became of them together."""
    written = [outcome for outcome in outcomes if outcome.status == "written"]
    head = f"tables that are whole: {len(written)} of {len(outcomes)}; {ending}"
    return "\n".join([head, *map(_describe, outcomes)])


def _describe(outcome: TableOutcome) -> str:
    if outcome.error:
        return f"  {outcome.name}: failed: {outcome.error.message}"
    if outcome.entry is None:
        return f"  {outcome.name}: not begun"
    entry = outcome.entry
    return (
        f"  {outcome.name}: {entry.row_count:,} rows, {entry.byte_count:,} bytes,"
        f" {entry.duration_ms / 1000:.2f} s"
    )
