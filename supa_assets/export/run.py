"""An export as a thing: begun on one snapshot, written table by table, published whole, and ended however it ends.

`export_database` is the whole of it in one call, without Dagster. `begin_export` is for who has steps of their own
between its beginning and its end, as Dagster's executor has.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from supa_assets.errors import ExportFault, SupaAssetsError, TablesFailed
from supa_assets.export.checksums import with_checksums
from supa_assets.export.preflight import Preflight, explain_plain_text, preflight
from supa_assets.export.source import SnapshotHold, SourceDatabase, SourceSession
from supa_assets.export.write import write_logged_table
from supa_assets.files.export_log import ExportLog
from supa_assets.files.metadata import ExportMetadata, TableEntry
from supa_assets.files.open import open_storage
from supa_assets.files.publish import publish_run, refuse_other_export
from supa_assets.files.storage import Staging, Storage
from supa_assets.files.verify import verify_table
from supa_assets.plan.export_plan import ExportPlan, PlannedTable
from supa_assets.plan.selection import select_tables
from supa_assets.settings import Settings, build_settings

__all__ = ["ExportRun", "OnProgress", "begin_export", "export_database"]

OnProgress = Callable[[str, int, int], None]
"""Called after each chunk, and for a table without rows, with the asset's name and its rows and bytes so far."""


def export_database(
    *,
    url: str,
    output: str | Path,
    named: Collection[str] = (),
    skip_large: bool = False,
    skip_auth: bool = False,
    keep_going: bool = False,
    on_progress: OnProgress = lambda *_: None,
    **settings: Any,
) -> ExportMetadata:
    """Export the database of `url` to JSON files in `output`, all of one snapshot; gives what metadata.json says.

    `named` (the tables to export, all where it is empty), `skip_large`, `skip_auth` and `keep_going` are the command
    line's options. Every other keyword is a setting of docs/CONFIGURATION.md; where it isn't given, its default counts:
    neither the environment nor supa-assets.toml is read.

    Each file is read back and compared with the source's count before it is published.

    Raises a SupaAssetsError, with nothing published and an earlier export as it was. With `keep_going` the tables that
    are whole are published first; then TablesFailed names the others.
    """
    chosen = build_settings({**settings, "database_url": url, "output": output})
    storage = open_storage(chosen.places.output)
    database = SourceDatabase(chosen)
    plan = database.read_plan()
    selection = select_tables(
        plan, chosen, named=list(named), skip_large=skip_large, skip_auth=skip_auth
    )
    with begin_export(
        database,
        storage,
        plan,
        selected=[table.name for table in selection.tables],
        stops_at_failure=not keep_going,
    ) as run:
        return run.export(on_progress=on_progress)


@contextmanager
def begin_export(
    database: SourceDatabase,
    storage: Storage,
    plan: ExportPlan,
    *,
    selected: Collection[str] | None = None,
    run_id: str | None = None,
    stops_at_failure: bool = True,
) -> Iterator[ExportRun]:
    """An export of the plan's tables, or of those `selected` (asset names), ready to be written.

    In this order: the place is made ready; the tables are locked against DDL; the snapshot is taken; a place that the
    end could not publish to is refused; what is in the snapshot is looked at. Where `stops_at_failure`, a table that
    can't be read ends it here. At the end of the context the transaction ends, and what was not published is discarded.
    """
    run_id = run_id or str(uuid.uuid4())
    names = {table.name for table in plan.tables} if selected is None else set(selected)
    with ExitStack() as stack:
        storage.prepare()
        staging = storage.staging(run_id)
        stack.enter_context(staging.hold())
        stack.callback(staging.discard)
        log = stack.enter_context(_open_log(storage, run_id, database.settings))
        stack.enter_context(_logging_failure(log))
        tables = [table for table in plan.tables if table.name in names]
        hold = stack.enter_context(database.hold_snapshot(tables))
        refuse_other_export(storage, hold.source)
        found = preflight(hold, plan, database.settings, selected=names)
        if stops_at_failure:
            found.refuse()
        if found.tables:
            database.check_joinable(hold.snapshot)
        log.run_started(len(names))
        yield ExportRun(
            database=database,
            plan=plan,
            selected=frozenset(names),
            stops_at_failure=stops_at_failure,
            staging=staging,
            log=log,
            hold=hold,
            found=found,
            sessions=stack.enter_context(ExitStack()),
        )


