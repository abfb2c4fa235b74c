"""The target database: a connection that may write, and what stands there under the names of the export's tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql

from supa_assets.errors import SettingsError
from supa_assets.files.metadata import SourceEntry, TableEntry
from supa_assets.files.structure import StructureEntry
from supa_assets.naming import Relation
from supa_assets.plan.encoding import without_domain
from supa_assets.server.address import Address, parse_url
from supa_assets.server.catalog import Column, Type, read_types
from supa_assets.server.connection import connect, pin_session, watch_lines
from supa_assets.server.explain import explain_write_error
from supa_assets.server.identity import identify_source
from supa_assets.server.queries import fetch_query
from supa_assets.server.structure import read_structure
from supa_assets.server.watched import WatchedConnection
from supa_assets.settings import (
    DATABASE_URL_VARIABLE,
    TARGET_URL_VARIABLE,
    Running,
    Settings,
    find_target_url,
)

__all__ = [
    "ForeignKey",
    "Target",
    "TargetDatabase",
    "TargetTable",
    "Trigger",
    "find_target",
    "read_target",
]


@dataclass(frozen=True)
class ForeignKey:
    """A foreign key as the target has it."""

    name: str
    referenced_schema: str
    referenced_table: str
    is_partitioned: bool
    """Of the referenced table."""
    columns: list[str]
    referenced_columns: list[str]
    operators: list[str]
    """Referenced column on the left."""
    is_deferrable: bool
    is_full_match: bool
    is_enforced: bool
    is_of_periods: bool

    @property
    def referenced(self) -> Relation:
        return Relation(self.referenced_schema, self.referenced_table)


@dataclass(frozen=True)
class Trigger:
    name: str
    fires_at_origin: bool
    fires_at_replica: bool


@dataclass(frozen=True)
class TargetTable:
    """What stands in the target under a table's name."""

    relation_id: int
    relation: Relation
    kind: str
    has_usage: bool
    has_select: bool
    has_insert: bool
    has_update: bool
    is_owner: bool
    has_hidden_rows: bool
    columns: dict[str, Column] = field(default_factory=dict)
    foreign_keys: list[ForeignKey] = field(default_factory=list)
    triggers: list[Trigger] = field(default_factory=list)

    @property
    def is_partitioned(self) -> bool:
        return self.kind == "partitioned table"

    @property
    def identifier(self) -> sql.Identifier:
        return sql.Identifier(*self.relation)


@dataclass(frozen=True)
class Target:
    """The target's part that an export concerns."""

    tables: Mapping[str, TargetTable]
    """By the export's asset name; those that are there."""
    types: Mapping[int, Type]
    structure: StructureEntry

    def base_type(self, column: Column) -> Type:
        """The column's type without the domains around it."""
        return without_domain(column.type_id, self.types)


class TargetDatabase:
    """The database that a restore writes to. Making one connects to nothing; raises SettingsError for a bad URL."""

    def __init__(self, url: str, *, running: Running | None = None) -> None:
        try:
            self.address: Address = parse_url(url)
        except SettingsError as error:
            message = error.message.replace(DATABASE_URL_VARIABLE, TARGET_URL_VARIABLE)
            raise SettingsError(message, hint=error.hint) from None
        self._running = running or Running()
        self._watch = watch_lines(self.address, self._running)

    @contextmanager
    def open(self, *, writes: bool) -> Iterator[WatchedConnection]:
        """One transaction with the export's own settings; rolled back unless the caller commits."""
        connection = connect(
            self.address, timeout_s=self._running.connect_timeout_s, watch=self._watch
        )
        connection.doing = "working on the target"
        try:
            if writes:
                connection.read_only = False
                connection.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
            try:
                pin_session(connection, lock_timeout_s=self._running.lock_timeout_s)
            except psycopg.Error as error:
                raise explain_write_error(error, self.address) from None
            yield connection
        finally:
            connection.close()

    def describe(self, connection: psycopg.Connection[Any]) -> SourceEntry:
        """Which database this is, as the connection tells it."""
        return identify_source(connection)


def find_target(settings: Settings, url: str | None = None) -> TargetDatabase:
    """The database of `url`, else the one that the environment or .env names; connects to nothing.

    Raises SettingsError where neither names one.
    """
    url = url or find_target_url()
    if url is None:
        raise SettingsError(
            "there is no target database",
            hint=f"set {TARGET_URL_VARIABLE} to its connection string.",
        )
    return TargetDatabase(url.strip(), running=settings.running)


def read_target(connection: psycopg.Connection[Any], entries: Mapping[str, TableEntry]) -> Target:
    """What stands under the tables' names, in about fifteen queries however many there are."""
    names = {entry.relation: name for name, entry in entries.items()}
    rows = fetch_query(
        connection,
        "target_tables.sql",
        schemas=[schema for schema, _ in names],
        names=[table for _, table in names],
    )
    tables = {
        row["relation_id"]: TargetTable(
            relation=Relation(row.pop("schema_name"), row.pop("table_name")), **row
        )
        for row in rows
    }
    ids = list(tables)
    for row in fetch_query(connection, "catalog_columns.sql", relation_ids=ids):
        table = tables[row.pop("relation_id")]
        table.columns[row["name"]] = Column(**row)
    for row in fetch_query(connection, "target_foreign_keys.sql", relation_ids=ids):
        tables[row.pop("relation_id")].foreign_keys.append(ForeignKey(**row))
    for row in fetch_query(connection, "target_triggers.sql", relation_ids=ids):
        tables[row.pop("relation_id")].triggers.append(Trigger(**row))
    by_name = {names[t.relation]: t for t in tables.values()}
    type_ids = sorted({column.type_id for t in tables.values() for column in t.columns.values()})
    relations = {name: t.relation for name, t in by_name.items()}
    return Target(
        tables={name: by_name[name] for name in entries if name in by_name},
        types=read_types(connection, type_ids),
        structure=read_structure(connection, relations),
    )
