"""So many assets that do nothing, each with a check, in Dagster's in-process executor."""

from __future__ import annotations

import sys
from typing import Any

import dagster as dg


def build(name: str) -> list[Any]:
    @dg.asset(name=name)
    def nothing() -> int:
        return 1

    @dg.asset_check(asset=name, name="check")
    def passes() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=True)

    return [nothing, passes]


if __name__ == "__main__":
    built = [build(f"asset_{n}") for n in range(int(sys.argv[1]))]
    definitions = dg.Definitions(
        assets=[asset for asset, _ in built],
        asset_checks=[check for _, check in built],
        executor=dg.in_process_executor,
    )
    job = definitions.get_implicit_global_asset_job_def()
    with dg.DagsterInstance.get() as instance:
        assert job.execute_in_process(instance=instance).success
