"""How triggers and foreign keys are got past while rows are loaded.

In this order: a role that may set session_replication_role to replica silences triggers and keys alike, and the keys
are checked by query before the transaction commits. Otherwise a table's owner disables its triggers and makes the keys
that no order can honour deferrable, and undoes both in the same transaction. Otherwise the columns of such a key are
written as NULL first and filled in by a second pass. What isn't possible is a problem; what is only a pity, a note.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import errors, sql

from supa_assets.files.metadata import TableEntry
from supa_assets.notice import Notice
from supa_assets.restore.target import ForeignKey, Target, TargetTable, Trigger

__all__ = ["Bypass", "choose_bypass"]


@dataclass
class Bypass:
    """What is done to the target's tables around the load."""

    is_replica: bool
    disabled: list[tuple[TargetTable, Trigger]] = field(default_factory=list)
    deferred: list[tuple[TargetTable, ForeignKey]] = field(default_factory=list)
    second_pass: dict[str, list[str]] = field(default_factory=dict)
    """By asset name: columns that are NULL until every table has its rows."""
    problems: list[Notice] = field(default_factory=list)
    notes: list[Notice] = field(default_factory=list)

    def prepare(self, connection: psycopg.Connection[Any]) -> None:
        """Before the first row."""
        if self.is_replica:
            connection.execute("SET LOCAL session_replication_role = replica")
        for table, trigger in self.disabled:
            _alter(connection, table, "DISABLE TRIGGER {}", trigger.name)
        for table, key in self.deferred:
            _alter(connection, table, "ALTER CONSTRAINT {} DEFERRABLE", key.name)
        connection.execute("SET CONSTRAINTS ALL DEFERRED")

    def finish(self, connection: psycopg.Connection[Any]) -> None:
        """After the last row: deferred keys are checked, and the tables are as they were."""
        connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table, key in self.deferred:
            _alter(connection, table, "ALTER CONSTRAINT {} NOT DEFERRABLE", key.name)
        for table, trigger in self.disabled:
            action = "ENABLE ALWAYS TRIGGER {}" if trigger.fires_at_replica else "ENABLE TRIGGER {}"
            _alter(connection, table, action, trigger.name)
        if self.is_replica:
            connection.execute("SET LOCAL session_replication_role = origin")


def _alter(connection: psycopg.Connection[Any], table: TargetTable, action: str, name: str) -> None:
    statement = "ALTER TABLE {} " + action
    connection.execute(sql.SQL(statement).format(table.identifier, sql.Identifier(name)))


def choose_bypass(
    connection: psycopg.Connection[Any],
    entries: Mapping[str, TableEntry],
    target: Target,
    *,
    batch_byte_count: int,
) -> Bypass:
    """What these tables, in import order, want; changes nothing.

    A file of up to `batch_byte_count` is loaded in one statement, whose rows may reference each other.
    """
    bypass = Bypass(is_replica=_may_be_replica(connection))
    for table in target.tables.values():
        firing = [trigger for trigger in table.triggers if _fires(trigger, bypass)]
        if not bypass.is_replica and table.is_owner:
            bypass.disabled += [(table, trigger) for trigger in firing]
        elif firing:
            names = ", ".join(f'"{trigger.name}"' for trigger in firing)
            why = (
                "they fire on replicas, too" if bypass.is_replica else "the role may not quiet them"
            )
            text = f'triggers of "{table.relation}" fire while it is loaded, since {why}: {names}'
            bypass.notes.append(Notice(text, table.relation))
    if not bypass.is_replica:
        for name, key in _keys_out_of_order(entries, target, batch_byte_count):
            _choose_for_key(bypass, target.tables[name], key, entries[name])
    return bypass


def _fires(trigger: Trigger, bypass: Bypass) -> bool:
    return trigger.fires_at_replica if bypass.is_replica else trigger.fires_at_origin


def _may_be_replica(connection: psycopg.Connection[Any]) -> bool:
    """Asked by trying: superusers, roles that were granted the parameter, and Supabase's postgres by its own rules."""
    try:
        with connection.transaction(force_rollback=True):
            connection.execute("SET LOCAL session_replication_role = replica")
    except errors.InsufficientPrivilege:
        return False
    return True


def _keys_out_of_order(
    entries: Mapping[str, TableEntry], target: Target, batch_byte_count: int
) -> Iterator[tuple[str, ForeignKey]]:
    """Foreign keys whose referenced row may be loaded in a later statement."""
    names = {table.relation: name for name, table in target.tables.items()}
    place = {name: position for position, name in enumerate(entries)}
    for name, table in target.tables.items():
        for key in table.foreign_keys:
            parent = names.get(key.referenced)
            if parent is None or key.is_deferrable or not entries[name].row_count:
                continue
            is_one_statement = parent == name and entries[name].byte_count <= batch_byte_count
            if place[parent] >= place[name] and not is_one_statement:
                yield name, key


def _choose_for_key(bypass: Bypass, table: TargetTable, key: ForeignKey, entry: TableEntry) -> None:
    if table.is_owner:
        bypass.deferred.append((table, key))
        return
    late = _columns_to_fill_later(table, key.columns, entry.primary_key)
    has_key = bool(entry.primary_key) and set(entry.primary_key) <= {c.name for c in entry.columns}
    if late and has_key and table.has_update:
        columns = bypass.second_pass.setdefault(entry.name, [])
        columns += [column for column in late if column not in columns]
        text = (
            f'"{table.relation}" is loaded in two passes for its foreign key "{key.name}"; an UPDATE fills in'
            f" {', '.join(late)}"
        )
        bypass.notes.append(Notice(text, table.relation))
        return
    text = (
        f'foreign key "{key.name}" of "{table.relation}" can\'t be honoured by any order of rows: own the table, make'
        " the key DEFERRABLE, or use a role that may set session_replication_role"
    )
    bypass.problems.append(Notice(text, table.relation))


def _columns_to_fill_later(
    table: TargetTable, columns: Collection[str], primary_key: Collection[str]
) -> list[str]:
    """One NULL switches a key off (MATCH SIMPLE), so those that can be NULL are enough."""
    return [name for name in columns if table.columns[name].is_nullable and name not in primary_key]
