"""The export as it is decided: what is published, seen through publications that were not finished.

From its journal on a publication will happen. Until each file has taken its place, it is read where it still lies: in
its run's folder first, then among the published, so that who finishes it meanwhile takes no file from under a reader.
Looking changes nothing, and needs no right to write.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import BinaryIO

from supa_assets.files.folder import Folder
from supa_assets.files.metadata import LONGEST_METADATA_BYTE_COUNT, METADATA_FILE
from supa_assets.files.run_folder import JOURNAL, Journal, RunFolder, list_runs

__all__ = ["DecidedExport", "Unfinished", "open_decided", "open_unfinished"]


@dataclass(frozen=True)
class Unfinished:
    """A decided publication whose journal still lies there."""

    run: RunFolder
    journal: Journal

    def brings(self, file: str) -> bool:
        return file == METADATA_FILE or file in self.journal.files

    def staged_names(self) -> set[str]:
        """What has not taken its place yet."""
        folder = self.run.folder
        return {file for file in (*self.journal.files, METADATA_FILE) if folder.kind(file)}

    def finish(self, output: Folder, runs: Folder) -> None:
        """Roll forward, wherever an earlier attempt ended. Wants the lock. Raises WrongKind before anything moves."""
        run = self.run
        run.refuse_irregular(self.journal, output)
        for file in self.journal.files:
            run.folder.move(file, output)
        output.fsync()
        run.folder.move(METADATA_FILE, output)
        for file in self.journal.removed_files:
            if output.is_file(file):
                output.remove(file)
        output.fsync()
        run.folder.remove(JOURNAL)
        # Were the journal to come back after a loss of power, it would remove files that a later run published.
        run.folder.fsync()
        run.clear(runs)


@dataclass(frozen=True)
class DecidedExport:
    """Looks files up by name. Raises FileNotFoundError, and WrongKind for what isn't a regular file."""

    output: Folder
    unfinished: list[Unfinished]
    """In the order in which they will be finished."""

    def open(self, file: str) -> BinaryIO:
        for folder in self._folders(file):
            with suppress(FileNotFoundError):
                return folder.open_file(file)
        raise FileNotFoundError(file)

    def byte_count(self, file: str) -> int:
        for folder in self._folders(file):
            with suppress(FileNotFoundError):
                return folder.byte_count(file)
        raise FileNotFoundError(file)

    def names(self) -> list[str]:
        staged = [publication.staged_names() for publication in self.unfinished]
        found = set(
            self.output.visible_names()
        )  # after the staged: a file only ever moves this way
        for publication, names in zip(self.unfinished, staged, strict=True):
            found = (found - set(publication.journal.removed_files)) | names
        return sorted(found)

    def read_metadata_versions(self) -> list[bytes]:
        """Every version of metadata.json that lies there, none longer than a reader takes; the published one last."""
        versions = []
        for folder in (*(publication.run.folder for publication in self.unfinished), self.output):
            with suppress(FileNotFoundError), folder.open_file(METADATA_FILE) as opened:
                versions.append(opened.read(LONGEST_METADATA_BYTE_COUNT + 1))
        return versions

    def refuse_irregular(self) -> None:
        """Raise WrongKind where something else than a file keeps an unfinished publication from being finished."""
        for publication in self.unfinished:
            publication.run.refuse_irregular(publication.journal, self.output)

    def _folders(self, file: str) -> Iterator[Folder]:
        """Where the file can lie, in the order to look."""
        for publication in reversed(self.unfinished):
            if publication.brings(file):
                yield publication.run.folder
            elif file in publication.journal.removed_files:
                return
        yield self.output


@contextmanager
def open_unfinished(runs: Folder) -> Iterator[list[Unfinished]]:
    """Decided publications that are not finished. Raises ExportFault for a journal that can't be believed."""
    with ExitStack() as stack:
        found = []
        for run_id in list_runs(runs):
            with suppress(FileNotFoundError), ExitStack() as opened:  # it may end meanwhile
                run = RunFolder(run_id, opened.enter_context(runs.open_folder(run_id)))
                journal = run.read_journal()
                if journal is not None:
                    found.append(Unfinished(run, journal))
                    stack.enter_context(opened.pop_all())
        yield found


@contextmanager
def open_decided(output: Folder, internal: str) -> Iterator[DecidedExport]:
    """`internal` is the name of the folder of runs, which need not be there."""
    with ExitStack() as stack:
        unfinished: list[Unfinished] = []
        with suppress(FileNotFoundError):
            runs = stack.enter_context(output.open_folder(internal))
            unfinished = stack.enter_context(open_unfinished(runs))
        yield DecidedExport(output, unfinished)
