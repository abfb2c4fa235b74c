"""A code location whose steps run in processes of their own, begun by a step handler as Dagster begins containers.

Dagster's executors for Kubernetes, Docker and ECS are a StepDelegatingExecutor with a handler that starts
`dagster api execute_step` somewhere. This one starts it here.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import dagster as dg
from dagster._core.execution.retries import RetryMode
from dagster._core.executor.step_delegating import (
    CheckStepHealthResult,
    StepDelegatingExecutor,
    StepHandler,
    StepHandlerContext,
)

import supa_assets

__all__ = ["defs", "step_process_executor"]


class ProcessStepHandler(StepHandler):
    """Knows its processes as a handler for containers knows those: it starts them, asks how they are, stops them."""

    def __init__(self) -> None:
        super().__init__()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def name(self) -> str:
        return "ProcessStepHandler"

    def launch_step(self, step_handler_context: StepHandlerContext) -> Iterator[dg.DagsterEvent]:
        given = step_handler_context.execute_step_args
        environment = {item["name"]: item["value"] for item in given.get_command_env()}
        _, *arguments = given.get_command_args(skip_serialized_namedtuple=True)
        self._processes[_step_key(step_handler_context)] = subprocess.Popen(
            [sys.executable, "-m", "dagster", *arguments], env={**os.environ, **environment}
        )
        return iter(())

    def check_step_health(self, step_handler_context: StepHandlerContext) -> CheckStepHealthResult:
        status = self._processes[_step_key(step_handler_context)].poll()
        if status:
            return CheckStepHealthResult.unhealthy(f"its process ended with {status}")
        return CheckStepHealthResult.healthy()

    def terminate_step(self, step_handler_context: StepHandlerContext) -> Iterator[dg.DagsterEvent]:
        self._processes[_step_key(step_handler_context)].terminate()
        return iter(())


def _step_key(context: StepHandlerContext) -> str:
    (key,) = context.execute_step_args.step_keys_to_execute or ()
    return key


@dg.executor(requirements=dg.multiple_process_executor_requirements())
def step_process_executor(_: dg.InitExecutorContext) -> dg.Executor:
    """A process for each step; one that ended without saying why is noticed within a second."""
    return StepDelegatingExecutor(
        ProcessStepHandler(),
        retries=RetryMode.ENABLED,
        sleep_seconds=0.2,
        check_step_health_interval_seconds=1,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """The package's definitions, unchanged, under that executor."""
    return dg.Definitions.merge(supa_assets.defs(), dg.Definitions(executor=step_process_executor))
