"""The job that exports every table, and the schedule that runs it each night once it is switched on."""

from __future__ import annotations

import dagster as dg

__all__ = ["EXPORT_ALL", "build_export_job", "build_nightly_schedule"]

EXPORT_ALL = "export_all"


def build_export_job(assets: list[dg.AssetsDefinition]) -> dg.UnresolvedAssetJobDefinition:
    """All tables and their checks."""
    return dg.define_asset_job(
        EXPORT_ALL,
        selection=dg.AssetSelection.assets(*assets),
        description="Export every table in one snapshot, verify each file, and publish them together.",
    )


def build_nightly_schedule(job: dg.UnresolvedAssetJobDefinition) -> dg.ScheduleDefinition:
    """At 03:00 UTC; stopped until somebody starts it."""
    return dg.ScheduleDefinition(
        name="export_nightly",
        job=job,
        cron_schedule="0 3 * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.STOPPED,
    )
