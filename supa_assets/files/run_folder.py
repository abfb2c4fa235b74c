"""A run's folder inside `.supa-assets/`: what shows that it is one, whether its run lives, what it has decided.

    .run                          our mark: what this folder is, and of which run
    .held-<process>-<8 hex>       locked for as long as a process of the run lives
    .journal                      the publication is decided; whoever comes next finishes it

Only a real folder that is named like a run's id is looked into, and only one with a mark is ever cleared: of its files
and links, never of a folder in it. An earlier version of this program made no `.run`; its folders are known by a
`.held-…` file. A `.journal` is believed only as far as names go that stay inside the two folders.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from supa_assets.errors import ExportFault
from supa_assets.files.folder import Folder, WrongKind, safe_name
from supa_assets.files.lock import is_locked, try_to_lock, unlock
from supa_assets.files.metadata import METADATA_FILE

__all__ = ["JOURNAL", "Journal", "RunFolder", "list_runs", "make_run", "require_run_id"]

JOURNAL = ".journal"

_MARK = ".run"
_RUN_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_HELD = re.compile(r"\.held-[0-9]+-[0-9a-f]{8}")
_MOST_JOURNAL_BYTES = 64 * 1024 * 1024


def require_run_id(run_id: str) -> str:
    """`run_id`, if it has the form of one, which is that of a UUID as Dagster writes it; raises ExportFault."""
    if _RUN_ID.fullmatch(run_id) is None:
        raise ExportFault(
            f'"{run_id}" is not the id of a run: it should be a UUID in lower case',
            hint="take str(uuid.uuid4()), or leave the id out.",
            found=run_id,
        )
    return run_id


@dataclass(frozen=True)
class Journal:
    """A decided publication: what takes its place, besides metadata.json, and what leaves."""

    files: Sequence[str]
    removed_files: Sequence[str]

    def to_json(self) -> bytes:
        names = {"files": list(self.files), "removed_files": list(self.removed_files)}
        return json.dumps(names).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Journal:
        """Raises ValueError, or an ExportFault for a name that leads elsewhere."""
        try:
            values = json.loads(data)
            files, removed = values["files"], values["removed_files"]
            if not all(isinstance(name, str) for name in (*files, *removed)):
                raise ValueError("not names")
        except (TypeError, KeyError, RecursionError):
            raise ValueError("not a journal") from None
        return cls([safe_name(name) for name in files], [safe_name(name) for name in removed])


@dataclass(frozen=True)
class RunFolder:
    """An open folder of a run."""

    run_id: str
    folder: Folder

    # Whose it is

    def is_marked(self) -> bool:
        """Whether this program made it."""
        return self._has_mark() or any(self.folder.is_file(name) for name in self._held_names())

    def _has_mark(self) -> bool:
        """A kill can have cut the mark short."""
        try:
            found = self.folder.read(_MARK, at_most=1000)
        except (FileNotFoundError, WrongKind):
            return False
        return _compose_mark(self.run_id).startswith(found)

    def mark(self) -> None:
        """Make it ours if it is empty, as it is when it was just made; raises WrongKind where it is somebody's."""
        if not self.folder.names():
            with suppress(FileExistsError):  # another process of the run was faster
                self.folder.write_new(_MARK, _compose_mark(self.run_id))
        if not self.is_marked():
            raise WrongKind(self.folder.path, "a folder of another program", "a run's folder")

    # Whether the run lives

    def is_held(self) -> bool:
        return any(is_locked(self.folder, name) for name in self._held_names())

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Let others see that a process of the run lives, until the context or the process ends."""
        name = f".held-{os.getpid()}-{secrets.token_hex(4)}"
        fd = self.folder.create(name)
        try:
            try_to_lock(fd, timeout_s=0)
            yield
        finally:
            unlock(fd)
            self.folder.remove(name)

    def _held_names(self) -> list[str]:
        return [name for name in self.folder.names() if _HELD.fullmatch(name)]

    # What it decided

    def read_journal(self) -> Journal | None:
        """None where nothing is decided. Written whole or not at all: what can't be read was changed by somebody."""
        try:
            data = self.folder.read(JOURNAL, at_most=_MOST_JOURNAL_BYTES)
        except FileNotFoundError:
            return None
        try:
            return Journal.from_json(data)
        except (ValueError, ExportFault):
            raise ExportFault(
                f'the journal of run "{self.run_id}" in "{self.folder.path}" is broken',
                hint=f'remove "{self.folder.path}", then export every table again.',
                path=str(self.folder.path / JOURNAL),
            ) from None

    def refuse_irregular(self, journal: Journal, target: Folder) -> None:
        """Raise WrongKind before anything of the publication moves: what is moved and replaced are files."""
        for file in (*journal.files, METADATA_FILE):
            self.folder.refuse_other_than_file(file)
            target.refuse_other_than_file(file)

    # Its end

    def clear(self, runs: Folder, *, is_over: bool = False) -> None:
        """Remove what the run staged, if the folder bears a mark; and the folder, once nobody holds it.

        `is_over` says that nobody does. Wants the lock: nobody else may make or clear a run meanwhile.
        """
        if self.is_marked():
            held = set() if is_over else set(self._held_names())
            for name in self.folder.names():
                if name not in held and name != _MARK and not self.folder.is_folder(name):
                    self.folder.remove(name)
        self.remove_if_empty(runs)

    def remove_if_empty(self, runs: Folder) -> None:
        """Wants the lock, too. A folder that a kill left before it was marked takes nothing with it."""
        if self.folder.names() == [_MARK] and self.is_marked():
            self.folder.remove(_MARK)
        runs.remove_folder_if_empty(self.run_id)


def _compose_mark(run_id: str) -> bytes:
    return f"run {run_id} of supa-assets\n".encode()


@contextmanager
def make_run(runs: Folder, run_id: str) -> Iterator[RunFolder]:
    """The run's folder, made and marked if it isn't there; raises WrongKind where something else is."""
    with runs.make_folder(run_id) as folder:
        run = RunFolder(run_id, folder)
        run.mark()
        yield run


def list_runs(runs: Folder) -> list[str]:
    """Ids of what can be runs: real folders named like one. Nothing else there is ever touched."""
    return [name for name in runs.names() if _RUN_ID.fullmatch(name) and runs.is_folder(name)]
