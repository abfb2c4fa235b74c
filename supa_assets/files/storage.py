"""Where an export's files lie: a small interface of bytes and names. `open_storage` gives the one at a location.

A run *stages* its files aside and *publishes* them together at its end, so a good export stays whole until a better one
replaces it whole. What every storage must keep to is in supa_assets_tests/files/test_storages.py.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

__all__ = ["FileWriter", "Files", "Publication", "Staging", "Storage"]


class FileWriter(Protocol):
    """A file being staged."""

    def write(self, data: bytes, /) -> None:
        """Append all of `data`; raises OutputError."""


@dataclass(frozen=True)
class Publication:
    """What a run makes of an export."""

    metadata: bytes
    """The new metadata.json."""
    files: Sequence[str]
    """Staged files that take their published place."""
    removed_files: Sequence[str] = ()
    """Published files that leave."""


class Files(Protocol):
    """Files to read, by name. Names are plain: no folders, no leading dot."""

    @property
    def location(self) -> str:
        """How a person names the place."""

    def open(self, file: str) -> BinaryIO:
        """Read a file; raises ExportFault where it is missing."""

    def byte_count(self, file: str) -> int:
        """Size of what `open` would read."""


class Staging(Files, Protocol):
    """What one run stages. As `Files` it gives what the run staged under a name, else what is published."""

    @property
    def run_id(self) -> str: ...

    def hold(self) -> AbstractContextManager[None]:
        """Keep what the run stages until the context, or the process, ends; several processes may hold one run."""

    def write(self, file: str) -> AbstractContextManager[FileWriter]:
        """Write a file aside; it is there, whole, after the context's clean end, and not at all after any other."""

    def files(self) -> list[str]:
        """Names of what the run staged, sorted."""

    def publish(self, merge: Callable[[bytes | None], Publication]) -> None:
        """Replace the published export by what `merge` makes of its metadata.json (None where there is none).

        All or nothing, one writer at a time: nobody else publishes between the reading of metadata.json and its
        replacement. What `merge` raises leaves everything as it was. What else the run staged is removed.
        """

    def discard(self) -> None:
        """Remove what the run staged, unless its publication is already decided."""


class Storage(Files, Protocol):
    """One place for one export. As `Files` it gives what is published, also where a publication was interrupted.

    Reading changes nothing, and needs no right to write.
    """

    @property
    def log_path(self) -> Path:
        """Where the run's export.log lies, on this machine."""

    def examine(self, files: Collection[str] = ()) -> None:
        """Raise OutputError or ExportFault for what would keep a run that publishes `files` from it. Touches nothing.

        What can only be found by trying (a full disk, say) is for `prepare` to find.
        """

    def prepare(self) -> None:
        """Make the place ready for a run, or raise OutputError: prove that it can be written.

        Finishes an interrupted publication, and removes what dead runs staged.
        """

    def recover(self) -> None:
        """Finish an interrupted publication, if there is one. No reader has to: it sees the export as it is decided."""

    def unfinished_runs(self) -> list[str]:
        """Ids of runs whose publication is decided and not finished; waits for one that is just at it.

        Who knows nothing of publications (a plain copy) would meanwhile take a mixture.
        """

    def metadata_versions(self) -> list[bytes]:
        """Each metadata.json that lies there: those of unfinished publications, and last the published one."""

    def published_files(self) -> list[str]:
        """Names of what is published, metadata.json included, sorted; also of what can't be opened as a file."""

    def uri(self, file: str) -> str:
        """Where the file is, once published."""

    def staging(self, run_id: str) -> Staging:
        """What the run stages, in whatever process; nothing is made by asking. An id is a UUID, or ExportFault."""
