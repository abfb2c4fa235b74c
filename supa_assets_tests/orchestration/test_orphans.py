"""A process that was forked for a step ends with the one that forked it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

from supa_assets.orchestration.orphans import end_with_executor

FORKS = """
import multiprocessing, os, sys, time
from supa_assets.orchestration.orphans import end_with_executor

def step(executor):
    end_with_executor(executor)
    print("begun", flush=True)
    time.sleep(60)

multiprocessing.get_context("fork").Process(target=step, args=[os.getpid()]).start()
time.sleep(60)
"""


def test_a_step_process_ends_as_soon_as_its_executor_is_killed() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", FORKS], stdout=subprocess.PIPE, text=True
    ) as executor:
        assert executor.stdout is not None
        assert executor.stdout.readline() == "begun\n"
        executor.kill()
        # Both write to this pipe: it ends with the last of them.
        assert executor.communicate(timeout=20)[0] == ""


def test_the_executor_itself_and_a_step_of_another_one_go_on() -> None:
    before = threading.active_count()
    end_with_executor(os.getpid())
    end_with_executor(1)
    assert threading.active_count() == before
