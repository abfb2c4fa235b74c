"""The export as a whole as an asset, metadata.json, with three checks.

Every run that publishes a table changes the export, whatever it selects. So its asset and checks are told of in each of
them: what is shown of the export in the UI is never behind.
"""

from __future__ import annotations

from typing import Any

import dagster as dg

from supa_assets.export.assessment import Assessment
from supa_assets.files.holes import FoundHole
from supa_assets.files.metadata import METADATA_FILE
from supa_assets.files.storage import Storage
from supa_assets.visible import escape_controls, one_line

__all__ = [
    "EXPORT_ASSET",
    "EXPORT_KEY",
    "build_export_checks",
    "build_export_out",
    "check_export",
    "describe_export",
]

EXPORT_ASSET = "export_metadata"
IS_COMPLETE = "export_is_complete"
IS_ONE_SNAPSHOT = "export_is_of_one_snapshot"
HAS_NO_KNOWN_HOLES = "export_has_no_known_holes"

_ERROR = dg.AssetCheckSeverity.ERROR
EXPORT_KEY = dg.AssetKey(EXPORT_ASSET)
_CHECKS = (
    (
        IS_COMPLETE,
        "Every table that the settings select is in the export. A warning where no run asked for what is missing.",
    ),
    (IS_ONE_SNAPSHOT, "All tables were read in one MVCC snapshot: they match each other."),
    (
        HAS_NO_KNOWN_HOLES,
        "No value is one that JSON, or a reader of it, does not keep: docs/TYPES.md, known holes.",
    ),
)


def build_export_out(storage: Storage) -> dg.AssetOut:
    """The asset of metadata.json: it depends on every table, so that it closes the graph."""
    return dg.AssetOut(
        key=EXPORT_KEY,
        is_required=False,
        description=f"{METADATA_FILE}: what the export holds, in which order it goes back, and what it lacks.",
        group_name="export",
        kinds={"json"},
        metadata={"dagster/uri": storage.uri(METADATA_FILE)},
        dagster_type=dg.Nothing,
    )


def build_export_checks() -> list[dg.AssetCheckSpec]:
    """The checks of the export as a whole. They don't block: what is there can be used, and is told."""
    return [dg.AssetCheckSpec(name, asset=EXPORT_KEY, description=said) for name, said in _CHECKS]


def describe_export(assessment: Assessment) -> dict[str, Any]:
    """What the asset shows of an export."""
    entries = assessment.tables.values()
    return {
        "tables": len(entries),
        "rows": sum(entry.row_count for entry in entries),
        "dagster/size_bytes": sum(entry.byte_count for entry in entries),
        "snapshots": len(assessment.snapshots),
        "missing": [one_line(table.relation) for table in assessment.missing],
        **_describe_left_out(assessment),
    }


def _describe_left_out(assessment: Assessment) -> dict[str, Any]:
    """What nobody may have left out on purpose; nothing where there is none."""
    notices = {"own_tables_left_out": assessment.own_left_out, "logins": assessment.logins}
    return {name: escape_controls(str(notice)) for name, notice in notices.items() if notice}


def check_export(assessment: Assessment) -> list[dg.AssetCheckResult]:
    """A result for each check."""
    return [
        dg.AssetCheckResult(
            check_name=IS_COMPLETE,
            asset_key=EXPORT_KEY,
            passed=assessment.is_complete,
            severity=_ERROR if assessment.has_losses else dg.AssetCheckSeverity.WARN,
            description=escape_controls(_describe_completeness(assessment)) or None,
            metadata={"missing": [one_line(table.relation) for table in assessment.missing]},
        ),
        dg.AssetCheckResult(
            check_name=IS_ONE_SNAPSHOT,
            asset_key=EXPORT_KEY,
            passed=assessment.is_one_snapshot,
            severity=dg.AssetCheckSeverity.WARN,
            description=assessment.describe_snapshots() or None,
            metadata={"snapshots": len(assessment.snapshots)},
        ),
        _assess_holes(assessment),
    ]


def _describe_completeness(assessment: Assessment) -> str:
    """What is missing; then, though the settings don't ask for it, what they may have forgotten."""
    own = assessment.own_left_out
    said = [assessment.describe_missing(), f"warning: {own}" if own else ""]
    return "\n".join(filter(None, said))


def _assess_holes(assessment: Assessment) -> dg.AssetCheckResult:
    holes = assessment.holes
    metadata: dict[str, dg.RawMetadataValue] = {"columns": len(holes)}
    if holes:
        metadata["holes"] = dg.TableMetadataValue(
            records=[_as_record(hole) for hole in holes], schema=_HOLE_SCHEMA
        )
    return dg.AssetCheckResult(
        check_name=HAS_NO_KNOWN_HOLES,
        asset_key=EXPORT_KEY,
        passed=not holes,
        severity=dg.AssetCheckSeverity.WARN,
        description=escape_controls(assessment.describe_holes()) or None,
        metadata=metadata,
    )


_HOLE_SCHEMA = dg.TableSchema(
    columns=[dg.TableColumn(name) for name in ("hole", "table", "column", "values")]
)


def _as_record(found: FoundHole) -> dg.TableRecord:
    count = "not counted" if found.count is None else str(found.count)
    return dg.TableRecord(
        {
            "hole": found.hole,
            "table": one_line(found.relation),
            "column": one_line(found.column),
            "values": count,
        }
    )
