"""What the database's catalogue says of the tables to export, read in four queries however many tables there are.

The queries stand in `sql/`, ready to be pasted into psql.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import psycopg

from supa_assets.errors import SettingsError
from supa_assets.files.metadata import ReferenceEntry, ServerEntry, SourceEntry
from supa_assets.naming import Relation
from supa_assets.server.identity import identify_server, identify_source
from supa_assets.server.queries import fetch_query, fetch_row
from supa_assets.settings import Choice

__all__ = [
    "AUTH_TABLES",
    "AUTH_USERS",
    "Catalog",
    "Column",
    "Table",
    "Type",
    "read_catalog",
    "read_types",
]

AUTH_USERS = Relation("auth", "users")
AUTH_TABLES = (AUTH_USERS, Relation("auth", "identities"))


@dataclass(frozen=True)
class Type:
    """A row of pg_type, as far as encoding depends on it."""

    type_id: int
    schema_name: str
    name: str
    kind: str
    """typtype: b base, c composite, d domain, e enum, p pseudo, r range, m multirange."""
    base_type_id: int
    """Of a domain; else 0."""
    element_type_id: int
    """Of a true array; else 0."""
    delimiter: str
    """Between the elements of an array's text."""
    made_casts: frozenset[str]
    """Targets of casts that somebody made: json, text, varchar, _text, _varchar."""
    field_names: tuple[str, ...]
    field_type_ids: tuple[int, ...]


@dataclass(frozen=True)
class Column:
    name: str
    type: str
    """`format_type`, qualified where it isn't in pg_catalog."""
    type_id: int
    is_nullable: bool
    generated: Literal["stored", "virtual"] | None
    identity: Literal["always", "by default"] | None


@dataclass(frozen=True)
class Table:
    relation: Relation
    is_partitioned: bool
    comment: str | None
    """Its first 2,001 characters: it goes with every run, and one more than is shown tells that there are more."""
    estimated_row_count: int | None
    byte_count: int
    primary_key: tuple[str, ...]
    key_correlation: float | None
    columns: tuple[Column, ...]
    references: tuple[ReferenceEntry, ...]


@dataclass(frozen=True)
class Catalog:
    source: SourceEntry
    server: ServerEntry
    read_at: str
    tables: tuple[Table, ...]
    types: Mapping[int, Type]


def read_catalog(connection: psycopg.Connection[Any], choice: Choice) -> Catalog:
    """The tables that `choice` selects; raises SettingsError for a schema that isn't there.

    The connection must be in a transaction with `search_path` empty, so that type names come out qualified.
    """
    _require_schemas(connection, choice.schemas)
    relations = fetch_query(
        connection,
        "catalog_relations.sql",
        schemas=[*choice.schemas, *choice.platform_schemas],
        platform_schemas=list(choice.platform_schemas),
        named=[str(name) for name in AUTH_TABLES] if choice.auth else [],
    )
    relation_ids = [row["relation_id"] for row in relations]
    columns = _read_columns(connection, relation_ids)
    references = _read_references(connection, relation_ids)
    type_ids = {column.type_id for of_table in columns.values() for column in of_table}
    return Catalog(
        source=identify_source(connection),
        server=identify_server(connection),
        read_at=fetch_row(connection, "catalog_time.sql")["read_at"],
        tables=tuple(
            Table(
                relation=Relation(row["schema_name"], row["table_name"]),
                is_partitioned=row["is_partitioned"],
                comment=row["comment"],
                estimated_row_count=row["estimated_row_count"],
                byte_count=row["byte_count"] or 0,
                primary_key=tuple(row["primary_key"]),
                key_correlation=row["key_correlation"],
                columns=tuple(columns[row["relation_id"]]),
                references=tuple(references[row["relation_id"]]),
            )
            for row in relations
        ),
        types=read_types(connection, sorted(type_ids)),
    )


def _read_columns(
    connection: psycopg.Connection[Any], relation_ids: Sequence[int]
) -> Mapping[int, list[Column]]:
    columns: defaultdict[int, list[Column]] = defaultdict(list)
    for row in fetch_query(connection, "catalog_columns.sql", relation_ids=relation_ids):
        columns[row.pop("relation_id")].append(Column(**row))
    return columns


def _read_references(
    connection: psycopg.Connection[Any], relation_ids: Sequence[int]
) -> Mapping[int, list[ReferenceEntry]]:
    references: defaultdict[int, list[ReferenceEntry]] = defaultdict(list)
    for row in fetch_query(connection, "catalog_foreign_keys.sql", relation_ids=relation_ids):
        references[row["relation_id"]].append(
            ReferenceEntry(
                constraint=row["constraint_name"],
                columns=row["columns"],
                schema_name=row["referenced_schema"],
                table=row["referenced_table"],
                referenced_columns=row["referenced_columns"],
            )
        )
    return references


def read_types(connection: psycopg.Connection[Any], type_ids: Sequence[int]) -> dict[int, Type]:
    """These types, and all that they are made of, by oid."""
    types = {}
    for row in fetch_query(connection, "catalog_types.sql", type_ids=type_ids):
        row["field_names"] = tuple(row["field_names"])
        row["field_type_ids"] = tuple(row["field_type_ids"])
        row["made_casts"] = frozenset(row["made_casts"])
        types[row["type_id"]] = Type(**row)
    return types


def _require_schemas(connection: psycopg.Connection[Any], schemas: Sequence[str]) -> None:
    rows = fetch_query(connection, "catalog_schemas.sql", schemas=list(schemas))
    found = {row["schema_name"] for row in rows}
    for schema in schemas:
        if schema not in found:
            raise SettingsError(
                f'schema "{schema}" does not exist in the database',
                hint="mend the setting `schemas` (SUPA_ASSETS_SCHEMAS); capitals count.",
            )
