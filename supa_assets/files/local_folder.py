"""An export in a local folder.

All that is internal lies in `.supa-assets/` inside the output folder, on the same file system, so that publishing is
renaming:

    .supa-assets/.lock          one writer at a time
    .supa-assets/.lock-holder   who that is
    .supa-assets/<run id>/      what the run staged (`run_folder`)

A person may name a link to the output folder. Below it none is followed (`folder`), and reading changes nothing
(`decided`). The hole: between the journal and the last rename, a program that knows no journal (a plain `cp`) can see
new files beside the old metadata.json. A loss of power is covered as far as the file system honours fsync.
"""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from supa_assets.errors import ExportFault, OutputError
from supa_assets.files.decided import DecidedExport, open_decided, open_unfinished
from supa_assets.files.disk import as_export_fault, as_output_error
from supa_assets.files.export_log import LOG_FILE
from supa_assets.files.folder import Folder, safe_name
from supa_assets.files.lock import (
    read_lock_holder,
    sign_lock,
    try_to_lock,
    unlock,
    unsign_lock,
    while_unlocked,
)
from supa_assets.files.metadata import METADATA_FILE
from supa_assets.files.new_file import new_file
from supa_assets.files.run_folder import (
    JOURNAL,
    Journal,
    RunFolder,
    list_runs,
    make_run,
    require_run_id,
)
from supa_assets.files.storage import FileWriter, Publication

__all__ = ["INTERNAL_FOLDER", "LocalFolder", "LocalStaging"]

INTERNAL_FOLDER = ".supa-assets"

_LOCK = ".lock"
_LAST_LOCK_TIMEOUT_S = 1.0
_IS_DECIDED = "The next export, or `supa-assets verify --recover`, finishes the publication."


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

    def examine(self, files: Collection[str] = ()) -> None:
        with self._as_output_error("use the output folder"):
            if not os.path.lexists(self.path):
                _refuse_unmakeable(self.path)
                return
            with self._opened() as output:
                _refuse_unwritable(output)
                for file in (METADATA_FILE, *map(safe_name, files)):
                    output.refuse_other_than_file(file)
                output.refuse_shared(LOG_FILE)
                _refuse_foreign_internal_folder(output)
                with open_decided(output, INTERNAL_FOLDER) as decided:
                    decided.refuse_irregular()

    def prepare(self) -> None:
        with self._as_output_error("use the output folder"):
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            _prove_writable(self.path)
            with self._opened() as output, _make_internal_folder(output):
                output.fsync()
        with self.lock():
            self.finish_publications()
            with self._as_output_error("remove what earlier runs left in"):
                self._remove_dead_runs()

    def recover(self) -> None:
        if self._interrupted_runs():
            with self.lock():
                self.finish_publications()

    @contextmanager
    def lock(self, timeout_s: float | None = None) -> Iterator[None]:
        """Be the only writer. Waits `lock_timeout_s`, then raises OutputError, naming the holder. Not reentrant."""
        waited_s = self.lock_timeout_s if timeout_s is None else timeout_s
        with ExitStack() as stack:
            with self._as_output_error("lock the output folder"):
                internal = stack.enter_context(self.opened_internal())
                fd = internal.open_shared(_LOCK, os.O_RDWR)  # NFS locks only what may be written
                stack.callback(unlock, fd)
                if not try_to_lock(fd, timeout_s=waited_s):
                    raise self._locked_by_another(internal, waited_s)
            sign_lock(internal)
            stack.callback(unsign_lock, internal)
            yield

    def _locked_by_another(self, internal: Folder, waited_s: float) -> OutputError:
        holder = read_lock_holder(internal)
        return OutputError(
            f'"{self.path}" is locked by {holder}; waited {waited_s:g} s',
            hint="wait for the other export to end, or name another folder (setting output, or --output-dir).",
            path=self.location,
            found=holder,
        )

    # Read

    def open(self, file: str) -> BinaryIO:
        name = safe_name(file)
        with self._reading(file), suppress(FileNotFoundError), self._decided() as decided:
            return decided.open(name)
        raise self._missing(file)

    def byte_count(self, file: str) -> int:
        name = safe_name(file)
        with self._reading(file), suppress(FileNotFoundError), self._decided() as decided:
            return decided.byte_count(name)
        raise self._missing(file)

    def published_files(self) -> list[str]:
        with (
            as_export_fault("list", self.path),
            suppress(FileNotFoundError),
            self._decided() as decided,
        ):
            return decided.names()
        return []

    def metadata_versions(self) -> list[bytes]:
        with self._reading(METADATA_FILE), suppress(FileNotFoundError), self._decided() as decided:
            return decided.read_metadata_versions()
        return []

    def unfinished_runs(self) -> list[str]:
        if not self._interrupted_runs():
            return []
        with (
            self._looking(),
            self._opened() as output,
            output.open_folder(INTERNAL_FOLDER) as internal,
            while_unlocked(internal, _LOCK, timeout_s=self.lock_timeout_s),
        ):
            return self._interrupted_runs()

    def uri(self, file: str) -> str:
        return (self.path.absolute() / safe_name(file)).as_uri()

    @contextmanager
    def _decided(self) -> Iterator[DecidedExport]:
        """Raises FileNotFoundError where the folder isn't there."""
        with self._opened() as output, open_decided(output, INTERNAL_FOLDER) as decided:
            yield decided

    def _reading(self, file: str) -> AbstractContextManager[None]:
        return as_export_fault(f'read "{file}" in', self.path)

    def _missing(self, file: str) -> ExportFault:
        return ExportFault(
            f'"{file}" is missing in "{self.path}"',
            hint="materialize the asset again, or take the file from another copy.",
            path=str(self.path / file),
        )

    # Publications

    def finish_publications(self) -> None:
        """Roll every decided publication forward; repeatable, wherever an earlier attempt ended. Wants the lock."""
        with (
            self._looking(),
            self._opened() as output,
            self.opened_internal() as internal,
            open_unfinished(internal) as unfinished,
        ):
            for publication in unfinished:
                action = f'finish the publication of run "{publication.run.run_id}" in'
                with as_output_error(action, self.path, outcome=_IS_DECIDED):
                    publication.finish(output, internal)

    def _interrupted_runs(self) -> list[str]:
        with self._looking(), suppress(FileNotFoundError), self._decided() as decided:
            return [publication.run.run_id for publication in decided.unfinished]
        return []

    def _looking(self) -> AbstractContextManager[None]:
        return as_export_fault("look for interrupted publications in", self.path)

    # What is internal

    def _opened(self) -> Folder:
        return Folder.open(self.path)

    @contextmanager
    def opened_internal(self) -> Iterator[Folder]:
        """`.supa-assets/`, made where it isn't there."""
        with self._opened() as output, _make_internal_folder(output) as internal:
            yield internal

    def _remove_dead_runs(self) -> None:
        with self.opened_internal() as internal:
            for run_id in list_runs(internal):
                with internal.open_folder(run_id) as folder:
                    run = RunFolder(run_id, folder)
                    if not run.is_held():
                        run.clear(internal, is_over=True)

    def _as_output_error(self, action: str) -> AbstractContextManager[None]:
        return as_output_error(action, self.path)


