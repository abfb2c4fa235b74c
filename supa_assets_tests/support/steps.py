"""A step with the assets and checks of an export that does what a test says, in a real run and without a database."""

# No `from __future__ import annotations` here: Dagster compares a context's annotation with the class itself.
from collections.abc import Callable, Iterator
from typing import Any

import dagster as dg

from supa_assets.orchestration.assets import build_table_out
from supa_assets.orchestration.checks import build_table_check
from supa_assets.orchestration.export_metadata import (
    EXPORT_ASSET,
    build_export_checks,
    build_export_out,
)
from supa_assets.orchestration.io_manager import IO_MANAGER_KEY, JsonFileIOManager
from supa_assets.plan.export_plan import ExportPlan

__all__ = ["run_in_step"]


def run_in_step(
    action: Callable[[dg.AssetExecutionContext], Iterator[Any]],
    *,
    plan: ExportPlan,
    files: JsonFileIOManager,
    instance: dg.DagsterInstance,
    selection: dg.AssetSelection | None = None,
) -> dg.ExecuteInProcessResult:
    """Run the step, or what of it is selected; `action` gets the context, and yields outputs and results of checks."""

    @dg.multi_asset(
        name="a_step",
        outs={
            **{t.name: build_table_out(t, storage=files.storage()) for t in plan.tables},
            EXPORT_ASSET: build_export_out(files.storage()),
        },
        check_specs=[*map(build_table_check, plan.tables), *build_export_checks()],
        can_subset=True,
    )
    def step(context: dg.AssetExecutionContext) -> Iterator[Any]:
        yield from action(context)

    job = dg.define_asset_job("chosen", selection=selection or dg.AssetSelection.all())
    definitions = dg.Definitions(assets=[step], jobs=[job], resources={IO_MANAGER_KEY: files})
    return definitions.resolve_job_def("chosen").execute_in_process(
        instance=instance, raise_on_error=False
    )
