"""What Dagster shows of a table: under its standard keys where there is one, never a value of a row.

Names are as they are, but for control characters, which are shown by their numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dagster as dg

from supa_assets.files.metadata import ColumnEntry, ReferenceEntry, TableEntry
from supa_assets.plan.export_plan import PlannedTable
from supa_assets.visible import escape_controls, one_line

__all__ = ["definition_metadata", "materialization_metadata"]


def definition_metadata(table: PlannedTable, *, uri: str) -> dict[str, Any]:
    """Of the asset, before anything is exported."""
    columns = [column.entry for column in table.rows.columns]
    return {
        "dagster/table_name": f"{table.relation}",
        "dagster/column_schema": _column_schema(columns, table.primary_key, table.references),
        "dagster/uri": uri,
        "dagster/storage_kind": "json",
    }


def materialization_metadata(entry: TableEntry, *, uri: str, drift: str = "") -> dict[str, Any]:
    """Of one export of the table, as metadata.json says; `drift` where its definition had changed."""
    duration_s = max(entry.duration_ms, 1) / 1000
    return {
        "dagster/row_count": entry.row_count,
        "dagster/size_bytes": entry.byte_count,
        "dagster/column_schema": _column_schema(entry.columns, entry.primary_key, entry.references),
        "dagster/uri": uri,
        "dagster/table_name": f"{entry.relation}",
        "source_row_count": entry.source_row_count,
        "duration_s": round(duration_s, 3),
        "rows_per_s": round(entry.row_count / duration_s),
        "sha256": entry.sha256,
        **({"strategy": entry.strategy} if entry.strategy else {}),
        "snapshot_id": entry.snapshot.id,
        "snapshot_time": entry.snapshot.time,
        **({"drift": escape_controls(drift)} if drift else {}),
    }


def _column_schema(
    columns: Sequence[ColumnEntry], primary_key: list[str], references: list[ReferenceEntry]
) -> dg.TableSchema:
    constraints = [f"primary key ({', '.join(primary_key)})"] if primary_key else []
    constraints += [
        f"{reference.constraint}: ({', '.join(reference.columns)}) references"
        f" {reference.relation} ({', '.join(reference.referenced_columns)})"
        for reference in references
    ]
    return dg.TableSchema(
        columns=[_column(column, is_key=primary_key == [column.name]) for column in columns],
        constraints=dg.TableConstraints(other=[*map(one_line, constraints)]),
    )


def _column(entry: ColumnEntry, *, is_key: bool) -> dg.TableColumn:
    other = ["primary key"] if is_key else []
    other.append(f"encoding: {entry.encoding}")
    if entry.generated:
        other.append(f"generated {entry.generated}")
    if entry.identity:
        other.append(f"identity {entry.identity}")
    constraints = dg.TableColumnConstraints(nullable=entry.nullable, unique=is_key, other=other)
    return dg.TableColumn(one_line(entry.name), one_line(entry.type), constraints=constraints)
