"""A code location of somebody who has assets, an IO manager and perhaps an executor of their own.

The variables NEIGHBOUR_EXECUTOR and NEIGHBOUR_FOLDER say which executor, and where each asset records the process that
it ran in and when; with NEIGHBOUR_FAILS, `traffic` fails.
"""

# No `from __future__ import annotations` here: Dagster compares a context's annotation with the class itself.
import json
import os
import time
from pathlib import Path
from typing import Any

import dagster as dg

import supa_assets
from supa_assets.files.table_rows import TableRows

__all__ = ["defs"]

_FOLDER = Path(os.environ["NEIGHBOUR_FOLDER"])
_SECONDS = 2
_AFTER_OTHERS = {"dagster/priority": "-1"}


class OwnIOManager(dg.ConfigurableIOManager):
    """A file for each asset that it is given."""

    folder: str

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        (Path(self.folder) / f"{context.asset_key.path[-1]}.json").write_text(json.dumps(obj))

    def load_input(self, context: dg.InputContext) -> Any:
        return json.loads((Path(self.folder) / f"{context.asset_key.path[-1]}.json").read_text())


def work() -> dict[str, Any]:
    began = time.time()
    time.sleep(_SECONDS)
    return {"process": os.getpid(), "began": began, "ended": time.time()}


@dg.asset(op_tags=_AFTER_OTHERS)
def weather() -> dict[str, Any]:
    return work()


@dg.asset(op_tags=_AFTER_OTHERS)
def traffic() -> dict[str, Any]:
    if "NEIGHBOUR_FAILS" in os.environ:
        raise ValueError("the road is closed")
    return work()


@dg.asset
def report(context: dg.AssetExecutionContext, organizations: TableRows) -> dict[str, Any]:
    """Downstream of a table: what is published when it begins."""
    return {
        "process": os.getpid(),
        "rows": len(list(organizations)),
        "is_of_this_run": organizations.entry.run_id == context.run.run_id,
    }


_EXECUTORS = {
    "multiprocess": dg.multiprocess_executor.configured({"max_concurrent": 2}),
    "in process": dg.in_process_executor,
    "none": None,
}


@dg.definitions
def defs() -> dg.Definitions:
    own = dg.Definitions(
        assets=[weather, traffic, report],
        resources={"io_manager": OwnIOManager(folder=str(_FOLDER))},
        executor=_EXECUTORS[os.environ["NEIGHBOUR_EXECUTOR"]],
    )
    return dg.Definitions.merge(own, supa_assets.defs())
