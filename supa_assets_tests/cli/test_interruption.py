"""What signals do, before and after the program is ready; each in a process of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

from supa_assets.cli.interruption import (
    EXIT_INTERRUPTED,
    end_at_once,
    ending_at_once,
    interrupt,
    keep_exit_code,
)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
@pytest.mark.parametrize(
    ("prepare", "code", "said"),
    [
        (f"{end_at_once.__name__}()", EXIT_INTERRUPTED, "interrupted\n"),
        (
            f"context = {ending_at_once.__name__}(); context.__enter__()",
            EXIT_INTERRUPTED,
            "interrupted\n",
        ),
        (f"{interrupt.__name__}()", 7, "caught\n"),
        (f"{keep_exit_code.__name__}(5)", 5, ""),
        ("interruption.end_at_once(); interruption.interrupt()", 7, "caught\n"),
        ("signal(SIGINT, SIG_IGN); signal(SIGTERM, SIG_IGN)", 0, ""),
    ],
)
def test_what_a_signal_does(name: str, prepare: str, code: int, said: str) -> None:
    done = raise_signal(name, prepare)
    assert (done.returncode, done.stderr) == (code, said)


def test_a_job_of_a_shells_background_goes_on_ignoring_ctrl_c() -> None:
    for prepare in (end_at_once, interrupt):
        done = raise_signal("SIGINT", f"signal(SIGINT, SIG_IGN); {prepare.__name__}()")
        assert done.returncode == 0


def raise_signal(name: str, prepare: str) -> subprocess.CompletedProcess[str]:
    program = f"""
import sys
from signal import SIG_IGN, SIGINT, SIGTERM, raise_signal, signal
from supa_assets.cli import interruption
from supa_assets.cli.interruption import *
{prepare}
try:
    raise_signal({name})
except KeyboardInterrupt:
    sys.stderr.write("caught\\n")
    sys.exit(7)
"""
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_that_comes_while_something_is_finalized_is_not_lost(name: str) -> None:
    """Python would print its exception and go on."""
    program = f"""
import sys, time, weakref
from signal import SIGINT, SIGTERM, raise_signal
from supa_assets.cli.interruption import interrupt

class Thing: pass

interrupt()
thing = Thing()
watched = weakref.ref(thing, lambda _: raise_signal({name}))
try:
    del thing
    time.sleep(60)
except KeyboardInterrupt:
    sys.stderr.write("caught\\n")
    sys.exit(7)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (7, "caught\n")


def test_what_else_fails_while_something_is_finalized_is_told_as_ever() -> None:
    program = """
from supa_assets.cli.interruption import interrupt

class Thing:
    def __del__(self):
        raise ValueError("told")

interrupt()
Thing()
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert "ValueError: told" in done.stderr