@dataclass(frozen=True)
class LocalStaging:
    """A run's folder inside a `LocalFolder`."""

    storage: LocalFolder
    run_id: str

    def __post_init__(self) -> None:
        require_run_id(self.run_id)

    @property
    def location(self) -> str:
        return self.storage.location

    @property
    def path(self) -> Path:
        """What a person is shown; this program goes by descriptors."""
        return self.storage.path / INTERNAL_FOLDER / self.run_id

    @contextmanager
    def hold(self) -> Iterator[None]:
        with ExitStack() as stack:
            with self.storage.lock(), self._as_output_error("hold a run in"):
                run = stack.enter_context(self._made())
                stack.callback(self._leave)
                stack.enter_context(run.hold())
            yield

    def _leave(self) -> None:
        """Remove the folder if it is empty. Where another holds the lock for long, the next run does it."""
        with (
            suppress(OutputError, FileNotFoundError),
            self.storage.lock(_LAST_LOCK_TIMEOUT_S),
            self._found() as (run, internal),
        ):
            run.remove_if_empty(internal)

    @contextmanager
    def write(self, file: str) -> Iterator[FileWriter]:
        name = safe_name(file)
        with ExitStack() as stack:
            with self._as_output_error(f'write "{file}" in'):
                run = stack.enter_context(self._made())
            yield stack.enter_context(new_file(run.folder, name, shown_folder=self.storage.path))

    def files(self) -> list[str]:
        with self._as_output_error("list"), suppress(FileNotFoundError), self._found() as (run, _):
            return run.folder.visible_names()
        return []

    def discard(self) -> None:
        with (
            self._as_output_error("remove staged files from"),
            suppress(FileNotFoundError),
            self._found() as (run, internal),
            self.storage.lock(),
        ):
            # A decided publication may already be half in place: only finishing it keeps the export whole.
            if run.folder.kind(JOURNAL) is None:
                run.clear(internal)

    # Read

    def open(self, file: str) -> BinaryIO:
        name = safe_name(file)
        with self._reading(file), suppress(FileNotFoundError), self._found() as (run, _):
            return run.folder.open_file(name)
        return self.storage.open(file)

    def byte_count(self, file: str) -> int:
        name = safe_name(file)
        with self._reading(file), suppress(FileNotFoundError), self._found() as (run, _):
            return run.folder.byte_count(name)
        return self.storage.byte_count(file)

    def _reading(self, file: str) -> AbstractContextManager[None]:
        return as_export_fault(f'read "{file}" in', self.storage.path)

    # Publish

    def publish(self, merge: Callable[[bytes | None], Publication]) -> None:
        with self.storage.lock():
            self.storage.finish_publications()
            published = self.storage.metadata_versions()
            publication = merge(published[-1] if published else None)
            self._refuse_impossible(publication)
            self._commit(publication)
            self.storage.finish_publications()

    def _refuse_impossible(self, publication: Publication) -> None:
        """Before the publication is decided: what could only fail half-way through."""
        staged = set(self.files())
        for file in publication.files:
            if safe_name(file) not in staged:
                raise ExportFault(f'run "{self.run_id}" did not stage "{file}"', path=file)
        journal = Journal(publication.files, [*map(safe_name, publication.removed_files)])
        with (
            self._as_output_error("publish the export in"),
            self._made() as run,
            Folder.open(self.storage.path) as output,
        ):
            run.refuse_irregular(journal, output)

    def _commit(self, publication: Publication) -> None:
        """Decide the publication: with the journal's rename, and not before, it will happen whatever else does."""
        journal = Journal(publication.files, publication.removed_files)
        with self.write(METADATA_FILE) as writer:
            writer.write(publication.metadata)
        with self._as_output_error("publish the export in"), self._found() as (run, internal):
            run.folder.fsync()  # all that was staged, before the journal speaks of it
            internal.fsync()
            with new_file(run.folder, JOURNAL, shown_folder=self.storage.path) as writer:
                writer.write(journal.to_json())
            with as_output_error("publish the export in", self.storage.path, outcome=_IS_DECIDED):
                run.folder.fsync()

    # Its folder

    @contextmanager
    def _made(self) -> Iterator[RunFolder]:
        with (
            self.storage.opened_internal() as internal,
            make_run(internal, self.run_id) as run,
        ):
            yield run

    @contextmanager
    def _found(self) -> Iterator[tuple[RunFolder, Folder]]:
        """The folder, and that of all runs; raises FileNotFoundError where nothing was staged."""
        with (
            Folder.open(self.storage.path) as output,
            output.open_folder(INTERNAL_FOLDER) as internal,
            internal.open_folder(self.run_id) as folder,
        ):
            yield RunFolder(self.run_id, folder), internal

    def _as_output_error(self, action: str) -> AbstractContextManager[None]:
        return as_output_error(action, self.storage.path)


