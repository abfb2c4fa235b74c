"""Locks between processes, on descriptors of files: flock(2), which ends with the process that has it.

The program `filelock` opens a lock's path itself, truncates what it finds there, and goes over to another kind of lock
where the file system has none. Here a descriptor is locked that its folder has opened and looked at.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timezone

from supa_assets.files.folder import Folder, WrongKind

__all__ = [
    "is_locked",
    "read_lock_holder",
    "sign_lock",
    "try_to_lock",
    "unlock",
    "unsign_lock",
    "while_unlocked",
]

_POLL_S = 0.02
_HOLDER = ".lock-holder"
_LONGEST_HOLDER = 200
_BUSY = (errno.EAGAIN, errno.EWOULDBLOCK, errno.EACCES)


def try_to_lock(fd: int, *, timeout_s: float, is_shared: bool = False) -> bool:
    """Lock the open file, alone or with others who share; False where another still has it after `timeout_s`."""
    operation = (fcntl.LOCK_SH if is_shared else fcntl.LOCK_EX) | fcntl.LOCK_NB
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            fcntl.flock(fd, operation)
        except OSError as error:
            if error.errno not in _BUSY:
                raise
        else:
            return True
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL_S)


def unlock(fd: int) -> None:
    """Release and close. A child that was forked meanwhile has the descriptor, too, so closing alone won't do."""
    with suppress(OSError):
        fcntl.flock(fd, fcntl.LOCK_UN)
    os.close(fd)


def is_locked(folder: Folder, name: str) -> bool:
    """Whether a process has locked the file; what isn't a regular file nobody has."""
    try:
        file = folder.open_file(name)
    except (FileNotFoundError, WrongKind):
        return False
    with file:
        return not try_to_lock(file.fileno(), timeout_s=0, is_shared=True)


@contextmanager
def while_unlocked(folder: Folder, name: str, *, timeout_s: float) -> Iterator[None]:
    """Wait, no longer than `timeout_s`, until nobody has locked the file, and keep it so; writes nothing."""
    try:
        file = folder.open_file(name)
    except (FileNotFoundError, PermissionError):
        yield
        return
    with file:
        try_to_lock(file.fileno(), timeout_s=timeout_s, is_shared=True)
        yield


# Who has it


def sign_lock(internal: Folder) -> None:
    """Leave a note for who waits; only a courtesy, so a full disk doesn't stop who has the lock."""
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    note = f"process {os.getpid()} on {socket.gethostname()}, since {now}"
    with suppress(OSError):
        internal.replace_file(_HOLDER, note.encode())


def unsign_lock(internal: Folder) -> None:
    with suppress(
        OSError
    ):  # a stale note misleads nobody: it is read only while another has the lock
        internal.remove(_HOLDER)


def read_lock_holder(internal: Folder) -> str:
    with suppress(OSError):
        found = internal.read(_HOLDER, at_most=_LONGEST_HOLDER).decode("utf-8", "replace")
        if found:
            return found
    return "another process"
