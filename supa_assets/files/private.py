"""Files and folders that their user alone can read, whatever the umask."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

__all__ = ["make_private_folder", "write_private_file"]


def make_private_folder(folder: Path) -> None:
    """Make a folder and its missing parents, for their user alone; what there is stays as it is.

    Raises OSError. Source: XDG Base Directory Specification, "Referencing this specification".
    """
    if folder.is_dir():
        return
    if not folder.parent.exists():
        make_private_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)


def write_private_file(path: Path, text: str) -> None:
    """Written whole or not at all, though several processes write it at once. Raises OSError."""
    unfinished = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        unfinished.unlink(missing_ok=True)  # of a process that was killed and had the same number
        with open(unfinished, "x", encoding="utf-8", opener=_open_private) as file:
            file.write(text)
        unfinished.replace(path)
    except OSError:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
        raise


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
