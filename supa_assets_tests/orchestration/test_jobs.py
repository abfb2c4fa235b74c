"""The job of all tables, and its schedule."""

from __future__ import annotations

import dagster as dg

from supa_assets.orchestration.jobs import EXPORT_ALL, build_export_job, build_nightly_schedule


@dg.asset
def orders() -> None:
    """In the job."""


@dg.asset
def foreign() -> None:
    """Another project's, merged into the same definitions."""


def test_the_job_holds_the_export_s_assets_and_no_others() -> None:
    job = build_export_job([orders])
    resolved = dg.Definitions(assets=[orders, foreign], jobs=[job]).resolve_job_def(EXPORT_ALL)
    assert set(resolved.graph.node_dict) == {"orders"}


def test_the_schedule_runs_the_job_at_night_once_somebody_starts_it() -> None:
    schedule = build_nightly_schedule(build_export_job([orders]))
    assert (schedule.job_name, schedule.cron_schedule) == (EXPORT_ALL, "0 3 * * *")
    assert schedule.execution_timezone == "UTC"
    assert schedule.default_status is dg.DefaultScheduleStatus.STOPPED
