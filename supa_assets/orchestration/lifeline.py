"""An export doesn't outlive whoever could end it.

A process that is made for a run or a step (by Dagster's run launcher, by its multiprocess executor, by a step handler
that starts `dagster api execute_step`) goes on when the process that made it is killed. Nobody would read its events
any more, or could terminate it, and it would hold its transaction at the source for hours.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path

import click

__all__ = ["ending_with_parent"]

_LOOK_INTERVAL_S = 1.0
_GRACE_S = 10.0
_EXIT_STATUS = 1


@contextmanager
def ending_with_parent() -> Iterator[None]:
    """Interrupt this process, as SIGINT does, once the process that made it for a run or a step is gone.

    A process that a person or a scheduler started is left alone: it may outlive its shell. So is one in a container of
    its own, whose parent isn't to be seen.
    """
    is_orphaned = _watch_parent()
    if is_orphaned is None:
        yield
        return
    is_over = threading.Event()
    watch = threading.Thread(
        target=_end_once, args=(is_orphaned, is_over), name="lifeline", daemon=True
    )
    watch.start()
    try:
        yield
    finally:
        is_over.set()


def _watch_parent() -> Callable[[], bool] | None:
    """Tells whether the process that made this one is gone; None where this one may outlive it."""
    if parent := multiprocessing.parent_process():
        return _watch_maker(parent)
    command = click.get_current_context(silent=True)
    if command is not None and command.info_name == "execute_step":
        made_by = os.getppid()
        return lambda: os.getppid() != made_by
    return None


def _watch_maker(parent: BaseProcess) -> Callable[[], bool]:
    """Of the process that made this one and, where that is a run's, of the code server's that made the run's."""
    is_made_too = parent.name != "MainProcess"
    made_by = _read_parent(parent.pid) if is_made_too else None

    def is_orphaned() -> bool:
        if not parent.is_alive():
            return True
        return made_by is not None and _read_parent(parent.pid) != made_by

    return is_orphaned


def _read_parent(process_id: int | None) -> int | None:
    """The parent of another process; None where the system doesn't show it so."""
    try:
        status = Path(f"/proc/{process_id}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    return int(status.rpartition(")")[2].split()[1])  # after its name, which may hold anything


def _end_once(is_orphaned: Callable[[], bool], is_over: threading.Event) -> None:
    while not is_over.wait(_LOOK_INTERVAL_S):
        if is_orphaned():
            break
    else:
        return
    # To the main thread, since there it ends what waits; Dagster, and Python by itself, raise an interruption there.
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
    if is_over.wait(_GRACE_S):
        # At its end the process may wait for whoever reads its events, and nobody does.
        time.sleep(_GRACE_S)
    os._exit(_EXIT_STATUS)
