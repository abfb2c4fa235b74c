"""The checks alone: what is published is read back, without the database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg

from supa_assets.errors import ExportFault
from supa_assets.export.assessment import assess_published
from supa_assets.files.publish import require_metadata
from supa_assets.naming import CHECK_SUFFIX
from supa_assets.orchestration.checks import check_published_table
from supa_assets.orchestration.export_metadata import (
    EXPORT_ASSET,
    EXPORT_KEY,
    check_export,
    describe_export,
)
from supa_assets.orchestration.io_manager import JsonFileIOManager
from supa_assets.plan.export_plan import ExportPlan

__all__ = ["verify_export", "verify_tables"]


def verify_tables(
    context: dg.AssetExecutionContext, files: JsonFileIOManager, plan: ExportPlan
) -> Iterator[dg.AssetCheckResult]:
    """The selected checks of tables that the run doesn't export, each on the published file.

    Raises ExportFault after the last one where some could not be made; none passes that wasn't.
    """
    names = [table.name for table in plan.tables if _is_checked_alone(context, table.name)]
    errors: list[ExportFault] = []
    for name in names:
        try:
            result = check_published_table(name, files, context.instance)
        except ExportFault as error:
            errors.append(error)
            continue
        yield result
    if errors:
        raise _as_one(errors, check_count=len(names))


def _is_checked_alone(context: dg.AssetExecutionContext, name: str) -> bool:
    key = dg.AssetKey(name)
    check = dg.AssetCheckKey(key, CHECK_SUFFIX)
    return check in context.selected_asset_check_keys and key not in context.selected_asset_keys


def _as_one(errors: Sequence[ExportFault], *, check_count: int) -> ExportFault:
    if len(errors) == 1:
        return errors[0]
    said = "; ".join(error.message for error in errors)
    return ExportFault(
        f"{len(errors)} of {check_count} checks could not be made: {said}", hint=errors[0].hint
    )


def verify_export(
    context: dg.AssetExecutionContext, files: JsonFileIOManager, plan: ExportPlan
) -> Iterator[Any]:
    """What is selected of the export as a whole, in a run that exports no table."""
    checks = {key.name for key in context.selected_asset_check_keys if key.asset_key == EXPORT_KEY}
    is_selected = EXPORT_KEY in context.selected_asset_keys
    if not checks and not is_selected:
        return
    assessment = assess_published(require_metadata(files.storage()), plan)
    if is_selected:
        yield dg.Output(None, output_name=EXPORT_ASSET, metadata=describe_export(assessment))
    for result in check_export(assessment):
        if result.check_name in checks:
            yield result
