"""Processes that end with the one that made them, and those that may outlive it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from supa_assets.orchestration.lifeline import ending_with_parent
from supa_assets_tests.support.processes import is_alive
from supa_assets_tests.support.programs import ORPHAN_PROGRAM
from supa_assets_tests.support.waiting import wait_until

MADE_FOR_A_STEP = [
    "spawn",
    "forkserver",
    "execute_step",
    pytest.param(
        "spawn by spawn", marks=pytest.mark.skipif(not Path("/proc/1").exists(), reason="no /proc")
    ),
]
"""As Dagster's run launcher and multiprocess executor make processes, as step handlers do, and both by one another."""


@contextmanager
def orphan(how: str, behaviour: str) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """The id of a process whose maker was killed just now; it has the same output as what was its maker's process."""
    with subprocess.Popen(
        [sys.executable, str(ORPHAN_PROGRAM), how, behaviour], stdout=subprocess.PIPE, text=True
    ) as maker:
        assert maker.stdout is not None
        process_id = int(maker.stdout.readline())
        maker.kill()
        maker.wait()
        try:
            yield process_id, maker
        finally:
            with suppress(ProcessLookupError):
                os.kill(process_id, signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.parametrize("how", MADE_FOR_A_STEP)
def test_a_process_whose_maker_was_killed_is_interrupted(how: str) -> None:
    with orphan(how, "waiting") as (process_id, maker):
        wait_until(lambda: not is_alive(process_id), timeout_s=5)

        assert maker.communicate(timeout=5)[0] == "interrupted\n"


@pytest.mark.slow
@pytest.mark.parametrize("how", MADE_FOR_A_STEP)
def test_a_process_that_does_not_hear_the_interruption_is_ended(how: str) -> None:
    with orphan(how, "deaf") as (process_id, maker):
        wait_until(lambda: not is_alive(process_id), timeout_s=5)

        assert maker.communicate(timeout=5)[0] == ""


@pytest.mark.slow
def test_a_process_whose_events_nobody_reads_is_ended() -> None:
    with orphan("spawn", "telling") as (process_id, maker):
        wait_until(lambda: not is_alive(process_id), timeout_s=5)

        assert maker.communicate(timeout=5)[0] == "interrupted\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "behaviour"), [("materialize", "waiting"), ("spawn", "over"), ("execute_step", "over")]
)
def test_a_process_of_a_person_or_one_that_has_something_else_to_do_goes_on(
    how: str, behaviour: str
) -> None:
    with orphan(how, behaviour) as (process_id, _):
        time.sleep(1)

        assert is_alive(process_id)


def test_a_process_that_nobody_made_for_a_step_is_not_watched() -> None:
    before = threading.active_count()
    with ending_with_parent():
        assert threading.active_count() == before
