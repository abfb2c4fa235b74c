"""What the step tells Dagster of an export that is over."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

from supa_assets.errors import SupaAssetsError
from supa_assets.export.assessment import Assessment, assess_published
from supa_assets.export.outcome import TableOutcome
from supa_assets.files.metadata import DriftEntry, ExportMetadata, TableEntry
from supa_assets.files.publish import read_metadata
from supa_assets.naming import CHECK_SUFFIX
from supa_assets.orchestration.checks import check_written_table
from supa_assets.orchestration.export_metadata import (
    EXPORT_ASSET,
    EXPORT_KEY,
    check_export,
    describe_export,
)
from supa_assets.orchestration.io_manager import JsonFileIOManager, PublishedTable
from supa_assets.orchestration.outcomes import as_table, describe_outcomes
from supa_assets.orchestration.shown import PlainLog
from supa_assets.orchestration.table_metadata import materialization_metadata
from supa_assets.plan.export_plan import ExportPlan

__all__ = ["Report", "report_export", "report_failure"]


@dataclass(frozen=True)
class Report:
    """An export after its end, and the step that tells of it."""

    context: dg.AssetExecutionContext
    files: JsonFileIOManager
    plan: ExportPlan
    outcomes: Sequence[TableOutcome]
    drift: Collection[DriftEntry]


def report_failure(report: Report) -> Iterator[Any]:
    """Of an export that failed as a whole: what became of each table, and what lies in the folder now.

    A publication that was decided happens, whatever failed after that: then this tells of a published export.
    """
    storage = report.files.storage()
    try:
        metadata = read_metadata(storage)
    except SupaAssetsError as error:
        ending = f"whether anything was published could not be read: {error.message}"
    else:
        if metadata and any(_is_published(outcome, metadata) for outcome in report.outcomes):
            yield from report_export(report, metadata)
            return
        ending = "nothing was published"
    PlainLog(report.context.log).info(describe_outcomes(report.outcomes, ending))
    for outcome in report.outcomes:
        if outcome.faults and outcome.entry:
            yield from _told(report.context, check_written_table(outcome.entry, outcome.faults))


def _is_published(outcome: TableOutcome, metadata: ExportMetadata) -> bool:
    """Whether the table lies there as this attempt wrote it; another attempt of the run has the same id."""
    written, found = outcome.entry, metadata.tables.get(outcome.name)
    if outcome.status != "written" or written is None or found is None:
        return False
    return (found.run_id, found.exported_at) == (written.run_id, written.exported_at)


def report_export(report: Report, metadata: ExportMetadata) -> Iterator[Any]:
    """Of a published export: every table with its check, and the export as a whole.

    Assets that the run didn't select, or that the definitions don't know, are told of by events.
    """
    PlainLog(report.context.log).info(
        describe_outcomes(report.outcomes, f"published to {report.files.storage().location}")
    )
    for outcome in report.outcomes:
        if outcome.status == "written":
            yield from _materialize(report, metadata.tables[outcome.name])
        if outcome.entry and outcome.faults is not None:
            yield from _told(report.context, check_written_table(outcome.entry, outcome.faults))
    yield from _report_whole(report, assess_published(metadata, report.plan))


def _materialize(report: Report, entry: TableEntry) -> Iterator[dg.Output[Any]]:
    context = report.context
    drift = "\n".join(c.describe() for c in report.drift if c.relation == entry.relation)
    if dg.AssetKey(entry.name) in context.selected_asset_keys:
        yield dg.Output(PublishedTable(entry, drift), output_name=entry.name)
        return
    uri = report.files.storage().uri(entry.file)
    said = materialization_metadata(entry, uri=uri, drift=drift)
    context.log_event(dg.AssetMaterialization(dg.AssetKey(entry.name), metadata=said))


def _report_whole(report: Report, assessment: Assessment) -> Iterator[Any]:
    context = report.context
    metadata = {**describe_export(assessment), "outcomes": as_table(report.outcomes)}
    if EXPORT_KEY in context.selected_asset_keys:
        yield dg.Output(None, output_name=EXPORT_ASSET, metadata=metadata)
    else:
        context.log_event(dg.AssetMaterialization(EXPORT_KEY, metadata=metadata))
    for result in check_export(assessment):
        yield from _told(context, result)


def _told(
    context: dg.AssetExecutionContext, result: dg.AssetCheckResult
) -> Iterator[dg.AssetCheckResult]:
    """The result, if the run selects the check; else it is told of as an event."""
    assert result.asset_key is not None
    assert result.check_name is not None
    if dg.AssetCheckKey(result.asset_key, result.check_name) in context.selected_asset_check_keys:
        yield result
        return
    context.log_event(
        dg.AssetCheckEvaluation(
            asset_key=result.asset_key,
            check_name=result.check_name,
            passed=result.passed,
            severity=result.severity,
            description=result.description,
            metadata=result.metadata,
            blocking=result.check_name == CHECK_SUFFIX,
        )
    )
