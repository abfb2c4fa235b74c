"""Load an export into a database, all of it or nothing.

The files are verified first, then everything that could keep the target from taking them is looked for and told at
once, and only then is a row written. Rows, keys and triggers are of one transaction. The hole: `setval` isn't undone by
a rollback, so sequences are set last, right before the commit.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import psycopg
from psycopg import errors, sql

from supa_assets.errors import SettingsError, TargetError
from supa_assets.files.completeness import describe_losses
from supa_assets.files.metadata import ExportMetadata, SourceEntry, TableEntry
from supa_assets.files.publish import require_metadata
from supa_assets.files.same_database import compare_databases
from supa_assets.files.storage import Storage
from supa_assets.notice import Notice
from supa_assets.restore.bypass import Bypass, choose_bypass
from supa_assets.restore.create import create_missing
from supa_assets.restore.export_files import BATCH_BYTE_COUNT, refuse_faults, select_entries
from supa_assets.restore.foreign_keys import CheckedKey, check_foreign_keys
from supa_assets.restore.load import fill_in, load_table
from supa_assets.restore.problems import find_problems, refuse_problems
from supa_assets.restore.sequences import plan_sequences, set_sequences
from supa_assets.restore.target import Target, TargetDatabase, read_target
from supa_assets.server.explain import explain_write_error
from supa_assets.server.watched import naming_work
from supa_assets.visible import one_line

__all__ = ["OnProgress", "RestoreResult", "RestoredTable", "restore_export"]

OnProgress = Callable[[str, int, int], None]
"""Called after each batch, and for a table without rows, with the asset's name and its rows and bytes so far."""


@dataclass(frozen=True)
class RestoredTable:
    name: str
    relation: str
    row_count: int
    byte_count: int
    duration_s: float


@dataclass(frozen=True)
class RestoreResult:
    """What a restore did; of a dry run, what it would do."""

    target: SourceEntry
    is_dry_run: bool
    tables: list[RestoredTable]
    """In import order."""
    created: list[str]
    """What `--create` made."""
    sequence_count: int
    checked_keys: list[CheckedKey]
    """Foreign keys checked by query; empty where the server itself checked them."""
    notes: list[Notice]
    """What a person should know, though it kept nothing from being loaded."""

    @property
    def row_count(self) -> int:
        return sum(table.row_count for table in self.tables)

    @property
    def held_key_count(self) -> int:
        """Foreign keys that a query could check; they all hold, or the restore had failed."""
        return sum(key.orphan_count is not None for key in self.checked_keys)

    def describe_target(self) -> str:
        return f"{self.target.host}:{self.target.port}/{self.target.database}"

    def list_notes(self) -> list[str]:
        """Foreign keys that no query could check, then the notes."""
        unchecked = [
            one_line(
                f'foreign key "{key.constraint}" of "{key.relation}" was not checked: {key.reason}'
            )
            for key in self.checked_keys
            if key.orphan_count is None
        ]
        return [*unchecked, *map(str, self.notes)]


def restore_export(
    storage: Storage,
    database: TargetDatabase,
    *,
    named: Collection[str] = (),
    creates: bool = False,
    is_dry_run: bool = False,
    may_write_into_source: bool = False,
    on_progress: OnProgress = lambda *_: None,
    batch_byte_count: int = BATCH_BYTE_COUNT,
) -> RestoreResult:
    """Restore the export's tables, or of them those `named`, about `batch_byte_count` of a file at a time.

    Raises ExportFault, naming every fault of the files, and TargetError, naming every problem of the target, before
    anything is written; whatever fails later rolls all back.
    """
    metadata = require_metadata(storage)
    entries = select_entries(metadata, named)
    refuse_faults(storage)
    with database.open(writes=True) as connection:
        run = _Restore(
            connection, database, storage, metadata, entries, on_progress, batch_byte_count
        )
        try:
            run.refuse_source(may_write_into_source=may_write_into_source)
            result = run.run(creates=creates, is_dry_run=is_dry_run)
            if not is_dry_run:
                connection.commit()
        except psycopg.Error as error:
            raise explain_write_error(error, database.address) from None
    return result


