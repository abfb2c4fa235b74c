"""An export as a whole, assessed: which tables it lacks, of which snapshots it is, which known holes it has."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from supa_assets.files.holes import FoundHole, describe_holes, list_holes
from supa_assets.files.metadata import (
    DriftEntry,
    ExportMetadata,
    NotExportedEntry,
    NotExportedReason,
    SnapshotUse,
    TableEntry,
)
from supa_assets.files.publish import list_snapshots
from supa_assets.naming import Relation
from supa_assets.plan.export_plan import ExportPlan

__all__ = ["Assessment", "MissingTable", "assess_export", "assess_published"]

_MOST_NAMED = 10
_SHOULD_BE_THERE: Collection[NotExportedReason] = (
    "created since the definitions were loaded",
    "no privilege",
    "row-level security",
    "locked",
    "failed",
    "not selected in this run",
)
"""Reasons of tables that the settings select."""


@dataclass(frozen=True)
class MissingTable:
    relation: str
    """`schema.table`."""
    reason: str


@dataclass(frozen=True)
class Assessment:
    """What `metadata.json` says, or will say, of an export as a whole."""

    tables: Mapping[str, TableEntry]
    missing: list[MissingTable]
    snapshots: list[SnapshotUse]

    @property
    def is_complete(self) -> bool:
        return not self.missing

    @property
    def is_one_snapshot(self) -> bool:
        return len(self.snapshots) <= 1

    @property
    def holes(self) -> list[FoundHole]:
        """Columns with values that JSON, or a reader of it, doesn't keep."""
        return list_holes(self.tables)

    def describe_holes(self) -> str:
        """Each hole with its columns, and what to do; empty where there is none."""
        return "\n".join(describe_holes(self.holes))

    def describe_missing(self) -> str:
        """Each missing table with its reason; empty for a complete export."""
        return "\n".join(f'"{table.relation}" is missing: {table.reason}' for table in self.missing)

    def describe_snapshots(self) -> str:
        """Each snapshot with its tables; empty where there is one."""
        if self.is_one_snapshot:
            return ""
        names: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
        for name, entry in self.tables.items():
            names[entry.snapshot.time, entry.snapshot.id].append(name)
        lines = [
            f"snapshot {use.id} of {use.time}: {_shorten(names[use.time, use.id])}"
            for use in self.snapshots
        ]
        return "\n".join(
            [f"the tables are of {len(lines)} instants and need not match each other", *lines]
        )


def assess_export(
    tables: Mapping[str, TableEntry],
    *,
    plan: ExportPlan,
    relations: Iterable[NotExportedEntry],
    drift: Iterable[DriftEntry] = (),
) -> Assessment:
    """Assess an export of these tables by the loaded plan, and by what was last found in the database."""
    exported = {entry.relation for entry in tables.values()}
    dropped = {change.relation for change in drift if change.change == "table dropped"}
    reasons: dict[Relation, str] = {
        table.relation: "it was not exported yet"
        for table in plan.tables
        if table.relation not in dropped
    }
    reasons |= {
        entry.relation: entry.reason for entry in relations if entry.reason in _SHOULD_BE_THERE
    }
    return Assessment(
        tables=tables,
        missing=[MissingTable(str(key), reasons[key]) for key in sorted(reasons.keys() - exported)],
        snapshots=list_snapshots(tables),
    )


def assess_published(metadata: ExportMetadata, plan: ExportPlan) -> Assessment:
    """Assess what is published."""
    return assess_export(
        metadata.tables, plan=plan, relations=metadata.not_exported, drift=metadata.drift
    )


def _shorten(names: list[str]) -> str:
    named = ", ".join(sorted(names)[:_MOST_NAMED])
    return named if len(names) <= _MOST_NAMED else f"{named} and {len(names) - _MOST_NAMED} more"
