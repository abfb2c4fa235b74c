"""File systems that fill up."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

__all__ = ["fill", "mount_small_disk", "small_disk", "unmount"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if problem := mount_small_disk(folder, size="1m"):
        pytest.skip(problem)
    yield folder
    unmount(folder)


def mount_small_disk(folder: Path, *, size: str) -> str | None:
    """Mount a file system of that size (tmpfs's notation) on the folder; else say why it can't be done here."""
    if not shutil.which("mount") or os.getuid() != 0:
        return "only root can mount a small file system"
    command = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs", str(folder)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    return f"mounting isn't allowed here: {mounted.stderr.strip()}" if mounted.returncode else None


def unmount(folder: Path) -> None:
    subprocess.run(["umount", str(folder)], check=True)


def fill(folder: Path) -> None:
    with (folder / ".filler").open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(4096)):
            pass
