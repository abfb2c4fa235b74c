"""An export in a local folder.

All that is internal lies in `.supa-assets/` inside the output folder, on the same file system, so that publishing is
renaming:

    .supa-assets/.lock               one writer at a time
    .supa-assets/<run id>/           what the run staged
    .supa-assets/<run id>/.held-*    locked for as long as a process of the run lives
    .supa-assets/<run id>/.journal   the publication is decided; whoever comes next finishes it

The hole: between the journal and the last rename, a reader that does not call `recover()` first (a plain `cp`) can see
new files beside the old metadata.json. A loss of power is covered as far as the file system honours fsync.
"""

from __future__ import annotations

import errno
import json
import os
import re
import secrets
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import BinaryIO

from filelock import FileLock, Timeout

from supa_assets.errors import ExportFault, OutputError
from supa_assets.files.export_log import LOG_FILE
from supa_assets.files.metadata import METADATA_FILE
from supa_assets.files.storage import FileWriter, Publication

__all__ = ["INTERNAL_FOLDER", "LocalFolder", "LocalStaging"]

INTERNAL_FOLDER = ".supa-assets"

_HELD_PREFIX = ".held-"
_JOURNAL = ".journal"
_ELSEWHERE = "name another folder with --output-dir."
_IS_INTACT = "What was exported earlier is intact."
_IS_DECIDED = "The next export, or `supa-assets verify`, finishes the publication."
_SAFE_NAME = re.compile(r"[^./\\\0][^/\\\0]*")


