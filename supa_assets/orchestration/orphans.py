"""A step process does not outlive its executor: one that is killed tells nobody, and its steps would go on reading."""

from __future__ import annotations

import multiprocessing
import os
import threading

__all__ = ["end_with_executor"]


def end_with_executor(process_id: int) -> None:
    """In a process that the executor forked: end, and the transaction with it, as soon as the executor is gone."""
    parent = multiprocessing.parent_process()
    if parent is None or parent.pid != process_id:
        return  # the executor itself, or a step on another machine

    def watch() -> None:
        parent.join()
        # Nothing to tidy: what it staged is removed by the next run, and nobody reads its events.
        os._exit(1)

    threading.Thread(target=watch, name="end-with-executor", daemon=True).start()
