"""Folders as they are, down to inodes and times: what a test compares to see that nothing was touched."""

from __future__ import annotations

from pathlib import Path

__all__ = ["look_at"]


def look_at(folder: Path) -> dict[str, object]:
    """Everything below the folder, itself included: what it is, its inode, its time of change, its bytes."""
    return {str(path.relative_to(folder)): _describe(path) for path in _walk(folder)}


def _walk(path: Path) -> list[Path]:
    if path.is_symlink() or not path.is_dir():
        return [path]
    return [path, *(below for entry in sorted(path.iterdir()) for below in _walk(entry))]


def _describe(path: Path) -> tuple[object, ...]:
    status = path.lstat()
    data = path.read_bytes() if path.is_file() and not path.is_symlink() else None
    return status.st_mode, status.st_ino, status.st_mtime_ns, status.st_nlink, data