@dataclass(frozen=True)
class LocalFolder:
    """A folder of this machine, or of a file server whose file locks reach all its clients."""

    path: Path
    lock_timeout_s: float = 30.0

    @property
    def location(self) -> str:
        return str(self.path)

    @property
    def log_path(self) -> Path:
        return self.path / LOG_FILE

    def staging(self, run_id: str) -> LocalStaging:
        return LocalStaging(self, run_id)

    # Ready

    def prepare(self) -> None:
        with _as_output_error("use the output folder", self.path):
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            _prove_writable(self.path)
            self.make_internal_folder()
            _fsync_folder(self.path)
        with self.lock():
            self.finish_publications()
            with _as_output_error("remove what earlier runs left in", self.path):
                self._remove_dead_runs()

    def recover(self) -> None:
        interrupted = self._interrupted_runs()
        if not interrupted:
            return
        if not os.access(self.path, os.W_OK | os.X_OK):
            raise ExportFault(
                f'the publication of run "{interrupted[0].name}" in "{self.path}" was interrupted,'
                " and this user may not write there to finish it",
                hint="run `supa-assets verify` as the user who exports; it finishes the publication.",
                path=self.location,
            )
        with self.lock():
            self.finish_publications()

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Be the only writer. Waits `lock_timeout_s`, then raises OutputError, naming the holder. Not reentrant."""
        with _as_output_error("lock the output folder", self.path):
            self.make_internal_folder()
            lock = FileLock(self.internal_folder / ".lock", mode=0o600, thread_local=False)
            try:
                lock.acquire(timeout=self.lock_timeout_s)
            except Timeout:
                raise self._locked_by_another() from None
        try:
            self._sign_lock()
            yield
        finally:
            with suppress(
                OSError
            ):  # a stale note misleads nobody: it is read only while another holds the lock
                self._lock_holder.unlink()
            lock.release()

    # Read

    def open(self, file: str) -> BinaryIO:
        with _as_output_error(f'read "{file}" in', self.path), suppress(FileNotFoundError):
            return (self.path / _safe(file)).open("rb")
        raise self._missing(file)

    def byte_count(self, file: str) -> int:
        with _as_output_error(f'read "{file}" in', self.path), suppress(FileNotFoundError):
            return (self.path / _safe(file)).stat().st_size
        raise self._missing(file)

    def _missing(self, file: str) -> ExportFault:
        return ExportFault(
            f'"{file}" is missing in "{self.path}"',
            hint="materialize the asset again, or take the file from another copy.",
            path=str(self.path / file),
        )

    def published_files(self) -> list[str]:
        return _visible_files(self.path)

    def uri(self, file: str) -> str:
        return (self.path.absolute() / _safe(file)).as_uri()

    # Publications

    def finish_publications(self) -> None:
        """Roll every decided publication forward; repeatable, wherever an earlier attempt ended. Wants the lock."""
        for staging in self._interrupted_runs():
            action = f'finish the publication of run "{staging.name}" in'
            with _as_output_error(action, self.path, outcome=_IS_DECIDED):
                self._roll_forward(staging)

    def _roll_forward(self, staging: Path) -> None:
        journal = self._read_journal(staging)
        for file in journal["files"]:
            _move(staging / file, self.path / file)
        _fsync_folder(self.path)
        _move(staging / METADATA_FILE, self.path / METADATA_FILE)
        for file in journal["removed_files"]:
            (self.path / file).unlink(missing_ok=True)
        _fsync_folder(self.path)
        (staging / _JOURNAL).unlink()
        # Were the journal to come back after a loss of power, it would remove files that a later run published.
        _fsync_folder(staging)
        _clear(staging)

    def _read_journal(self, staging: Path) -> dict[str, list[str]]:
        """Written whole or not at all: what can't be read here was changed by somebody."""
        try:
            journal = json.loads((staging / _JOURNAL).read_bytes())
            return {name: list(map(_safe, journal[name])) for name in ("files", "removed_files")}
        except (ValueError, TypeError, KeyError):
            raise ExportFault(
                f'the journal of run "{staging.name}" in "{staging}" is broken',
                hint=f'remove "{staging}", then export every table again.',
                path=str(staging / _JOURNAL),
            ) from None

    # What is internal

    @property
    def internal_folder(self) -> Path:
        return self.path / INTERNAL_FOLDER

    @property
    def _lock_holder(self) -> Path:
        return self.internal_folder / ".lock-holder"

    def make_internal_folder(self) -> None:
        self.internal_folder.mkdir(mode=0o700, exist_ok=True)
        if self.internal_folder.stat().st_dev != self.path.stat().st_dev:
            # Publishing renames, and a rename across file systems is a copy: neither atomic nor cheap.
            raise OSError(errno.EXDEV, f"{INTERNAL_FOLDER} in it is on another file system")

    def _runs(self) -> list[Path]:
        if not self.internal_folder.exists():
            return []
        return sorted(path for path in self.internal_folder.iterdir() if path.is_dir())

    def _interrupted_runs(self) -> list[Path]:
        with _as_output_error("look for interrupted publications in", self.path):
            return [staging for staging in self._runs() if (staging / _JOURNAL).exists()]

    def _remove_dead_runs(self) -> None:
        for staging in self._runs():
            if not any(map(_is_locked, staging.glob(f"{_HELD_PREFIX}*"))):
                shutil.rmtree(staging)

    def _sign_lock(self) -> None:
        """Leave a note for `_locked_by_another`; only a courtesy, so a full disk doesn't stop who has the lock."""
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        with suppress(OSError):
            self._lock_holder.write_text(
                f"process {os.getpid()} on {socket.gethostname()}, since {now}", encoding="utf-8"
            )

    def _locked_by_another(self) -> OutputError:
        holder = "another process"
        with suppress(OSError):
            holder = self._lock_holder.read_text(encoding="utf-8", errors="replace") or holder
        return OutputError(
            f'"{self.path}" is locked by {holder}; waited {self.lock_timeout_s:g} s',
            hint="wait for the other export to end, or name another folder with --output-dir.",
            path=self.location,
            found=holder,
        )


