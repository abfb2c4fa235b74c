"""An export as a thing: begun on one snapshot, written table by table, published whole, and ended however it ends.

`export_database` is the whole of it in one call, without Dagster. `begin_export` is for who has something of their own
to do between its beginning and its end, as Dagster's step has.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from supa_assets.errors import ExportFault, SupaAssetsError, TablesFailed
from supa_assets.export.checksums import with_checksums
from supa_assets.export.outcome import TableOutcome
from supa_assets.export.preflight import Preflight, explain_plain_text, preflight
from supa_assets.export.refusals import Refusal, explain_emptiness, merge_hints
from supa_assets.export.source import (
    SnapshotHold,
    SourceConnection,
    SourceDatabase,
    SourceSession,
)
from supa_assets.export.write import write_logged_table
from supa_assets.files.export_log import ExportLog
from supa_assets.files.metadata import DriftEntry, ExportMetadata, TableEntry
from supa_assets.files.open import open_storage
from supa_assets.files.publish import publish_run, refuse_other_export
from supa_assets.files.storage import Staging, Storage
from supa_assets.files.verify import Fault, verify_table
from supa_assets.naming import Relation
from supa_assets.plan.export_plan import ExportPlan, PlannedTable
from supa_assets.plan.selection import select_tables
from supa_assets.settings import Settings, build_settings
from supa_assets.stream.table_stream import TableStream

__all__ = ["ExportRun", "OnProgress", "begin_export", "export_database"]

_log = logging.getLogger("supa_assets")

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

    Raises a SupaAssetsError, with an earlier export as it was; where the disk failed after the publication was decided,
    its hint says so, and whoever comes next finishes it. With `keep_going` the tables that are whole are published
    first; then TablesFailed names the others. Interrupted, it published all or nothing: the folder tells.
    """
    chosen = build_settings({**settings, "database_url": url, "output": output})
    storage = open_storage(chosen.places.output)
    database = SourceDatabase(chosen)
    plan = database.read_plan()
    selection = select_tables(
        plan, chosen, named=list(named), skip_large=skip_large, skip_auth=skip_auth
    )
    is_everything = len(selection.tables) == len(plan.tables)
    with begin_export(
        database,
        storage,
        plan,
        selected=None if is_everything else [table.name for table in selection.tables],
        takes_new=not named,
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
    takes_new: bool = False,
    run_id: str | None = None,
    stops_at_failure: bool = True,
    on_silence: Callable[[str], None] = _log.warning,
) -> Iterator[ExportRun]:
    """An export of everything, or of the plan's tables that are `selected` (asset names), ready to be written.

    Everything means: each table that the snapshot has, also one that the plan doesn't know; one that the plan knows and
    that is gone leaves the export. `selected` tables were named, or what others leave over: then `takes_new` says that
    a table which the plan doesn't know is meant, too.

    In this order: the place is examined, the database identified, and a place that the end could not publish to is
    refused, with nothing in it touched; the place is made ready; the tables are locked against DDL; the snapshot is
    taken; what is in it is looked at. Where `stops_at_failure`, a table that can't be read ends it here. At the end of
    the context the transaction ends, and what was not published is discarded.

    `run_id` is a UUID, as Dagster makes it.

    `on_silence` is told, from whatever thread waits, when the server has not answered for some seconds.
    """
    run_id = run_id or str(uuid.uuid4())
    with ExitStack() as stack:
        staging = storage.staging(run_id)
        storage.examine([table.file for table in _list_chosen(plan, selected)])
        connected = stack.enter_context(database.connect())
        refuse_other_export(storage, connected.source)
        storage.prepare()
        stack.enter_context(staging.hold())
        stack.callback(staging.discard)
        log = stack.enter_context(_open_log(storage, run_id, database.settings))
        stack.enter_context(_logging_failure(log))
        stack.enter_context(database.telling_of_silence(log.silence, on_silence))
        stack.callback(connected.close)  # its locks are not kept for what is still to be cleared up
        hold, found = _look(database, connected, plan, selected, takes_new, stack)
        if stops_at_failure:
            found.refuse()
        run = ExportRun(
            database=database,
            stops_at_failure=stops_at_failure,
            staging=staging,
            log=log,
            hold=hold,
            found=found,
            sessions=stack.enter_context(ExitStack()),
        )
        if found.tables:
            run.open_session()  # a snapshot that can't be joined is better told now than at the first table
        log.run_started(len(run.outcomes))
        yield run


