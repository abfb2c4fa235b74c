"""The export as a whole as an asset, metadata.json, with checks of its own in its one step.

Its step comes after the tables and assesses what the run will publish. A run that leaves it out, or doesn't come to it,
changes the export, too: there the executor reports the same of what it published, so that the UI is never behind.
"""

# No `from __future__ import annotations` here: Dagster compares a context's annotation with the class itself.
from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg

from supa_assets.export.assessment import Assessment, assess_export, assess_published
from supa_assets.files.holes import FoundHole
from supa_assets.files.metadata import METADATA_FILE, ExportMetadata, TableEntry
from supa_assets.files.publish import read_metadata, require_metadata, without_replaced
from supa_assets.files.storage import Storage
from supa_assets.orchestration.failures import failures
from supa_assets.orchestration.io_manager import IO_MANAGER_KEY, JsonFileIOManager
from supa_assets.plan.export_plan import ExportPlan

__all__ = ["EXPORT_ASSET", "build_export_asset", "report_export"]

EXPORT_ASSET = "export_metadata"
IS_COMPLETE = "export_is_complete"
IS_ONE_SNAPSHOT = "export_is_of_one_snapshot"
HAS_NO_KNOWN_HOLES = "export_has_no_known_holes"

_KEY = dg.AssetKey(EXPORT_ASSET)
_CHECKS = (
    (
        IS_COMPLETE,
        "Every table that the settings select is in the export, also one created since the definitions were loaded.",
    ),
    (IS_ONE_SNAPSHOT, "All tables were read in one MVCC snapshot: they match each other."),
    (
        HAS_NO_KNOWN_HOLES,
        "No value is one that JSON, or a reader of it, does not keep: docs/TYPES.md, known holes.",
    ),
)


def build_export_asset(
    *, plan: ExportPlan, storage: Storage, has_dependencies: bool = True
) -> dg.AssetsDefinition:
    """The asset of metadata.json; it depends on every table, so that it closes the graph and each run."""
    names = [table.name for table in plan.tables]

    @dg.multi_asset(
        name=EXPORT_ASSET,
        specs=[
            dg.AssetSpec(
                _KEY,
                deps=names if has_dependencies else (),
                description=f"{METADATA_FILE}: what the export holds, in which order it goes back, and what it lacks.",
                group_name="export",
                kinds={"json"},
                metadata={"dagster/uri": storage.uri(METADATA_FILE)},
            )
        ],
        check_specs=[
            dg.AssetCheckSpec(name, asset=_KEY, description=said) for name, said in _CHECKS
        ],
        can_subset=True,  # so that the checks can be run alone
        op_tags={"dagster/priority": str(-2 * len(names) - 2)},
        required_resource_keys={IO_MANAGER_KEY},
    )
    def export_metadata(context: dg.AssetExecutionContext) -> Iterator[Any]:
        files: JsonFileIOManager = getattr(context.resources, IO_MANAGER_KEY)
        with failures():
            assessment = _assess_run(files, plan)
        if context.selected_asset_keys:
            yield dg.MaterializeResult(asset_key=_KEY, metadata=_metadata(assessment))
        for result in _results(assessment):
            if result.check_name in {key.name for key in context.selected_asset_check_keys}:
                yield result

    return export_metadata


def report_export(
    instance: dg.DagsterInstance, metadata: ExportMetadata, plan: ExportPlan, *, run_id: str
) -> None:
    """Report what a run published that didn't execute the asset's own step."""
    assessment = assess_published(metadata, plan)
    instance.report_runless_asset_event(
        dg.AssetMaterialization(_KEY, metadata={**_metadata(assessment), "run_id": run_id})
    )
    for result in _results(assessment):
        assert result.check_name is not None
        instance.report_runless_asset_event(
            dg.AssetCheckEvaluation(
                asset_key=_KEY,
                check_name=result.check_name,
                passed=result.passed,
                severity=result.severity,
                description=result.description,
                metadata=result.metadata,
            )
        )


def _assess_run(files: JsonFileIOManager, plan: ExportPlan) -> Assessment:
    """What will be published: this run's tables, and those of the earlier export that it doesn't replace."""
    if (found := files.preflight()) is None:
        return assess_published(require_metadata(files.storage()), plan)
    published = read_metadata(files.storage())
    tables: dict[str, TableEntry] = dict(published.tables) if published else {}
    staged = files.staged_entries()
    replaces_all = staged.keys() >= {table.name for table in plan.tables}
    kept: Mapping[str, TableEntry] = {} if replaces_all else without_replaced(tables, staged)
    return assess_export({**kept, **staged}, plan=plan, relations=found.findings().relations)


def _results(assessment: Assessment) -> list[dg.AssetCheckResult]:
    return [
        dg.AssetCheckResult(
            check_name=IS_COMPLETE,
            asset_key=_KEY,
            passed=assessment.is_complete,
            description=assessment.describe_missing() or None,
            metadata={"missing": [table.relation for table in assessment.missing]},
        ),
        dg.AssetCheckResult(
            check_name=IS_ONE_SNAPSHOT,
            asset_key=_KEY,
            passed=assessment.is_one_snapshot,
            severity=dg.AssetCheckSeverity.WARN,
            description=assessment.describe_snapshots() or None,
            metadata={"snapshots": len(assessment.snapshots)},
        ),
        _assess_holes(assessment),
    ]


def _assess_holes(assessment: Assessment) -> dg.AssetCheckResult:
    holes = assessment.holes
    metadata: dict[str, dg.RawMetadataValue] = {"columns": len(holes)}
    if holes:
        metadata["holes"] = dg.TableMetadataValue(
            records=[_as_record(hole) for hole in holes], schema=_HOLE_SCHEMA
        )
    return dg.AssetCheckResult(
        check_name=HAS_NO_KNOWN_HOLES,
        asset_key=_KEY,
        passed=not holes,
        severity=dg.AssetCheckSeverity.WARN,
        description=assessment.describe_holes() or None,
        metadata=metadata,
    )


_HOLE_SCHEMA = dg.TableSchema(
    columns=[dg.TableColumn(name) for name in ("hole", "table", "column", "values")]
)


def _as_record(found: FoundHole) -> dg.TableRecord:
    count = "not counted" if found.count is None else str(found.count)
    return dg.TableRecord(
        {"hole": found.hole, "table": found.relation, "column": found.column, "values": count}
    )


def _metadata(assessment: Assessment) -> dict[str, Any]:
    entries = assessment.tables.values()
    return {
        "tables": len(entries),
        "rows": sum(entry.row_count for entry in entries),
        "dagster/size_bytes": sum(entry.byte_count for entry in entries),
        "snapshots": len(assessment.snapshots),
        "missing": [table.relation for table in assessment.missing],
    }
