"""A process that was made for a step, by one that a test kills: how it is made, and how it behaves.

The inner process says its process id, and what becomes of it. The outer one waits for it.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import click

from supa_assets.orchestration import lifeline

if TYPE_CHECKING:
    from multiprocessing.queues import Queue

_MORE_THAN_A_PIPE_HOLDS = bytes(1024 * 1024)
_LONG_S = 20.0


def main(how: str, behaviour: str) -> None:
    if how == "spawn by spawn":
        process: Any = multiprocessing.get_context("spawn").Process(
            target=main, args=("spawn", behaviour)
        )
        process.start()
        process.join()
    elif how in ("spawn", "forkserver"):
        context: Any = multiprocessing.get_context(how)
        events: Queue[bytes] = context.Queue()
        process = context.Process(target=execute_step, args=(behaviour, events))
        process.start()
        process.join()
    else:
        subprocess.run([sys.executable, __file__, "as", how, behaviour], check=False)


def execute_step(behaviour: str, events: Queue[bytes] | None = None) -> None:
    """As Dagster would, in a process that looks more often and waits less."""
    lifeline._LOOK_INTERVAL_S, lifeline._GRACE_S = 0.1, 0.5
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if behaviour == "deaf":
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    if behaviour == "telling" and events is not None:
        events.put(_MORE_THAN_A_PIPE_HOLDS)
    try:
        with lifeline.ending_with_parent():
            print(os.getpid(), flush=True)
            time.sleep(0 if behaviour == "over" else _LONG_S)
        time.sleep(_LONG_S)
    except KeyboardInterrupt:
        print("interrupted", flush=True)


def execute_as(command: str, behaviour: str) -> None:
    """In Dagster's command of that name."""
    with click.Context(click.Command(command), info_name=command):
        execute_step(behaviour)


if __name__ == "__main__":
    if sys.argv[1] == "as":
        execute_as(*sys.argv[2:])
    else:
        main(*sys.argv[1:])
