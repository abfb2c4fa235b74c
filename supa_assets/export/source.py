"""The source database, as an export sees it: a catalogue to plan from, a snapshot to hold, sessions that read in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property, partial
from typing import Any

import psycopg
from psycopg import errors, sql
from psycopg.pq import TransactionStatus

from supa_assets.errors import SourceError, SourceUnavailable, SupaAssetsError
from supa_assets.export.locks import lock_tables
from supa_assets.files.metadata import ServerEntry, SnapshotEntry, SourceEntry
from supa_assets.naming import Relation
from supa_assets.plan.export_plan import ExportPlan, PlannedTable, plan_export
from supa_assets.server.address import Address, parse_url
from supa_assets.server.catalog import read_catalog
from supa_assets.server.connection import (
    SESSION_SETTINGS,
    connect,
    pin_session,
    watch_lines,
)
from supa_assets.server.explain import explain_query_error
from supa_assets.server.identity import identify_server, identify_source
from supa_assets.server.queries import fetch_row
from supa_assets.server.watched import WatchedConnection, naming_work
from supa_assets.settings import Settings
from supa_assets.stream.limits import DEFAULT_LIMITS, Limits
from supa_assets.stream.table_stream import TableStream
from supa_assets.stream.wire import JsonWire, MakeWire

__all__ = ["SnapshotHold", "SourceConnection", "SourceDatabase", "SourceSession"]


class SourceConnection:
    """A connection to the source before its transaction, and which database that is."""

    def __init__(self, connection: WatchedConnection) -> None:
        self.connection = connection
        self.source = self._identify()

    def _identify(self) -> SourceEntry:
        """Outside a transaction: this one is asked for locks later, and its snapshot must come after them."""
        self.connection.autocommit = True
        source = identify_source(self.connection)
        self.connection.autocommit = False
        return source

    def close(self) -> None:
        """The transaction ends with it. May be called again."""
        self.connection.close()


class _InSnapshot:
    """A connection whose transaction is in the snapshot, and what it tells of its server."""

    def __init__(
        self, connection: WatchedConnection, snapshot: SnapshotEntry, address: Address
    ) -> None:
        self.connection = connection
        self.snapshot = snapshot
        self.address = address

    @cached_property
    def source(self) -> SourceEntry:
        """Which database this is, as the connection tells it."""
        return identify_source(self.connection)

    @property
    def server(self) -> ServerEntry:
        """The server's version, as the connection told it."""
        return identify_server(self.connection)

    @property
    def session_settings(self) -> dict[str, str]:
        """The pinned settings that the text of values depends on."""
        return dict(SESSION_SETTINGS)


class SnapshotHold(_InSnapshot):
    """A connection that keeps an exported snapshot alive. The snapshot can be joined as long as this is open."""

    def __init__(
        self,
        connection: WatchedConnection,
        snapshot: SnapshotEntry,
        address: Address,
        tables: Sequence[PlannedTable],
        unlocked: Mapping[Relation, psycopg.Error],
    ) -> None:
        super().__init__(connection, snapshot, address)
        self.tables = tables
        """Those that were to be locked before the snapshot was taken."""
        self.locked = [t for t in tables if t.relation not in unlocked]
        self.unlocked = unlocked
        """Tables that should have been locked and could not be, with the server's reason."""

    def check(self) -> None:
        """Ask the server whether the transaction still lives; raises SourceError where it doesn't.

        Without it no other connection can join the snapshot, and a second one would show another instant.
        """
        try:
            with naming_work(self.connection, "asking whether the run's snapshot is still held"):
                self.connection.execute("SELECT 1")
        except psycopg.Error as error:
            said = self.address.redact(" ".join(str(error).split()))
            raise SourceUnavailable(
                f"the connection that holds the run's snapshot was lost: {said}",
                hint="run again; nothing of this run was published, since its tables would not be of one instant.",
            ) from None


class SourceSession(_InSnapshot):
    """Connections on one snapshot, each in one transaction; streams one table at a time.

    The first is there from the start, the others are opened for the first table that is large enough for them.
    """

    def __init__(
        self,
        connection: WatchedConnection,
        *,
        open_another: Callable[[], WatchedConnection | None],
        snapshot: SnapshotEntry,
        address: Address,
        settings: Settings,
    ) -> None:
        """`open_another` gives None where the server takes no further connection."""
        super().__init__(connection, snapshot, address)
        self._open_another = open_another
        self._others: list[WatchedConnection] = []
        self.settings = settings

    def is_usable(self) -> bool:
        """Whether the transaction takes another statement: not after an error, a cancel or a lost connection."""
        return _is_usable(self.connection)

    def stream(
        self, table: PlannedTable, *, wire: MakeWire = JsonWire, limits: Limits = DEFAULT_LIMITS
    ) -> TableStream:
        """The table's rows as chunks; nothing is read before the stream is iterated."""
        return TableStream(
            table,
            connect=self._connections,
            close=self.close,
            snapshot=self.snapshot,
            address=self.address,
            running=self.settings.running,
            wire=wire,
            limits=limits,
        )

    def close(self) -> None:
        """Close all connections; their transactions end with them."""
        for connection in (self.connection, *self._others):
            connection.close()

    def _connections(self, count: int) -> list[WatchedConnection]:
        """So many, or as many as the server takes: a full pool makes an export slower, it doesn't end it."""
        self._others = [connection for connection in self._others if _is_usable(connection)]
        while len(self._others) < count - 1:
            another = self._open_another()
            if another is None:
                break
            self._others.append(another)
        return [self.connection, *self._others[: count - 1]]


