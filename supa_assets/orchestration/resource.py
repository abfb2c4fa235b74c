"""The database as a Dagster resource: one session for all tables that a process reads in a run."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import dagster as dg
from pydantic import Field, PrivateAttr, SecretStr

from supa_assets.export.preflight import read_tables, renew
from supa_assets.export.source import SourceDatabase, SourceSession
from supa_assets.files.metadata import ServerEntry, SnapshotEntry, SourceEntry
from supa_assets.naming import Relation
from supa_assets.orchestration.orphans import end_with_executor
from supa_assets.orchestration.run_tags import check_hold, locked_by_hold, read_held_run
from supa_assets.plan.export_plan import PlannedTable
from supa_assets.settings import load_settings
from supa_assets.stream.table_stream import TableStream

__all__ = ["SUPABASE_KEY", "SupabaseResource", "TableExport"]

SUPABASE_KEY = "supabase"
"""The resource key that the assets require."""


@dataclass(frozen=True)
class TableExport:
    """What a table's asset returns: a stream, and what metadata.json will say of where it came from."""

    stream: TableStream
    source: SourceEntry
    server: ServerEntry
    session: dict[str, str]


class SupabaseResource(dg.ConfigurableResource["SupabaseResource"]):
    """A Supabase project's database, read in one snapshot.

    Under `one_snapshot_executor` that is the snapshot of the whole run, whatever the number of processes. Elsewhere
    (`dg.materialize`, `execute_in_process`, another executor) each process has a snapshot of its own.
    """

    database_url: str = Field(
        description='The connection URL. Always an EnvVar("SUPABASE_DB_URL"), never text: config is shown in the UI.'
    )
    settings: dict[str, Any] = Field(
        default={},
        description="Settings that differ from the environment and supa-assets.toml; docs/CONFIGURATION.md names them.",
    )

    _snapshot: SnapshotEntry | None = PrivateAttr(default=None)
    _hold: ExitStack = PrivateAttr(default_factory=ExitStack)
    _current: dict[Relation, PlannedTable] = PrivateAttr(default_factory=dict)
    _opened: ExitStack = PrivateAttr(default_factory=ExitStack)
    _session: SourceSession | None = PrivateAttr(default=None)

    def database(self) -> SourceDatabase:
        """The database itself, for who needs more than streams. Connects to nothing."""
        settings = load_settings(**self.settings)
        return SourceDatabase(settings.changed(database_url=SecretStr(self.database_url)))

    @contextmanager
    def yield_for_execution(
        self, context: dg.InitResourceContext
    ) -> Generator[SupabaseResource, None, None]:
        """Learn the run's snapshot; connections are opened with the first table and closed with the run."""
        held = read_held_run(context)
        self._snapshot = held.snapshot if held else None
        if held:
            end_with_executor(held.process_id)
        with self._hold, self._opened:
            yield self

    def stream(self, table: PlannedTable) -> TableExport:
        """The table in the run's snapshot; nothing is read before the stream is iterated."""
        check_hold()
        session = self._usable_session()
        if fresh := self._current.get(table.relation):
            table = renew(table, fresh)
        return TableExport(
            session.stream(table),
            source=session.source,
            server=session.server,
            session=session.session_settings,
        )

    def _usable_session(self) -> SourceSession:
        """The process's session; another one on the same snapshot where an error ended its transaction."""
        if self._session is not None and self._session.is_usable():
            return self._session
        self._opened.close()
        database = self.database()
        if self._snapshot is None:
            hold = self._hold.enter_context(database.hold_snapshot())
            self._snapshot = hold.snapshot
            self._current = read_tables(hold, database.settings)
        self._session = self._opened.enter_context(
            database.open_session(self._snapshot, tables=locked_by_hold())
        )
        return self._session