@dataclass(frozen=True)
class LocalStaging:
    """A run's folder inside a `LocalFolder`."""

    storage: LocalFolder
    run_id: str

    def __post_init__(self) -> None:
        _safe(self.run_id)

    @property
    def location(self) -> str:
        return self.storage.location

    @property
    def path(self) -> Path:
        return self.storage.internal_folder / self.run_id

    @contextmanager
    def hold(self) -> Iterator[None]:
        mark = self.path / f"{_HELD_PREFIX}{os.getpid()}-{secrets.token_hex(4)}"
        held = FileLock(mark, mode=0o600, thread_local=False)
        with self.storage.lock(), self._as_output_error("hold a run in"):
            self._make_folder()
            held.acquire(timeout=0)
        try:
            yield
        finally:
            held.release()
            mark.unlink(missing_ok=True)
            _remove_if_empty(self.path)

    @contextmanager
    def write(self, file: str) -> Iterator[FileWriter]:
        name = _safe(file)
        with self._as_output_error(f'write "{file}" in'):
            self._make_folder()
        with _new_file(self.path, name, shown_folder=self.storage.path) as writer:
            yield writer

    def files(self) -> list[str]:
        return _visible_files(self.path)

    def discard(self) -> None:
        if not self.path.exists():
            return
        with self.storage.lock(), self._as_output_error("remove staged files from"):
            # A decided publication may already be half in place: only finishing it keeps the export whole.
            if not (self.path / _JOURNAL).exists():
                _clear(self.path)

    # Read

    def open(self, file: str) -> BinaryIO:
        with self._as_output_error(f'read "{file}" in'), suppress(FileNotFoundError):
            return (self.path / _safe(file)).open("rb")
        return self.storage.open(file)

    def byte_count(self, file: str) -> int:
        with self._as_output_error(f'read "{file}" in'), suppress(FileNotFoundError):
            return (self.path / _safe(file)).stat().st_size
        return self.storage.byte_count(file)

    # Publish

    def publish(self, merge: Callable[[bytes | None], Publication]) -> None:
        with self.storage.lock():
            self.storage.finish_publications()
            publication = merge(self._published_metadata())
            self._refuse_impossible(publication)
            self._commit(publication)
            self.storage.finish_publications()

    def _published_metadata(self) -> bytes | None:
        path = self.storage.path / METADATA_FILE
        with self._as_output_error(f'read "{METADATA_FILE}" in'), suppress(FileNotFoundError):
            return path.read_bytes()
        return None

    def _refuse_impossible(self, publication: Publication) -> None:
        """Before the publication is decided: what could only fail half-way through."""
        staged, folder = set(self.files()), self.storage.path
        for file in publication.files:
            if _safe(file) not in staged:
                raise ExportFault(f'run "{self.run_id}" did not stage "{file}"', path=file)
        for file in (*publication.files, *map(_safe, publication.removed_files), METADATA_FILE):
            if (folder / file).is_dir():
                raise OutputError(
                    f'"{folder / file}" is a folder; a file of the export belongs there',
                    hint="move it away, or name another folder with --output-dir.",
                    path=str(folder / file),
                )

    def _commit(self, publication: Publication) -> None:
        """Decide the publication: with the journal's rename, and not before, it will happen whatever else does."""
        shown = self.storage.path
        with self._as_output_error("publish the export in"):
            self._make_folder()
        journal = {
            "files": list(publication.files),
            "removed_files": list(publication.removed_files),
        }
        with _new_file(self.path, METADATA_FILE, shown_folder=shown) as writer:
            writer.write(publication.metadata)
        with self._as_output_error("publish the export in"):
            _fsync_folder(self.path)  # all that was staged, before the journal speaks of it
            _fsync_folder(self.storage.internal_folder)
        with _new_file(self.path, _JOURNAL, shown_folder=shown) as writer:
            writer.write(json.dumps(journal).encode())
        with self._as_output_error("publish the export in"):
            _fsync_folder(self.path)

    def _make_folder(self) -> None:
        self.storage.make_internal_folder()
        self.path.mkdir(mode=0o700, exist_ok=True)

    def _as_output_error(self, action: str) -> AbstractContextManager[None]:
        return _as_output_error(action, self.storage.path)


