"""Processes of others, seen from outside."""

from __future__ import annotations

import subprocess

__all__ = ["is_alive", "parent"]


def is_alive(process_id: int) -> bool:
    """Whether it runs; what only waits for its parent to read its status does not."""
    state = _ask("stat", process_id)
    return bool(state) and not state.startswith("Z")


def parent(process_id: int) -> int:
    """The process that began it."""
    return int(_ask("ppid", process_id))


def _ask(what: str, process_id: int) -> str:
    command = ["ps", "-o", f"{what}=", "-p", str(process_id)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
