"""All of an export's definitions, from a plan."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dagster as dg

from supa_assets.export.run import ExportRun
from supa_assets.orchestration.io_manager import IO_MANAGER_KEY, JsonFileIOManager
from supa_assets.orchestration.jobs import build_export_job, build_nightly_schedule
from supa_assets.orchestration.resource import SUPABASE_KEY, SupabaseResource
from supa_assets.orchestration.restore import build_restore_job
from supa_assets.orchestration.step import build_export_step
from supa_assets.plan.export_plan import ExportPlan
from supa_assets.settings import Settings

__all__ = ["build_definitions"]


def build_definitions(
    plan: ExportPlan,
    settings: Settings,
    *,
    overrides: dict[str, Any] | None = None,
    executor: dg.ExecutorDefinition | None = None,
    on_begin: Callable[[ExportRun], None] = lambda _: None,
) -> dg.Definitions:
    """Assets, checks, jobs, schedule and resources; connects to nothing. An executor would be that of a whole project.

    `overrides` are settings that the environment of the run's processes doesn't have: a command line's. `on_begin` is
    told of each export that begins in this process.
    """
    files = JsonFileIOManager(output=settings.places.output)
    step = build_export_step(plan, files=files, running=settings.running, on_begin=on_begin)
    job = build_export_job([step])
    return dg.Definitions(
        assets=[step],
        jobs=[job, build_restore_job(settings)],
        schedules=[build_nightly_schedule(job)],
        resources={
            SUPABASE_KEY: SupabaseResource(settings=overrides or {}),
            IO_MANAGER_KEY: files,
        },
        executor=executor,
    )
