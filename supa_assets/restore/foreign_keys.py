"""Foreign keys, checked by query: what the server itself would say had it looked at every row."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from supa_assets.restore.target import ForeignKey, TargetTable
from supa_assets.stream.row_sql import compose_relation

__all__ = ["CheckedKey", "check_foreign_keys"]


@dataclass(frozen=True)
class CheckedKey:
    """A foreign key, and how many rows it misses."""

    relation: str
    constraint: str
    referenced: str
    orphan_count: int | None
    """None where it was not checked."""
    reason: str | None = None
    """Why not."""


def check_foreign_keys(
    connection: psycopg.Connection[Any], tables: Collection[TargetTable]
) -> Iterator[CheckedKey]:
    """Every foreign key of the tables, those to tables outside of the export, too."""
    for table in tables:
        for key in table.foreign_keys:
            yield _check(connection, table, key)


def _check(connection: psycopg.Connection[Any], table: TargetTable, key: ForeignKey) -> CheckedKey:
    referenced = str(key.referenced)
    if key.is_of_periods or not key.is_enforced:
        reason = (
            "it is of periods"
            if key.is_of_periods
            else "it is NOT VALID or NOT ENFORCED in the target"
        )
        return CheckedKey(str(table.relation), key.name, referenced, None, reason)
    try:
        with connection.transaction():
            row = connection.execute(_compose(table, key)).fetchone()
    except psycopg.errors.InsufficientPrivilege:
        reason = "the role may not read the referenced table"
        return CheckedKey(str(table.relation), key.name, referenced, None, reason)
    assert row is not None
    return CheckedKey(str(table.relation), key.name, referenced, int(row[0]))


def _compose(table: TargetTable, key: ForeignKey) -> sql.Composed:
    """The operators are the key's own: under an empty search_path `=` would not be an extension type's."""
    same = sql.SQL(" AND ").join(
        sql.SQL("p.{} {} t.{}").format(
            sql.Identifier(referenced),
            sql.SQL(operator),
            sql.Identifier(column),
        )
        for referenced, operator, column in zip(
            key.referenced_columns, key.operators, key.columns, strict=True
        )
    )
    filled = [sql.SQL("t.{} IS NOT NULL").format(sql.Identifier(name)) for name in key.columns]
    only = sql.SQL("") if key.is_partitioned else sql.SQL("ONLY ")
    return sql.SQL(
        "SELECT pg_catalog.count(*) FROM {rows} WHERE ({filled})"
        " AND NOT EXISTS (SELECT FROM {only}{referenced} AS p WHERE {same})"
    ).format(
        rows=compose_relation(table.relation, is_partitioned=table.is_partitioned),
        # MATCH FULL: all columns or none.
        filled=sql.SQL(" OR " if key.is_full_match else " AND ").join(filled),
        only=only,
        referenced=sql.Identifier(*key.referenced),
        same=same,
    )
