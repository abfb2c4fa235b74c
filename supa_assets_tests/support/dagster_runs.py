"""What Dagster hands to resources and executors in a run, as far as this package looks at it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import dagster as dg

if TYPE_CHECKING:
    from dagster._core.execution.plan.plan import ExecutionPlan

__all__ = ["a_step", "init_context", "new_run", "plan_of"]


@dg.job
def nothing() -> None:
    """A job without steps, for runs that are only looked at."""


def new_run(instance: dg.DagsterInstance, *, like: dg.DagsterRun | None = None) -> dg.DagsterRun:
    """A run that was not begun yet, with the tags of the run that it is like."""
    run = instance.create_run_for_job(nothing)
    if like is not None:
        parent = instance.get_run_by_id(like.run_id)
        assert parent is not None
        instance.add_run_tags(run.run_id, dict(parent.tags))
    return run


def init_context(
    instance: dg.DagsterInstance | None, run: dg.DagsterRun | None
) -> dg.InitResourceContext:
    """As a resource gets it at the start of a step."""
    return cast("dg.InitResourceContext", SimpleNamespace(instance=instance, run=run))


def a_step(key: str, **tags: str) -> SimpleNamespace:
    """A step of an execution plan; of a tag's name `__` is the slash."""
    return SimpleNamespace(key=key, tags={name.replace("__", "/"): tags[name] for name in tags})


def plan_of(*steps: SimpleNamespace) -> ExecutionPlan:
    """An execution plan of these steps."""
    plan = SimpleNamespace(get_steps_to_execute_in_topo_order=lambda: list(steps))
    return cast("ExecutionPlan", plan)