_MOST_LOOKS = 3


def _list_chosen(plan: ExportPlan, selected: Collection[str] | None) -> list[PlannedTable]:
    return [table for table in plan.tables if selected is None or table.name in selected]


def _look(
    database: SourceDatabase,
    connected: SourceConnection,
    plan: ExportPlan,
    selected: Collection[str] | None,
    takes_new: bool,
    stack: ExitStack,
) -> tuple[SnapshotHold, Preflight]:
    """Lock, take the snapshot, look; and again where the snapshot has tables that nobody had known to lock before it.

    Locked after it, such a table could have been truncated or rewritten in between, and would read as empty.
    """
    tables = _list_chosen(plan, selected)
    for looks_left in reversed(range(_MOST_LOOKS)):
        with ExitStack() as attempt:
            hold = attempt.enter_context(database.hold_snapshot(tables, connected=connected))
            found = preflight(hold, plan, database.settings, selected=selected, takes_new=takes_new)
            if not found.unlocked or not looks_left:
                stack.enter_context(attempt.pop_all())
                break
        tables = [*tables, *found.unlocked]
    if not found.tables and not found.refusals:
        raise explain_emptiness()
    return hold, found


Write = Callable[[PlannedTable], TableEntry]
"""Stages a table's file and entry; raises where it can't be read whole."""


@dataclass
class ExportRun:
    """An export between its beginning and its end. `begin_export` makes it."""

    database: SourceDatabase
    stops_at_failure: bool
    staging: Staging
    log: ExportLog
    hold: SnapshotHold
    """What keeps the snapshot alive."""
    found: Preflight
    """What the database holds in the snapshot, and what of that can be read."""
    sessions: ExitStack
    outcomes: dict[str, TableOutcome] = field(init=False)
    """What became of each table, by asset name: those that can't be read first, the others in import order."""
    _session: SourceSession | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.outcomes = {
            name: TableOutcome(name, _relation_of(refusal), error=refusal.error())
            for name, refusal in self.found.refusals.items()
        }
        self.outcomes |= {t.name: TableOutcome(t.name, t.relation) for t in self.tables}

    @property
    def run_id(self) -> str:
        return self.staging.run_id

    @property
    def tables(self) -> list[PlannedTable]:
        """Those that can be read, as the database has them now, in import order."""
        return list(self.found.tables.values())

    @property
    def failures(self) -> dict[str, SupaAssetsError]:
        """By asset name, why tables can't be published."""
        return {o.name: o.error for o in self.outcomes.values() if o.error}

    def list_warnings(self) -> list[str]:
        """What a person should know before the first row, though it keeps nothing from being exported."""
        warning = explain_plain_text(self.hold.connection)
        drift = [
            f"changed since the definitions loaded: {change.describe()}{self._outcome_of(change)}"
            for change in self.found.drift
        ]
        return [*([str(warning)] if warning else []), *drift]

    def _outcome_of(self, change: DriftEntry) -> str:
        """What a run of everything does about tables that came or went; nothing is said where it can't."""
        if not self.found.exports_everything:
            return ""
        if change.change == "table added" and change.relation in {t.relation for t in self.tables}:
            return "; it is exported, and is among the assets once the definitions are reloaded"
        if change.change == "table dropped":
            return "; it leaves the export"
        return ""

    def export(self, *, on_progress: OnProgress = lambda *_: None) -> ExportMetadata:
        """Write, verify and publish every table; raises what stops it, or after the publication TablesFailed."""

        def write(table: PlannedTable) -> TableEntry:
            return self.write(table, on_progress=partial(on_progress, table.name))

        for _ in self.write_tables(write):
            pass  # what became of each stands in `outcomes`
        metadata = self.publish_whole()
        if error := self.explain_failures(metadata):
            raise error
        assert metadata is not None
        return metadata

    def write_tables(self, write: Write | None = None) -> Iterator[TableOutcome]:
        """Write and verify table after table, in import order, and tell what became of each.

        Ends after a failed one if the run stops at failures. `write` writes instead of this run's own.
        """
        for table in self.tables:
            outcome = self._try_to_write(table, write or self.write)
            self.outcomes[table.name] = outcome
            yield outcome
            if outcome.error and self.stops_at_failure:
                return

    def _try_to_write(self, table: PlannedTable, write: Write) -> TableOutcome:
        outcome = TableOutcome(table.name, table.relation)
        try:
            outcome = replace(outcome, entry=(entry := write(table)))
            faults = tuple(verify_table(self.staging, entry))
            outcome = replace(outcome, faults=faults)
            _refuse_faults(entry, faults)
        except SupaAssetsError as error:
            self.log.table_failed(table.name, error)
            return replace(outcome, error=error)
        return outcome

    def write(
        self, table: PlannedTable, *, on_progress: Callable[[int, int], None] = lambda *_: None
    ) -> TableEntry:
        """Stage the table's file and entry; raises, staging nothing, where it can't be read whole."""
        stream = self.open_stream(table)
        entry = write_logged_table(stream, self.staging, self.log, on_progress=on_progress)
        if not entry.row_count:
            on_progress(0, entry.byte_count)
        return entry

    def open_stream(self, table: PlannedTable) -> TableStream:
        """A cursor over the table's rows in the run's snapshot; nothing is read before it is iterated."""
        return self.open_session().stream(table)

    def open_session(self) -> SourceSession:
        """One session for all tables; another one in the same snapshot where an error ended its transaction."""
        self.hold.check()
        if self._session is None or not self._session.is_usable():
            self.sessions.close()
            self._session = self.sessions.enter_context(
                self.database.open_session(self.hold.snapshot, tables=self.hold.locked)
            )
        return self._session

    def verify(self, entry: TableEntry) -> None:
        """Read the staged file back; raises ExportFault, naming every fault, where it isn't what its entry says."""
        _refuse_faults(entry, verify_table(self.staging, entry))

    def publish_whole(self) -> ExportMetadata | None:
        """Publish the tables that are whole; None, with nothing done, where none is or where a failure stopped the run.

        The tables that are not begun yet count as not whole.
        """
        if self.stops_at_failure and self.failures:
            return None
        return self.publish([o.name for o in self.outcomes.values() if o.status == "written"])

    def explain_failures(self, metadata: ExportMetadata | None) -> SupaAssetsError | None:
        """After `publish_whole` gave `metadata`: one error for all that failed, None where nothing did."""
        failures = self.failures
        if self.stops_at_failure and failures:
            return next(iter(failures.values()))
        if failures or metadata is None:
            return TablesFailed(
                failures,
                metadata=metadata,
                table_count=len(self.outcomes),
                hint=merge_hints(list(failures.values())),
            )
        return None

    def publish(self, whole: Collection[str]) -> ExportMetadata | None:
        """Publish the tables that are whole (asset names); None, with nothing done, where none is.

        The loss of the snapshot fails the run also where all its tables were read before. After a run of everything
        the export holds these tables, and of earlier ones those that it should have exported and could not; any other
        run replaces these tables alone.
        """
        self.hold.check()
        if not whole:
            return None
        findings = self.found.findings()
        if self.database.settings.running.checksums:
            tables = [self.found.tables[name] for name in sorted(whole)]
            findings = with_checksums(self.hold, findings, tables)
        metadata = publish_run(
            self.staging,
            source=self.hold.source,
            server=self.hold.server,
            session=self.hold.session_settings,
            kept=self._list_kept(whole),
            tables=whole,
            findings=findings,
        )
        self._log_publication([metadata.tables[name] for name in whole])
        return metadata

    def _list_kept(self, whole: Collection[str]) -> list[Relation] | None:
        if not self.found.exports_everything:
            return None
        return [outcome.relation for outcome in self.outcomes.values() if outcome.name not in whole]

    def _log_publication(self, entries: Collection[TableEntry]) -> None:
        self.log.published(
            table_count=len(entries),
            row_count=sum(entry.row_count for entry in entries),
            byte_count=sum(entry.byte_count for entry in entries),
        )


def _relation_of(refusal: Refusal) -> Relation:
    assert refusal.relation is not None
    return refusal.relation


def _refuse_faults(entry: TableEntry, faults: Collection[Fault]) -> None:
    if faults:
        raise ExportFault(
            "; ".join(fault.message for fault in faults),
            hint="export the table again; if it differs again, look at the disk.",
            relation=entry.relation,
            path=entry.file,
        )


def _open_log(storage: Storage, run_id: str, settings: Settings) -> ExportLog:
    return ExportLog(storage.log_path, run_id, progress_rows=settings.running.progress_rows)


@contextmanager
def _logging_failure(log: ExportLog) -> Iterator[None]:
    try:
        yield
    except SupaAssetsError as error:
        log.run_failed(error)
        raise