@dataclass
class ExportRun:
    """An export between its beginning and its end. `begin_export` makes it."""

    database: SourceDatabase
    plan: ExportPlan
    selected: frozenset[str]
    """Asset names of the tables that it should export."""
    stops_at_failure: bool
    staging: Staging
    log: ExportLog
    hold: SnapshotHold
    """What keeps the snapshot alive."""
    found: Preflight
    """What the database holds in the snapshot, and what of that can be read."""
    sessions: ExitStack
    _session: SourceSession | None = field(default=None, init=False)

    @property
    def run_id(self) -> str:
        return self.staging.run_id

    @property
    def tables(self) -> list[PlannedTable]:
        """Those that can be read, as the database has them now, in import order."""
        names = [table.name for table in self.plan.tables]
        return [self.found.tables[name] for name in names if name in self.found.tables]

    def list_warnings(self) -> list[str]:
        """What a person should know before the first row, though it keeps nothing from being exported."""
        warning = explain_plain_text(self.hold.connection, self.hold.address)
        drift = [
            f"changed since the definitions loaded: {change.describe()}"
            for change in self.found.drift
        ]
        return [*([str(warning)] if warning else []), *drift]

    def export(self, *, on_progress: OnProgress = lambda *_: None) -> ExportMetadata:
        """Write, verify and publish every table; raises what stops it, or after the publication TablesFailed."""
        failures = {name: refusal.error() for name, refusal in self.found.refusals.items()}
        for table in self.tables:
            if error := self._try_to_export(table, partial(on_progress, table.name)):
                failures[table.name] = error
        metadata = self.publish([t.name for t in self.tables if t.name not in failures])
        if failures or metadata is None:
            raise TablesFailed(failures, metadata=metadata, table_count=len(self.selected))
        return metadata

    def _try_to_export(
        self, table: PlannedTable, on_progress: Callable[[int, int], None]
    ) -> SupaAssetsError | None:
        try:
            self.verify(self.write(table, on_progress=on_progress))
        except SupaAssetsError as error:
            self.log.table_failed(table.name, error)
            if self.stops_at_failure:
                raise
            return error
        return None

    def write(
        self, table: PlannedTable, *, on_progress: Callable[[int, int], None] = lambda *_: None
    ) -> TableEntry:
        """Stage the table's file and entry; raises, staging nothing, where it can't be read whole."""
        stream = self._usable_session().stream(table)
        entry = write_logged_table(stream, self.staging, self.log, on_progress=on_progress)
        if not entry.row_count:
            on_progress(0, entry.byte_count)
        return entry

    def verify(self, entry: TableEntry) -> None:
        """Read the staged file back; raises ExportFault, naming every fault, where it isn't what its entry says."""
        if faults := verify_table(self.staging, entry):
            raise ExportFault(
                "; ".join(fault.message for fault in faults),
                hint="export the table again; if it differs again, look at the disk.",
                relation=entry.relation,
                path=entry.file,
            )

    def publish(self, whole: Collection[str]) -> ExportMetadata | None:
        """Publish the tables that are whole (asset names); None, with nothing done, where none is.

        The loss of the snapshot fails the run also where all its tables were read before. A run of every table of the
        plan, all of them whole, replaces the export; any other one replaces these tables.
        """
        self.hold.check()
        if not whole:
            return None
        findings = self.found.findings()
        if self.database.settings.running.checksums:
            tables = [self.found.tables[name] for name in sorted(whole)]
            findings = with_checksums(self.hold, findings, tables)
        every = {table.name for table in self.plan.tables}
        metadata = publish_run(
            self.staging,
            source=self.hold.source,
            server=self.hold.server,
            session=self.hold.session_settings,
            replaces_all=every <= self.selected == set(whole),
            tables=whole,
            findings=findings,
        )
        self._log_publication([metadata.tables[name] for name in whole])
        return metadata

    def _log_publication(self, entries: Collection[TableEntry]) -> None:
        self.log.published(
            table_count=len(entries),
            row_count=sum(entry.row_count for entry in entries),
            byte_count=sum(entry.byte_count for entry in entries),
        )

    def _usable_session(self) -> SourceSession:
        """One session for all tables; another one in the same snapshot where an error ended its transaction."""
        self.hold.check()
        if self._session is None or not self._session.is_usable():
            self.sessions.close()
            self._session = self.sessions.enter_context(
                self.database.open_session(self.hold.snapshot, tables=self.hold.locked)
            )
        return self._session


def _open_log(storage: Storage, run_id: str, settings: Settings) -> ExportLog:
    return ExportLog(storage.log_path, run_id, progress_rows=settings.running.progress_rows)


@contextmanager
def _logging_failure(log: ExportLog) -> Iterator[None]:
    try:
        yield
    except SupaAssetsError as error:
        log.run_failed(error)
        raise
