"""When an export is struck: after a random time, at a line of its export.log, or while it publishes."""

from __future__ import annotations

import random
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from supa_assets_tests.chaos.judge import is_unfinished

__all__ = ["Moment", "draw_moment"]

_LOOK_EVERY_S = 0.000_2


@dataclass(frozen=True)
class Moment:
    """`wait` returns when it has come, or when the export has ended before it came."""

    name: str
    wait: Callable[[subprocess.Popen[bytes]], None]


def draw_moment(chance: random.Random, folder: Path, *, longest_s: float) -> Moment:
    """A third each: anywhere in the export's time, at one of its lines, in the milliseconds of its publication."""
    kind = chance.choice(["any time", "a line of the log", "the publication"])
    delay_s = chance.uniform(0, longest_s)
    if kind == "any time":
        return Moment(kind, lambda _: time.sleep(delay_s))
    if kind == "the publication":
        pause_s = chance.choice([0, chance.uniform(0, 0.004)])
        return _when(kind, lambda: is_unfinished(folder), pause_s=pause_s)
    log = folder / "export.log"
    size = log.stat().st_size
    line_count = chance.randint(1, 12)
    return _when(kind, lambda: _count_new_lines(log, size) >= line_count, pause_s=0)


def _when(name: str, has_come: Callable[[], bool], *, pause_s: float) -> Moment:
    def wait(process: subprocess.Popen[bytes]) -> None:
        while not has_come() and process.poll() is None:
            time.sleep(_LOOK_EVERY_S)
        time.sleep(pause_s)

    return Moment(name, wait)


def _count_new_lines(log: Path, offset: int) -> int:
    with log.open("rb") as file:
        file.seek(offset)
        return file.read().count(b"\n")
