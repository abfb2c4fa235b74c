"""What the system refuses of an output folder, as an OutputError that names the remedy."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from supa_assets.errors import ExportFault, OutputError
from supa_assets.files.folder import WrongKind

__all__ = ["as_export_fault", "as_output_error"]

_ELSEWHERE = "name another folder (setting output, or --output-dir)."
_IS_INTACT = "What was exported earlier is intact."


@contextmanager
def as_output_error(action: str, folder: Path, *, outcome: str = _IS_INTACT) -> Iterator[None]:
    """Turn the system's refusal of `action` into an OutputError; `outcome` says what became of the export."""
    try:
        yield
    except WrongKind as error:
        raise OutputError(
            f'could not {action} "{folder}": {error.message}',
            hint=f"move it away, or {_ELSEWHERE} {outcome}",
            path=str(error.path),
            found=error.found,
        ) from error
    except OSError as error:
        reason, remedy = _explain(error, folder)
        raise OutputError(
            f'could not {action} "{folder}": {reason}', hint=f"{remedy} {outcome}", path=str(folder)
        ) from error


@contextmanager
def as_export_fault(action: str, folder: Path) -> Iterator[None]:
    """As `as_output_error`, of what is read: something else in the place of a file is a fault of the export."""
    with as_output_error(action, folder):
        try:
            yield
        except WrongKind as error:
            raise ExportFault(
                error.message,
                hint="inside an export no link is followed, and only files are read:"
                " move it away, or take another copy.",
                path=str(error.path),
                found=error.found,
            ) from None


def _explain(error: OSError, folder: Path) -> tuple[str, str]:
    """What the system said, and what to do about it."""
    reason = (error.strerror or str(error)).lower()
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return (
            f"{reason}, {_free_byte_count(folder)} bytes free",
            f"free some space, or {_ELSEWHERE}",
        )
    if error.errno == errno.EFBIG:
        return (
            f"{reason} for the file system, or for this process's limit (`ulimit -f`)",
            f"raise the limit, or {_ELSEWHERE}",
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return reason, f"give this user the right to read and write there, or {_ELSEWHERE}"
    if error.errno in (errno.EEXIST, errno.ENOTDIR):
        return "it, or a folder above it, is a file", f"move the file away, or {_ELSEWHERE}"
    return reason, f"see to the disk that holds it, or {_ELSEWHERE}"


def _free_byte_count(folder: Path) -> int:
    """What an ordinary user may still write on the file system."""
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize
