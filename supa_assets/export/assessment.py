"""An export as a whole, assessed: which tables it lacks, of which snapshots it is, which known holes it has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from supa_assets.files.completeness import (
    describe_snapshots,
    explain_own_left_out,
    find_selected_schemas,
    is_lost,
)
from supa_assets.files.holes import FoundHole, describe_holes, list_holes
from supa_assets.files.logins import explain_logins_of
from supa_assets.files.metadata import (
    DriftEntry,
    ExportMetadata,
    NotExportedEntry,
    SnapshotUse,
    TableEntry,
)
from supa_assets.files.publish import list_snapshots
from supa_assets.notice import Notice
from supa_assets.plan.export_plan import ExportPlan

__all__ = ["Assessment", "MissingTable", "assess_export", "assess_published"]


@dataclass(frozen=True)
class MissingTable:
    relation: str
    """`schema.table`."""
    reason: str
    is_lost: bool = True
    """Not so where a run that selected other tables is all there was: nobody asked for it."""


@dataclass(frozen=True)
class Assessment:
    """What `metadata.json` says, or will say, of an export as a whole."""

    tables: Mapping[str, TableEntry]
    missing: list[MissingTable]
    snapshots: list[SnapshotUse]
    own_left_out: Notice | None = None
    """A warning of the user's own tables in schemas that no setting names."""
    logins: Notice | None = None
    """What users would miss who log in from this export."""

    @property
    def is_complete(self) -> bool:
        return not self.missing

    @property
    def has_losses(self) -> bool:
        """Whether a table is missing that was asked for."""
        return any(table.is_lost for table in self.missing)

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
        return describe_snapshots(self.tables, self.snapshots)


def assess_export(
    tables: Mapping[str, TableEntry],
    *,
    plan: ExportPlan,
    relations: Iterable[NotExportedEntry],
    drift: Iterable[DriftEntry] = (),
    not_renewed: Iterable[NotExportedEntry] = (),
) -> Assessment:
    """Assess an export of these tables by the loaded plan, and by what was last found in the database."""
    exported = {entry.relation for entry in tables.values()}
    dropped = {change.relation for change in drift if change.change == "table dropped"}
    missing = {
        table.relation: MissingTable(str(table.relation), "it was not exported yet")
        for table in plan.tables
        if table.relation not in dropped
    }
    missing |= {e.relation: _missing(e) for e in relations if _should_be_there(e)}
    missing = {key: table for key, table in missing.items() if key not in exported}
    missing |= {e.relation: _missing(e, "; its file is of an earlier run") for e in not_renewed}
    return Assessment(
        tables=tables,
        missing=[missing[key] for key in sorted(missing)],
        snapshots=list_snapshots(tables),
    )


def _should_be_there(entry: NotExportedEntry) -> bool:
    """Whether the settings select the table, though perhaps no run did."""
    return is_lost(entry) or entry.reason == "not selected in this run"


def _missing(entry: NotExportedEntry, but: str = "") -> MissingTable:
    return MissingTable(str(entry.relation), entry.reason + but, is_lost(entry))


def assess_published(metadata: ExportMetadata, plan: ExportPlan) -> Assessment:
    """Assess what is published."""
    found = assess_export(
        metadata.tables,
        plan=plan,
        relations=metadata.not_exported,
        drift=metadata.drift,
        not_renewed=metadata.not_renewed,
    )
    own = explain_own_left_out(metadata.not_exported, find_selected_schemas(metadata))
    return replace(found, own_left_out=own, logins=explain_logins_of(metadata))
