"""As many outputs that hold nothing as an export has, with as many checks, in one step: as little as Dagster can do.

`FLOOR_TABLES` says of how many tables. `dagster asset materialize -f` loads it.
"""

# No `from __future__ import annotations` here: Dagster compares a context's annotation with the class itself.
import os
from collections.abc import Iterator
from typing import Any

import dagster as dg

TABLES = [f"table_{n}" for n in range(int(os.environ["FLOOR_TABLES"]))]
EXPORT = "export"
CHECKS = [*((name, "check") for name in TABLES), *((EXPORT, f"check_{n}") for n in range(3))]


@dg.multi_asset(
    outs={n: dg.AssetOut(is_required=False, dagster_type=dg.Any) for n in (*TABLES, EXPORT)},
    check_specs=[dg.AssetCheckSpec(check, asset=name, blocking=True) for name, check in CHECKS],
    can_subset=True,
)
def nothing() -> Iterator[Any]:
    for name in (*TABLES, EXPORT):
        yield dg.Output(1, output_name=name)
    for name, check in CHECKS:
        yield dg.AssetCheckResult(asset_key=name, check_name=check, passed=True)


defs = dg.Definitions(
    assets=[nothing],
    resources={"io_manager": dg.mem_io_manager},
    executor=dg.in_process_executor,
)
