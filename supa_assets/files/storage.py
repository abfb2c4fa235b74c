"""Where an export's files lie: a small interface of bytes and names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import BinaryIO, Protocol

__all__ = ["FileWriter", "Publication", "Storage"]


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


class Storage(Protocol):
    """One place for one export. File names are plain: no folders, no leading dot."""

    @property
    def location(self) -> str:
        """How a person names the place."""

    def prepare(self) -> None:
        """Make the place ready for a run, or raise OutputError: prove that it can be written.

        Finishes an interrupted publication, and removes what dead runs staged.
        """

    def recover(self) -> None:
        """Finish an interrupted publication, if there is one; every reader calls it first.

        Raises ExportFault where the reader may not write.
        """

    def hold_run(self, run_id: str) -> AbstractContextManager[None]:
        """Keep what the run stages until the context, or the process, ends; several processes may hold one run."""

    def stage(self, run_id: str, file: str) -> AbstractContextManager[FileWriter]:
        """Write a file aside; it is there, whole, after the context's clean end, and not at all after any other."""

    def open(self, file: str, run_id: str | None = None) -> BinaryIO:
        """Read what the run staged under that name, else what is published; raises ExportFault if there is neither."""

    def byte_count(self, file: str, run_id: str | None = None) -> int:
        """Size of what `open` would read."""

    def staged_files(self, run_id: str) -> list[str]:
        """Names of what the run staged, sorted."""

    def published_files(self) -> list[str]:
        """Names of what is published, metadata.json included, sorted."""

    def uri(self, file: str) -> str:
        """Where the file is, once published."""

    def publish(self, run_id: str, merge: Callable[[bytes | None], Publication]) -> None:
        """Replace the published export by what `merge` makes of its metadata.json (None where there is none).

        All or nothing, one writer at a time: nobody else publishes between the reading of metadata.json and its
        replacement. What `merge` raises leaves everything as it was. What else the run staged is removed.
        """

    def discard(self, run_id: str) -> None:
        """Remove what the run staged, unless its publication is already decided."""