def _make_internal_folder(output: Folder) -> Folder:
    internal = output.make_folder(INTERNAL_FOLDER)
    try:
        _refuse_other_device(internal, output)
    except OSError:
        internal.close()
        raise
    return internal


def _refuse_other_device(internal: Folder, output: Folder) -> None:
    if internal.device != output.device:
        # Publishing renames, and a rename across file systems is a copy: neither atomic nor cheap.
        raise OSError(errno.EXDEV, f"{INTERNAL_FOLDER} in it is on another file system")


def _refuse_foreign_internal_folder(output: Folder) -> None:
    with suppress(FileNotFoundError), output.open_folder(INTERNAL_FOLDER) as internal:
        _refuse_other_device(internal, output)
        _refuse_unwritable(internal)
        internal.refuse_shared(_LOCK)


def _refuse_unwritable(folder: Folder) -> None:
    if not folder.is_writable():
        reason = errno.EROFS if folder.is_on_read_only_disk() else errno.EACCES
        raise OSError(reason, os.strerror(reason))


def _refuse_unmakeable(path: Path) -> None:
    """A folder that isn't there: whether the one above it lets it be made."""
    above = next(parent for parent in path.absolute().parents if os.path.lexists(parent))
    with Folder.open(above) as folder:
        _refuse_unwritable(folder)


def _prove_writable(folder: Path) -> None:
    """Write a block to the disk: permission bits say nothing of read-only and full file systems."""
    with tempfile.TemporaryFile(dir=folder, buffering=0) as probe:
        probe.write(bytes(4096))
        os.fsync(probe.fileno())
