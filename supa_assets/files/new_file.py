"""A file that is there whole, and on the disk, or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from supa_assets.errors import OutputError
from supa_assets.files.disk import as_output_error
from supa_assets.files.folder import Folder
from supa_assets.files.storage import FileWriter

__all__ = ["new_file"]


class _LocalFile:
    """An unbuffered file: what `write` returned from was taken by the system, so closing it again is harmless."""

    def __init__(self, folder: Folder, name: str, *, action: str, shown_folder: Path) -> None:
        self._action = action
        self._folder = shown_folder
        with as_output_error(action, shown_folder):
            self._fd = folder.create(name)
        self._is_open = True

    def write(self, data: bytes, /) -> None:
        with as_output_error(self._action, self._folder):
            written = os.write(self._fd, data)
            while written < len(data):
                written += os.write(self._fd, memoryview(data)[written:])

    def fsync(self) -> None:
        with as_output_error(self._action, self._folder):
            os.fsync(self._fd)

    def close(self) -> None:
        if self._is_open:
            self._is_open = False
            with as_output_error(self._action, self._folder):
                os.close(self._fd)


@contextmanager
def new_file(folder: Folder, name: str, *, shown_folder: Path) -> Iterator[FileWriter]:
    """Durable writing: a temp file beside the target, fsync, close, rename; on any exception it is closed and removed.

    The folder's own fsync is the caller's: a staged name need not outlive a loss of power before its run commits.
    """
    action = f'write "{name}" in'
    temp = f".{name}.{secrets.token_hex(4)}.tmp"
    file = _LocalFile(folder, temp, action=action, shown_folder=shown_folder)
    try:
        yield file
        file.fsync()
        file.close()
        with as_output_error(action, shown_folder):
            folder.rename(temp, name)
    finally:
        with suppress(OutputError):  # what ended the block is the error to tell
            file.close()
        folder.remove(temp)
