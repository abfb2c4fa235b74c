"""The server process of a data folder: what postmaster.pid says, held against what really runs."""

from __future__ import annotations

import importlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from supa_assets.errors import SourceError

if TYPE_CHECKING:
    from pathlib import Path

_READY_LINE = 7
_PATIENCE_S = 60.0


@dataclass(frozen=True)
class Postmaster:
    pid: int
    port: int
    socket_folder: str
    is_ready: bool


def read_pid_file(data: Path) -> Postmaster | None:
    """Read postmaster.pid, which outlives a server that was killed; None where it isn't whole."""
    try:
        lines = (data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        is_ready = len(lines) > _READY_LINE and lines[_READY_LINE].strip() == "ready"
        return Postmaster(int(lines[0]), int(lines[3]), lines[4], is_ready)
    except (FileNotFoundError, IndexError, ValueError):
        return None


def running_postmaster(data: Path) -> Postmaster | None:
    """The server that runs on this data folder, if one does.

    After a crash or a reboot postmaster.pid may name a process of anybody's, so the process has to
    be a postgres that works in this folder. A zombie is none: under a bare init it stays for ever.
    """
    postmaster = read_pid_file(data)
    return postmaster if postmaster and _works_in(postmaster.pid, data) else None


def wait_until_ready(data: Path) -> Postmaster:
    """Wait for a server that another process has just started, or that recovers."""
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        postmaster = running_postmaster(data)
        if postmaster and postmaster.is_ready:
            return postmaster
        time.sleep(0.05)
    raise SourceError(
        f'the server on "{data}" does not get ready',
        hint="read server.log in the demo's folder",
        path=str(data),
    )


def kill_postmaster(postmaster: Postmaster) -> None:
    """SIGKILL the server and all its processes; the first is halted lest it fork meanwhile."""
    psutil = _psutil()
    parent = psutil.Process(postmaster.pid)
    parent.suspend()
    family = [*parent.children(recursive=True), parent]
    for process in family:
        _kill(process)
    while any(_is_alive(process) for process in family):
        time.sleep(0.01)


def _works_in(pid: int, data: Path) -> bool:
    psutil = _psutil()
    try:
        process = psutil.Process(pid)
        return bool(
            _is_alive(process)
            and process.name().startswith("postgres")
            and process.cwd() == str(data.resolve())
        )
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False


def _is_alive(process: Any) -> bool:
    psutil = _psutil()
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _kill(process: Any) -> None:
    psutil = _psutil()
    try:
        process.kill()
    except psutil.NoSuchProcess:
        return


def _psutil() -> Any:
    """Import it late: it comes with the wheel, so it is missing where the wheel is."""
    return importlib.import_module("psutil")
