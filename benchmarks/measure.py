"""What a program costs: its time, the memory of its whole process tree, its CPU, and the server's CPU meanwhile."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

__all__ = ["Cost", "measure"]

_SAMPLE_S = 0.05


@dataclass(frozen=True)
class Cost:
    wall_s: float
    client_cpu_s: float
    server_cpu_s: float
    peak_mb: float
    """Largest sum over the tree of what each process has for itself (USS: pages shared by forks count once)."""


class BenchmarkError(Exception):
    """A program that was to be measured failed."""


def measure(
    command: Sequence[str], *, server_pid: int, environment: Mapping[str, str], log: Path
) -> Cost:
    before_s = _server_cpu_s(server_pid)
    started = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, env={**os.environ, **environment}
        )
        sampler = _Sampler(process.pid)
        sampler.start()
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.monotonic() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        sampler.stop()
    if process.returncode:
        raise BenchmarkError(f"{command[0]}: {log.read_text(errors='replace')[-2000:]}")
    return Cost(
        wall_s=wall_s,
        client_cpu_s=usage.ru_utime + usage.ru_stime,
        server_cpu_s=_server_cpu_s(server_pid) - before_s,
        peak_mb=sampler.peak / 2**20,
    )


class _Sampler(threading.Thread):
    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._process = psutil.Process(pid)
        self._is_over = threading.Event()
        self.peak = 0

    def run(self) -> None:
        while not self._is_over.wait(_SAMPLE_S):
            self.peak = max(self.peak, self._sum())

    def stop(self) -> None:
        self._is_over.set()
        self.join()

    def _sum(self) -> int:
        total = 0
        try:
            for process in (self._process, *self._process.children(recursive=True)):
                total += process.memory_full_info().uss
        except psutil.Error:
            return 0  # a process ended between two looks; the next look is near
        return total


def _server_cpu_s(pid: int) -> float:
    """Of the server and its backends, those that have ended too."""
    postmaster = psutil.Process(pid)
    times = postmaster.cpu_times()
    total = float(times.user + times.system + times.children_user + times.children_system)
    for backend in postmaster.children(recursive=True):
        try:
            own = backend.cpu_times()
        except psutil.Error:
            continue
        total += own.user + own.system
    return total
