"""What the executor tells the steps of its run: the exported snapshot, as a tag of the run.

A tag is the one thing that a step in any process can read. It is read from the instance again, since a step's own
copy of the run was made before the tag was written.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import dagster as dg
from pydantic import BaseModel, ConfigDict

from supa_assets.export.source import SnapshotHold
from supa_assets.files.metadata import SnapshotEntry
from supa_assets.plan.export_plan import PlannedTable

__all__ = [
    "READS_TAG",
    "SNAPSHOT_TAG",
    "TABLE_TAG",
    "HeldRun",
    "check_hold",
    "held_in_this_process",
    "locked_by_hold",
    "read_held_run",
    "write_held_run",
]

SNAPSHOT_TAG = "supa_assets/snapshot"
"""Of a run: the run's id with its snapshot, as JSON."""

READS_TAG = "supa_assets/reads"
"""Of a step: `source` where it reads the database."""

TABLE_TAG = "supa_assets/table"
"""Of a step: the asset name of the table that it reads or verifies."""


class HeldRun(BaseModel):
    """A run whose snapshot the executor holds, and whose files it will publish."""

    model_config = ConfigDict(frozen=True)

    run_id: str
    snapshot: SnapshotEntry
    process_id: int
    """Of the executor."""


def write_held_run(instance: dg.DagsterInstance, held: HeldRun) -> None:
    """Tell the run's steps. The id goes along, since a re-executed run inherits its parent's tags."""
    instance.add_run_tags(held.run_id, {SNAPSHOT_TAG: held.model_dump_json(exclude_none=True)})


def read_held_run(context: dg.InitResourceContext) -> HeldRun | None:
    """What the executor said of the run that a resource is initialized for; None without an executor of ours."""
    if context.run is None or context.instance is None:
        return None
    run = context.instance.get_run_by_id(context.run.run_id)
    tag = run.tags.get(SNAPSHOT_TAG) if run else None
    held = HeldRun.model_validate_json(tag) if tag else None
    return held if held and held.run_id == context.run.run_id else None


_hold: ContextVar[SnapshotHold | None] = ContextVar("hold", default=None)


@contextmanager
def held_in_this_process(hold: SnapshotHold) -> Iterator[None]:
    """Let steps that run in the executor's own process ask whether the snapshot still lives."""
    _hold.set(hold)
    try:
        yield
    finally:
        _hold.set(None)


def locked_by_hold() -> list[PlannedTable]:
    """The run's tables, where the executor is in this process; in a step's own process none is known."""
    hold = _hold.get()
    return hold.locked if hold else []


def check_hold() -> None:
    """Before a table is read: raises SourceError where the executor lost the run's snapshot.

    A session that joined it reads on in it unharmed. But the run can't be finished, so it should not go on for hours.
    """
    if hold := _hold.get():
        hold.check()