class _Restore:
    """One transaction."""

    def __init__(
        self,
        connection: psycopg.Connection[Any],
        database: TargetDatabase,
        storage: Storage,
        metadata: ExportMetadata,
        entries: Mapping[str, TableEntry],
        on_progress: OnProgress,
        batch_byte_count: int,
    ) -> None:
        self._connection = connection
        self._database = database
        self._storage = storage
        self._metadata = metadata
        self._entries = entries
        self._on_progress = on_progress
        self._batch_byte_count = batch_byte_count
        self._where = database.describe(connection)

    def refuse_source(self, *, may_write_into_source: bool) -> None:
        """Raise where the target is the source, or where nobody can tell."""
        likeness = compare_databases(self._metadata.source_database, self._where)
        if likeness.verdict == "other" or may_write_into_source:
            return
        is_it = "is" if likeness.verdict == "same" else "may be"
        raise SettingsError(
            f'the target "{self._where.database}" on {self._where.host}:{self._where.port} {is_it} the database that'
            f" the export came from: {likeness.reason}",
            hint="name another one; if you do mean this one, give --into-source and --yes"
            " (in Dagster: into_source and confirm_into_source).",
        )

    def run(self, *, creates: bool, is_dry_run: bool) -> RestoreResult:
        creation = (
            create_missing(self._connection, self._metadata, self._entries) if creates else None
        )
        target = read_target(self._connection, self._entries)
        notes = self._lock(target)
        bypass = choose_bypass(
            self._connection, self._entries, target, batch_byte_count=self._batch_byte_count
        )
        sequences = plan_sequences(
            self._connection, self._metadata, self._entries, target.structure
        )
        problems = list(find_problems(self._connection, self._metadata, self._entries, target))
        refuse_problems([*problems, *bypass.problems, *sequences.problems], creates=creates)
        notes = [
            *self._notes_on_losses(),
            *notes,
            *self._notes_on_export(),
            *bypass.notes,
            *sequences.notes,
        ]
        tables = [_describe(entry, 0.0) for entry in self._entries.values()]
        keys: list[CheckedKey] = []
        if not is_dry_run:
            tables = self._load(target, bypass)
            keys = self._check_keys(target, bypass)
            if creation:
                creation.add_constraints()
            set_sequences(self._connection, sequences.states)
        return RestoreResult(
            target=self._where,
            is_dry_run=is_dry_run,
            tables=tables,
            created=creation.created if creation else [],
            sequence_count=len(sequences.states),
            checked_keys=keys,
            notes=[*notes, *(creation.notes if creation else [])],
        )

    def _lock(self, target: Target) -> list[Notice]:
        """Nobody else's rows may come in between; a role that may only insert can't have that."""
        tables = [
            table.identifier for table in target.tables.values() if table.kind.endswith("table")
        ]
        if not tables:
            return []
        statement = sql.SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE").format(
            sql.SQL(", ").join(tables)
        )
        try:
            with self._connection.transaction():
                self._connection.execute(statement)
        except (errors.InsufficientPrivilege, errors.WrongObjectType):
            text = (
                "the role may not lock the tables: another session could write into them meanwhile"
            )
            return [Notice(text)]
        return []

    def _notes_on_losses(self) -> list[Notice]:
        """First of all notes; where tables were named, those are meant and no others."""
        if len(self._entries) < len(self._metadata.tables):
            return []
        return [
            Notice(f"the export is not whole: {said}") for said in describe_losses(self._metadata)
        ]

    def _notes_on_export(self) -> list[Notice]:
        notes = []
        if not self._metadata.is_one_snapshot:
            text = "the export's tables are of several snapshots: rows may miss what they reference"
            notes.append(Notice(text))
        for entry in self._entries.values():
            if entry.omitted_columns:
                names = ", ".join(entry.omitted_columns)
                text = f'"{entry.relation}" was exported without columns, which get their defaults: {names}'
                notes.append(Notice(text, entry.relation))
        return notes

    def _load(self, target: Target, bypass: Bypass) -> list[RestoredTable]:
        bypass.prepare(self._connection)
        loaded = []
        for entry in self._entries.values():
            started = time.monotonic()
            with naming_work(self._connection, f'writing "{entry.relation}"'):
                row_count = load_table(
                    self._connection, self._database, self._storage, entry, target,
                    late_columns=bypass.second_pass.get(entry.name, ()),
                    batch_byte_count=self._batch_byte_count,
                    on_batch=partial(self._on_progress, entry.name),
                )  # fmt: skip
            if not entry.row_count:
                self._on_progress(entry.name, 0, entry.byte_count)
            if row_count != entry.row_count:
                raise TargetError(
                    f'row count of "{entry.relation}" differs: metadata.json says {entry.row_count},'
                    f" {row_count} were loaded",
                    hint="verify the export. Nothing was written.",
                    expected=entry.row_count,
                    found=row_count,
                )
            loaded.append(_describe(entry, time.monotonic() - started))
        for name, late_columns in bypass.second_pass.items():
            fill_in(
                self._connection, self._database, self._storage, self._entries[name], target,
                late_columns=late_columns, batch_byte_count=self._batch_byte_count,
            )  # fmt: skip
        bypass.finish(self._connection)
        return loaded

    def _check_keys(self, target: Target, bypass: Bypass) -> list[CheckedKey]:
        """Only where the server was told not to."""
        if not bypass.is_replica:
            return []
        checked = list(check_foreign_keys(self._connection, target.tables.values()))
        if broken := [key for key in checked if key.orphan_count]:
            said = "".join(
                f'\n  "{key.constraint}" of "{key.relation}": {key.orphan_count} rows reference what is not in'
                f' "{key.referenced}"'
                for key in broken
            )
            raise TargetError(
                f"{len(broken)} foreign keys don't hold in the target:{said}",
                hint="restore the referenced tables as well, or export all tables in one snapshot. Nothing was"
                " written.",
            )
        return checked


def _describe(entry: TableEntry, duration_s: float) -> RestoredTable:
    return RestoredTable(
        name=entry.name,
        relation=str(entry.relation),
        row_count=entry.row_count,
        byte_count=entry.byte_count,
        duration_s=duration_s,
    )
