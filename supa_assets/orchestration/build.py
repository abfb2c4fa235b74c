"""All of an export's definitions, from a plan."""

from __future__ import annotations

from typing import Any

import dagster as dg

from supa_assets.orchestration.assets import build_table_asset
from supa_assets.orchestration.checks import build_table_check
from supa_assets.orchestration.executor import build_executor
from supa_assets.orchestration.export_metadata import build_export_asset
from supa_assets.orchestration.io_manager import IO_MANAGER_KEY, JsonFileIOManager
from supa_assets.orchestration.jobs import build_export_job, build_nightly_schedule
from supa_assets.orchestration.resource import SUPABASE_KEY, SupabaseResource
from supa_assets.orchestration.restore import build_restore_job
from supa_assets.plan.export_plan import ExportPlan
from supa_assets.settings import DATABASE_URL_VARIABLE, Settings

__all__ = ["build_definitions"]


def build_definitions(
    plan: ExportPlan,
    settings: Settings,
    *,
    has_dependencies: bool = True,
    overrides: dict[str, Any] | None = None,
    loggers: dict[str, dg.LoggerDefinition] | None = None,
) -> dg.Definitions:
    """Assets, checks, jobs, schedule, resources and executor; connects to nothing.

    `overrides` are settings that the environment of the run's processes doesn't have: a command line's.
    """
    files = JsonFileIOManager(
        output=settings.places.output, progress_rows=settings.running.progress_rows
    )
    resources = {
        SUPABASE_KEY: SupabaseResource(
            database_url=dg.EnvVar(DATABASE_URL_VARIABLE), settings=overrides or {}
        ),
        IO_MANAGER_KEY: files,
    }
    storage = files.storage()
    assets = [
        build_table_asset(
            table=table, storage=storage, position=position, has_dependencies=has_dependencies
        )
        for position, table in enumerate(plan.tables)
    ]
    checks = [
        build_table_check(table=table, position=position)
        for position, table in enumerate(plan.tables)
    ]
    assets.append(build_export_asset(plan=plan, storage=storage, has_dependencies=has_dependencies))
    job = build_export_job(assets)
    return dg.Definitions(
        assets=assets,
        asset_checks=checks,
        jobs=[job, build_restore_job(settings)],
        schedules=[build_nightly_schedule(job)],
        resources=resources,
        executor=build_executor(plan=plan, resources=resources, mode=settings.running.executor),
        loggers=loggers,
    )
