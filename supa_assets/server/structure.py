"""Read the structure that a way back needs (`structure`), in seven queries however many tables there are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import psycopg
from psycopg import sql

from supa_assets.files.structure import (
    ColumnReference,
    ColumnStructure,
    ConstraintEntry,
    ExtensionEntry,
    SequenceEntry,
    StructureEntry,
    TableStructure,
    TypeEntry,
)
from supa_assets.naming import Relation
from supa_assets.server.queries import fetch_query, fetch_row

__all__ = ["read_structure"]

_SEQUENCES_PER_QUERY = 200


def read_structure(
    connection: psycopg.Connection[Any], tables: Mapping[str, Relation]
) -> StructureEntry:
    """The structure of `tables` (asset name to relation), as far as they are there.

    The connection must be in a transaction with `search_path` empty, so that names come out qualified. What the
    server's own functions say of a table (expressions, definitions) they say of this moment, not of the snapshot: for
    tables that are locked against DDL the two are the same. Sequences aren't MVCC either, whoever locks them.
    """
    read_at = fetch_row(connection, "structure_time.sql")["read_at"]
    relations = _Relations(connection, tables)
    types = fetch_query(connection, "structure_types.sql", type_ids=relations.type_ids)
    used = {row["extension"] for row in types}
    return StructureEntry(
        read_at=read_at,
        extensions=[
            ExtensionEntry(
                name=row["name"],
                schema_name=row["schema_name"],
                version=row["version"],
                is_used=row["name"] in used,
            )
            for row in fetch_query(connection, "structure_extensions.sql")
        ],
        types=[
            TypeEntry(schema_name=row.pop("schema_name"), **row)
            for row in types
            if row.pop("extension") is None
        ],
        sequences=_read_sequences(connection, relations),
        tables=relations.describe(connection),
    )


class _Relations:
    """The tables by their oid, and what their columns have."""

    def __init__(self, connection: psycopg.Connection[Any], tables: Mapping[str, Relation]) -> None:
        names = {relation: name for name, relation in tables.items()}
        found = fetch_query(
            connection,
            "structure_relations.sql",
            schemas=[schema for schema, _ in names],
            names=[table for _, table in names],
        )
        self.names = {
            row["relation_id"]: Relation(row["schema_name"], row["table_name"]) for row in found
        }
        self.ids = list(self.names)
        self._assets = {id_: names[relation] for id_, relation in self.names.items()}
        self._partition_keys = {row["relation_id"]: row["partition_key"] for row in found}
        self._columns: defaultdict[int, list[ColumnStructure]] = defaultdict(list)
        type_ids = set()
        for row in fetch_query(connection, "structure_columns.sql", relation_ids=self.ids):
            type_ids.add(row.pop("type_id"))
            relation_id = row.pop("relation_id")
            if row["default"] or row["generation"] or row["collation"]:
                self._columns[relation_id].append(ColumnStructure(**row))
        self.type_ids = sorted(type_ids)

    def describe(self, connection: psycopg.Connection[Any]) -> dict[str, TableStructure]:
        constraints: defaultdict[int, list[ConstraintEntry]] = defaultdict(list)
        for row in fetch_query(connection, "structure_constraints.sql", relation_ids=self.ids):
            constraints[row.pop("relation_id")].append(ConstraintEntry(**row))
        found = {
            self._assets[id_]: TableStructure(
                partition_key=self._partition_keys[id_],
                columns=self._columns[id_],
                constraints=constraints[id_],
            )
            for id_ in self.ids
        }
        return {name: found[name] for name in sorted(found)}

    def column(self, relation_id: int | None, column: str | None) -> ColumnReference | None:
        if relation_id not in self.names or column is None:
            return None
        schema, table = self.names[relation_id]
        return ColumnReference(schema_name=schema, table=table, column=column)


def _read_sequences(
    connection: psycopg.Connection[Any], relations: _Relations
) -> list[SequenceEntry]:
    rows = fetch_query(connection, "structure_sequences.sql", relation_ids=relations.ids)
    readable = [Relation(row["schema_name"], row["name"]) for row in rows if row.pop("is_readable")]
    states = dict(_read_states(connection, readable))
    entries = []
    for row in rows:
        key = Relation(row.pop("schema_name"), row["name"])
        last_value, is_called = states.get(key, (None, None))
        owner = relations.column(row.pop("owner_id"), row.pop("owner_column"))
        used_by = [relations.column(id_, column) for id_, column in row.pop("used_by")]
        entries.append(
            SequenceEntry(
                schema_name=key[0],
                owned_by=owner,
                used_by=[column for column in used_by if column],
                last_value=last_value,
                is_called=is_called,
                **row,
            )
        )
    return entries


def _read_states(
    connection: psycopg.Connection[Any], names: Sequence[Relation]
) -> Iterator[tuple[Relation, tuple[str, bool]]]:
    """pg_sequences doesn't tell `setval(…, 42, false)` from a new sequence; the relation does."""
    for start in range(0, len(names), _SEQUENCES_PER_QUERY):
        part = names[start : start + _SEQUENCES_PER_QUERY]
        selects = [
            sql.SQL("SELECT {}, last_value::pg_catalog.text, is_called FROM {}").format(
                sql.Literal(position), sql.Identifier(*name)
            )
            for position, name in enumerate(part)
        ]
        for position, last_value, is_called in connection.execute(
            sql.SQL(" UNION ALL ").join(selects)
        ):
            yield part[position], (last_value, is_called)
