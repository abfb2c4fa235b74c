"""Lock a run's tables against DDL, before its snapshot is taken.

ACCESS SHARE is what any reader takes: writers go on, and so do other readers. It only keeps a table from being altered
or dropped until the run ends. The order matters. LOCK TABLE needs no snapshot, and in REPEATABLE READ the first
statement that does takes the transaction's. So the locks come first, by plain utility statements: whatever DDL was
committed before a lock was given is seen in the snapshot, and none can be committed after it.

The hole: ATTACH PARTITION doesn't conflict with ACCESS SHARE.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import psycopg
from psycopg import errors, sql

from supa_assets.causes import Cause
from supa_assets.naming import Relation
from supa_assets.notice import Notice
from supa_assets.plan.export_plan import PlannedTable
from supa_assets.server.address import Address
from supa_assets.server.connection import lift_timeouts
from supa_assets.server.queries import fetch_query

__all__ = ["explain_lock_failure", "lock_tables"]

_BATCH = 200
_LEAST_WAIT_S = 0.25
"""For each table, once the time for all is up: enough for one that nobody holds."""
_MOST_HOLDERS = 3
_WAIT = "wait until it is done and run again, end it with pg_terminate_backend(), or raise the setting lock_timeout_s."

_EXPECTED = (
    errors.LockNotAvailable,
    errors.DeadlockDetected,
    errors.InsufficientPrivilege,
    errors.UndefinedTable,
    errors.InvalidSchemaName,
    errors.WrongObjectType,
)
"""What concerns one table alone; anything else ends the run."""


def lock_tables(
    connection: psycopg.Connection[Any], tables: Sequence[PlannedTable], *, timeout_s: float
) -> dict[Relation, psycopg.Error]:
    """Lock the tables for reading, and say of each one that can't be why not.

    All together wait `timeout_s`, then each a moment. The transaction goes on, and has no snapshot yet.
    """
    deadline = time.monotonic() + timeout_s
    lift_timeouts(connection, lock_timeout_s=timeout_s)
    failed: dict[Relation, psycopg.Error] = {}
    for start in range(0, len(tables), _BATCH):
        batch = tables[start : start + _BATCH]
        if _lock(connection, batch) is None:
            continue
        for table in batch:
            left_s = max(deadline - time.monotonic(), _LEAST_WAIT_S)
            lift_timeouts(connection, lock_timeout_s=left_s)
            if error := _lock(connection, [table]):
                failed[table.relation] = error
    return failed


def _lock(
    connection: psycopg.Connection[Any], tables: Sequence[PlannedTable]
) -> psycopg.Error | None:
    """Under a savepoint, so that a table that can't be locked costs the others nothing."""
    names = sql.SQL(", ").join(_compose_name(table) for table in tables)
    try:
        with connection.transaction():
            connection.execute(sql.SQL("LOCK TABLE {} IN ACCESS SHARE MODE").format(names))
    except _EXPECTED as error:
        return error
    return None


def _compose_name(table: PlannedTable) -> sql.Composable:
    """A partitioned table's leaves are locked with it, an inheritance child is a table of its own."""
    only = sql.SQL("") if table.rows.is_partitioned else sql.SQL("ONLY ")
    return only + sql.Identifier(*table.relation)


def explain_lock_failure(
    connection: psycopg.Connection[Any],
    relations: Sequence[Relation],
    *,
    timeout_s: float,
    address: Address,
) -> dict[Relation, Notice]:
    """Name who holds each of the relations, as far as the role may see it."""
    if not relations:
        return {}
    holders = _read_holders(connection, relations)
    notices = {}
    for relation in relations:
        failed = address.redact(
            f"could not be locked for reading within {timeout_s:g} s:"
            f" {'; '.join(_describe_all(holders[relation]))}"
        )
        notices[relation] = Notice(
            f'"{relation!s}" {failed}', relation, _WAIT, Cause(f"the table {failed}")
        )
    return notices


def _read_holders(
    connection: psycopg.Connection[Any], relations: Sequence[Relation]
) -> Mapping[Relation, list[dict[str, Any]]]:
    holders: defaultdict[Relation, list[dict[str, Any]]] = defaultdict(list)
    schemas, tables = ([relation[part] for relation in relations] for part in (0, 1))
    for row in fetch_query(connection, "locks_holders.sql", schemas=schemas, tables=tables):
        holders[Relation(row["schema_name"], row["name"])].append(row)
    return holders


def _describe_all(holders: Sequence[dict[str, Any]]) -> Iterator[str]:
    if not holders:
        yield "another session held it, and is done by now"
    yield from map(_describe, holders[:_MOST_HOLDERS])
    if len(holders) > _MOST_HOLDERS:
        yield f"and {len(holders) - _MOST_HOLDERS} more"


def _describe(holder: dict[str, Any]) -> str:
    who = "a prepared transaction"
    if holder["process_id"] is not None:
        who = f"process {holder['process_id']}"
    known = [
        f"{label} {holder[name]}"
        for label, name in (
            ("application", "application_name"),
            ("role", "role_name"),
            ("state:", "state"),
        )
        if holder[name]
    ]
    does = "has" if holder["is_granted"] else "waits for"
    return f"{who} ({', '.join(known) or 'hidden from this role'}) {does} ACCESS EXCLUSIVE"