class SourceDatabase:
    """The database that SUPABASE_DB_URL names. Making one connects to nothing; raises SettingsError for a bad URL."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._address = parse_url(settings.places.require_database_url())
        self._watch = watch_lines(self._address, settings.running)

    @property
    def settings(self) -> Settings:
        return self._settings

    @property
    def address(self) -> Address:
        """The URL, parsed; which database it leads to, a connection tells."""
        return self._address

    @contextmanager
    def telling_of_silence(self, *listeners: Callable[[str], None]) -> Iterator[None]:
        """Let these know when a connection has fallen silent, from whatever thread waits, in place of the logger."""
        before, self._watch.listeners = self._watch.listeners, list(listeners)
        try:
            yield
        finally:
            self._watch.listeners = before

    def read_plan(self) -> ExportPlan:
        """Read the catalogue and plan the export of what the settings select."""
        with self._connect() as connection, self._explaining():
            self._pin(connection)
            catalog = read_catalog(connection, self._settings.choice)
        return plan_export(catalog, self._settings.choice)

    @contextmanager
    def connect(self) -> Iterator[SourceConnection]:
        """A connection that knows its database, on which `hold_snapshot` can begin its transaction."""
        with self._connect() as connection:
            with self._explaining():
                connected = SourceConnection(connection)
            yield connected

    @contextmanager
    def hold_snapshot(
        self, tables: Sequence[PlannedTable] = (), *, connected: SourceConnection | None = None
    ) -> Iterator[SnapshotHold]:
        """Lock the tables against DDL, then take a snapshot that other connections can join until the context ends.

        On a connection that was given, the snapshot lives until the next one is taken on it, or until it is closed.
        """
        with ExitStack() as stack:
            connection = connected.connection if connected else stack.enter_context(self._connect())
            with self._explaining():
                connection.rollback()  # of an earlier hold; asks nothing where there was none
                unlocked = self._lock(connection, tables)
                snapshot = _export_snapshot(connection)
                self._pin(connection)
            hold = SnapshotHold(connection, snapshot, self._address, tables, unlocked)
            if connected:
                hold.source = connected.source
            yield hold

    def check_joinable(self, snapshot: SnapshotEntry) -> None:
        """Raise SourceError where another connection can't join the snapshot: better now than at the first table."""
        with self.open_session(snapshot):
            pass

    @contextmanager
    def open_session(
        self, snapshot: SnapshotEntry | None = None, *, tables: Sequence[PlannedTable] = ()
    ) -> Iterator[SourceSession]:
        """A session on the given snapshot, or on one of its own.

        `tables` are those that it will read. Lock now: DDL queued behind the hold would block this session's later
        locks.
        """
        with self._connect() as connection:
            with self._explaining():
                if snapshot is None:
                    snapshot = _export_snapshot(connection)
                else:
                    _join_snapshot(connection, snapshot)
                self._lock(connection, tables)
                self._pin(connection)
            session = SourceSession(
                connection,
                open_another=partial(self._open_another, snapshot, tables),
                snapshot=snapshot,
                address=self._address,
                settings=self._settings,
            )
            try:
                yield session
            finally:
                session.close()

    def _open_another(
        self, snapshot: SnapshotEntry, tables: Sequence[PlannedTable]
    ) -> WatchedConnection | None:
        """None where the pool is full, or where DDL that waits for a table would make this connection wait."""
        try:
            connection = self._open()
        except SourceError:
            return None  # the first one could be opened, so the address is right
        try:
            with self._explaining():
                _join_snapshot(connection, snapshot)
                unlocked = self._lock(connection, tables)
                self._pin(connection)
        except SupaAssetsError:
            connection.close()
            raise
        if any(isinstance(error, errors.LockNotAvailable) for error in unlocked.values()):
            connection.close()
            return None
        return connection

    def _lock(
        self, connection: psycopg.Connection[Any], tables: Sequence[PlannedTable]
    ) -> dict[Relation, psycopg.Error]:
        with naming_work(connection, "locking the tables"):
            return lock_tables(connection, tables, timeout_s=self._settings.running.lock_timeout_s)

    def _pin(self, connection: psycopg.Connection[Any]) -> None:
        pin_session(connection, lock_timeout_s=self._settings.running.lock_timeout_s)

    @contextmanager
    def _explaining(self) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            raise explain_query_error(error, self._address) from None

    @contextmanager
    def _connect(self) -> Iterator[WatchedConnection]:
        connection = self._open()
        try:
            yield connection
        finally:
            connection.close()  # the transaction ends with it; there is nothing to commit

    def _open(self) -> WatchedConnection:
        timeout_s = self._settings.running.connect_timeout_s
        return connect(self._address, timeout_s=timeout_s, watch=self._watch)


def _is_usable(connection: psycopg.Connection[Any]) -> bool:
    return connection.info.transaction_status in (TransactionStatus.IDLE, TransactionStatus.INTRANS)


def _export_snapshot(connection: psycopg.Connection[Any]) -> SnapshotEntry:
    return SnapshotEntry(**fetch_row(connection, "source_snapshot.sql"))


def _join_snapshot(connection: psycopg.Connection[Any], snapshot: SnapshotEntry) -> None:
    try:
        connection.execute(sql.SQL("SET TRANSACTION SNAPSHOT {}").format(sql.Literal(snapshot.id)))
    except (errors.UndefinedObject, errors.InvalidParameterValue):
        raise SourceError(
            f'the server no longer knows the run\'s snapshot "{snapshot.id}"',
            hint="the connection that held it was lost, or a pooler led this one to another server;"
            " run again, on the direct host or the session pooler.",
        ) from None