class _LocalFile:
    """An unbuffered file: what `write` returned from was taken by the system, so closing it again is harmless."""

    def __init__(self, path: Path, *, action: str, shown_folder: Path) -> None:
        self._action = action
        self._folder = shown_folder
        with _as_output_error(action, shown_folder):
            self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._is_open = True

    def write(self, data: bytes, /) -> None:
        with _as_output_error(self._action, self._folder):
            written = os.write(self._fd, data)
            while written < len(data):
                written += os.write(self._fd, memoryview(data)[written:])

    def fsync(self) -> None:
        with _as_output_error(self._action, self._folder):
            os.fsync(self._fd)

    def close(self) -> None:
        if self._is_open:
            self._is_open = False
            with _as_output_error(self._action, self._folder):
                os.close(self._fd)


@contextmanager
def _new_file(folder: Path, name: str, *, shown_folder: Path) -> Iterator[FileWriter]:
    """Durable writing: a temp file beside the target, fsync, close, rename; on any exception it is closed and removed.

    The folder's own fsync is the caller's: a staged name need not outlive a loss of power before its run commits.
    """
    action = f'write "{name}" in'
    temp = folder / f".{name}.{secrets.token_hex(4)}.tmp"
    file = _LocalFile(temp, action=action, shown_folder=shown_folder)
    try:
        yield file
        file.fsync()
        file.close()
        with _as_output_error(action, shown_folder):
            temp.rename(folder / name)
    finally:
        with suppress(OutputError):  # what ended the block is the error to tell
            file.close()
        temp.unlink(missing_ok=True)


def _safe(name: str) -> str:
    """`name`, if it can't lead out of its folder or meet an internal one; raises ExportFault."""
    if _SAFE_NAME.fullmatch(name) is None:
        raise ExportFault(
            f'"{name}" is not a safe name: it has a separator or a leading dot',
            hint="restore metadata.json from a copy; no export of this program has such a name.",
            found=name,
        )
    return name


def _visible_files(folder: Path) -> list[str]:
    with _as_output_error("list", folder):
        if not folder.is_dir():
            return []
        return sorted(
            path.name for path in folder.iterdir() if path.name[0] != "." and path.is_file()
        )


def _move(source: Path, target: Path) -> None:
    """Rename; a source that isn't there was moved by the attempt before."""
    with suppress(FileNotFoundError):
        source.replace(target)


def _clear(staging: Path) -> None:
    """Remove what a run staged; the marks of its living processes stay, and with them the folder."""
    for path in staging.iterdir():
        if not path.name.startswith(_HELD_PREFIX):
            path.unlink(missing_ok=True)
    _remove_if_empty(staging)


def _remove_if_empty(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()


def _is_locked(mark: Path) -> bool:
    lock = FileLock(mark, mode=0o600, thread_local=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    lock.release()
    return False


def _prove_writable(folder: Path) -> None:
    """Write a block to the disk: permission bits say nothing of read-only and full file systems."""
    with tempfile.TemporaryFile(dir=folder, buffering=0) as probe:
        probe.write(bytes(4096))
        os.fsync(probe.fileno())


def _fsync_folder(folder: Path) -> None:
    """Make names durable. Some file systems can't fsync a folder and say so with EINVAL: PostgreSQL goes on, too."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EBADF):
            raise
    finally:
        os.close(fd)


@contextmanager
def _as_output_error(action: str, folder: Path, *, outcome: str = _IS_INTACT) -> Iterator[None]:
    """Turn the system's refusal of `action` into an OutputError; `outcome` says what became of the export."""
    try:
        yield
    except OSError as error:
        reason, remedy = _explain(error, folder)
        raise OutputError(
            f'could not {action} "{folder}": {reason}', hint=f"{remedy} {outcome}", path=str(folder)
        ) from error


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
