"""Make what an empty database lacks for an export: schemas, extensions, types, sequences, tables, then keys.

Enough to load the rows and to prove them; not the source's schema. Policies, functions, triggers, grants, views and
indexes other than unique ones are not part of an export; a partitioned table becomes an ordinary one; and whatever
leans on a function that isn't there (a default, a check, a generated column) is left out and told. Keys and checks are
added after the rows, when the server looks at all of them at once; so no order of tables matters.

metadata.json's types, expressions and definitions are parts of these statements. `fragments` holds each to its own
kind, for all that is missing before the first statement; and each statement goes alone, so that none can hide a second
one. Still the target's functions that an expression names are called: docs/SECURITY.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import psycopg
from psycopg import errors, sql

from supa_assets.errors import ExportFault, TargetError
from supa_assets.files.metadata import ColumnEntry, ExportMetadata, TableEntry
from supa_assets.files.structure import (
    ColumnStructure,
    ConstraintEntry,
    ExtensionEntry,
    SequenceEntry,
    StructureEntry,
    TableStructure,
    TypeEntry,
)
from supa_assets.naming import Relation
from supa_assets.notice import Notice
from supa_assets.restore.fragments import (
    compose_expression,
    compose_name,
    compose_number,
    compose_rule,
    compose_type,
    compose_unique_index,
)
from supa_assets.server.queries import fetch_query

__all__ = ["NOT_CREATED", "Creation", "create_missing"]

NOT_CREATED = (
    "policies, functions, triggers, grants, views and indexes other than unique ones are not part of an export:"
    " nothing of them was created"
)
_VIRTUAL_COLUMNS_SINCE = 180000
_NO_ENTRY = ColumnStructure(name="")


@dataclass
class Creation:
    """What was made before the rows, and the keys that come after them."""

    connection: psycopg.Connection[Any]
    structure: StructureEntry
    tables: dict[str, TableEntry] = field(default_factory=dict)
    """By asset name: those that were made."""
    created: list[str] = field(default_factory=list)
    notes: list[Notice] = field(default_factory=list)

    def note(self, text: str, relation: Relation | None = None) -> None:
        self.notes.append(Notice(text, relation))

    def add_constraints(self) -> None:
        """To be called after the rows. A rule that a row breaks is an error, one that can't be made a note."""
        every = [
            (entry, constraint)
            for name, entry in self.tables.items()
            for constraint in self.structure.tables.get(name, TableStructure()).constraints
        ]
        for kinds in (
            ("primary key", "unique", "exclusion", "unique index"),
            ("check",),
            ("foreign key",),
        ):
            for entry, constraint in every:
                if constraint.kind in kinds:
                    self._add_constraint(entry, constraint)

    def _add_constraint(self, entry: TableEntry, constraint: ConstraintEntry) -> None:
        relation = entry.relation
        try:
            _execute(self.connection, _compose_constraint(relation, constraint))
        except psycopg.IntegrityError as error:
            raise TargetError(
                f'{constraint.kind} "{constraint.name}" does not hold for the rows of "{relation}":'
                f" {error.diag.message_primary}",
                hint="restore the referenced tables as well, or export all tables in one snapshot. Nothing was"
                " written.",
                relation=relation,
            ) from None
        except psycopg.Error as error:
            what = f'{constraint.kind} "{constraint.name}" of "{relation}"'
            self.note(f"{what} was not created: {_said(error)}", relation)


def create_missing(
    connection: psycopg.Connection[Any],
    metadata: ExportMetadata,
    entries: Mapping[str, TableEntry],
) -> Creation:
    """Create what the tables need and the database lacks; raises TargetError for a table that can't be made."""
    if metadata.structure is None:
        raise ExportFault(
            "metadata.json doesn't say how the source's tables were made",
            hint="export again with `supa-assets export`, or restore into tables made by pg_dump --schema-only.",
        )
    creation = Creation(connection, metadata.structure)
    existing = {
        (row["schema_name"], row["table_name"])
        for row in fetch_query(
            connection,
            "target_tables.sql",
            schemas=[entry.schema_name for entry in entries.values()],
            names=[entry.table for entry in entries.values()],
        )
    }
    missing = {n: e for n, e in entries.items() if e.relation not in existing}
    if missing:
        _Creator(creation, metadata.structure, missing).run()
        creation.note(NOT_CREATED)
    return creation


class _Creator:
    def __init__(
        self, creation: Creation, structure: StructureEntry, missing: Mapping[str, TableEntry]
    ) -> None:
        self._creation = creation
        self._connection = creation.connection
        self._structure = structure
        self._missing = missing

    def run(self) -> None:
        relations = {entry.relation for entry in self._missing.values()}
        types = [
            type_
            for type_ in self._without_existing_types()
            if type_.relation not in relations  # the row type comes with the table
        ]
        sequences = self._missing_sequences()
        extensions = self._missing_extensions()
        self._compose_all(types, sequences)
        self._create_schemas(
            [schema for schema, _ in relations]
            + [type_.schema_name for type_ in types]
            + [sequence.schema_name for sequence in sequences]
            + [extension.schema_name for extension in extensions]
        )
        for extension in extensions:
            self._create_extension(extension.name, extension.schema_name, extension.version)
        for sequence in sequences:
            if not sequence.is_identity:
                _execute(self._connection, _compose_sequence(sequence))
                self._creation.created.append(f'sequence "{sequence.relation}"')
        self._create_in_some_order(types)
        for entry in self._missing.values():
            self._set_defaults(entry)
        for sequence in sequences:
            self._give_owner(sequence)

    def _compose_all(self, types: list[TypeEntry], sequences: list[SequenceEntry]) -> None:
        """Whatever will be run, keys included: a text that isn't of its kind is refused before anything is made."""
        for type_ in types:
            if type_.kind != "base":
                _compose_type(type_)
        for sequence in sequences:
            _compose_sequence(sequence)
        for entry in self._missing.values():
            structure = self._structure.tables.get(entry.name, TableStructure())
            self._compose_table(entry, structure)
            for detail in structure.columns:
                _compose_default(entry.relation, detail)
            for constraint in structure.constraints:
                _compose_constraint(entry.relation, constraint)

    # What is missing

    def _without_existing_types(self) -> list[TypeEntry]:
        existing = self._read_names("create_types.sql")
        return [t for t in self._structure.types if t.relation not in existing]

    def _missing_sequences(self) -> list[SequenceEntry]:
        existing = self._read_names("create_relations.sql")
        return [s for s in self._structure.sequences if s.relation not in existing]

    def _missing_extensions(self) -> list[ExtensionEntry]:
        existing = self._read_extension_versions()
        return [e for e in self._structure.extensions if e.is_used and e.name not in existing]

    def _read_names(self, file: str) -> set[Relation]:
        rows = fetch_query(self._connection, file)
        return {Relation(row["schema_name"], row["name"]) for row in rows}

    def _read_extension_versions(self) -> dict[str, str]:
        rows = fetch_query(self._connection, "structure_extensions.sql")
        return {row["name"]: row["version"] for row in rows}

    # Making it

    def _create_schemas(self, names: list[str]) -> None:
        rows = fetch_query(self._connection, "create_schemas.sql")
        for name in sorted(set(names) - {row["schema_name"] for row in rows}):
            _execute(self._connection, sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(name)))
            self._creation.created.append(f'schema "{name}"')

    def _create_extension(self, name: str, schema: str, version: str) -> None:
        statement = sql.SQL("CREATE EXTENSION {} SCHEMA {} CASCADE").format(
            sql.Identifier(name), sql.Identifier(schema)
        )
        try:
            _execute(self._connection, statement)
        except psycopg.Error as error:
            raise TargetError(
                f'extension "{name}", whose types the export has, can\'t be created: {_said(error)}',
                hint="install it on the server, and create it as a role that may. Nothing was written.",
            ) from None
        self._creation.created.append(f'extension "{name}"')
        found = self._read_extension_versions()[name]
        if found != version:
            text = f'extension "{name}" is of version {found}, the source has {version}'
            self._creation.note(text)

    def _create_in_some_order(self, types: list[TypeEntry]) -> None:
        """Types and tables may need each other: whatever fails is tried again as long as something else succeeds."""
        pending: dict[str, Callable[[], None]] = {
            f'type "{type_.relation}"': partial(self._create_type, type_) for type_ in types
        }
        pending |= {
            f'table "{entry.relation}"': partial(self._create_table, entry)
            for entry in self._missing.values()
        }
        while pending:
            failed: dict[str, psycopg.Error] = {}
            for what, create in pending.items():
                if error := _try(create):
                    failed[what] = error
                else:
                    self._creation.created.append(what)
            if len(failed) == len(pending):
                said = "".join(f"\n  {what}: {_said(error)}" for what, error in failed.items())
                raise TargetError(
                    f"the target can't be given what it lacks:{said}",
                    hint="create it by hand (pg_dump --schema-only), then restore. Nothing was written.",
                )
            pending = {what: pending[what] for what in failed}

    def _create_type(self, type_: TypeEntry) -> None:
        if type_.kind == "base":
            raise errors.UndefinedObject("it is written in C")
        if type_.canonical:
            text = f'range "{type_.relation}" was created without its function {type_.canonical}'
            self._creation.note(text, type_.relation)
        _execute(self._connection, _compose_type(type_))

    def _create_table(self, entry: TableEntry) -> None:
        structure = self._structure.tables.get(entry.name, TableStructure())
        relation = entry.relation
        try:
            _execute(self._connection, self._compose_table(entry, structure))
        except (errors.UndefinedFunction, errors.InvalidObjectDefinition) as error:
            _execute(self._connection, self._compose_table(entry, structure, generates=False))
            text = (
                f'generated columns of "{relation}" were created as ordinary ones: {_said(error)}'
            )
            self._creation.note(text, relation)
        if structure.partition_key:
            text = f'"{relation}", partitioned by {structure.partition_key}, was created as an ordinary table'
            self._creation.note(text, relation)
        self._creation.tables[entry.name] = entry

    def _compose_table(
        self, entry: TableEntry, structure: TableStructure, *, generates: bool = True
    ) -> sql.Composed:
        details = {column.name: column for column in structure.columns}
        return sql.SQL("CREATE TABLE {} ({})").format(
            sql.Identifier(*entry.relation),
            sql.SQL(", ").join(
                sql.SQL(" ").join(
                    self._compose_column(
                        entry, c, details.get(c.name, _NO_ENTRY), generates=generates
                    )
                )
                for c in entry.columns
            ),
        )

    def _compose_column(
        self, entry: TableEntry, column: ColumnEntry, detail: ColumnStructure, *, generates: bool
    ) -> Iterator[sql.Composable]:
        of = f'"{entry.relation}.{column.name}"'
        yield sql.Identifier(column.name)
        yield compose_type(column.type, of=of)
        yield _collate(detail.collation, of=of)
        if not column.nullable:
            yield sql.SQL("NOT NULL")
        if column.generated and detail.generation and generates:
            can_be_virtual = self._connection.info.server_version >= _VIRTUAL_COLUMNS_SINCE
            is_virtual = column.generated == "virtual" and can_be_virtual
            kind = "VIRTUAL" if is_virtual else "STORED"
            expression = compose_expression(detail.generation, of=of)
            yield sql.SQL(f"GENERATED ALWAYS AS {{}} {kind}").format(expression)
        if column.identity:
            yield sql.SQL(f"GENERATED {column.identity.upper()} AS IDENTITY")
            key = (entry.schema_name, entry.table, column.name)
            for sequence in self._structure.sequences:
                owner = sequence.owned_by
                if (
                    sequence.is_identity
                    and owner
                    and key == (owner.schema_name, owner.table, owner.column)
                ):
                    name = sql.Identifier(*sequence.relation)
                    yield sql.SQL("(SEQUENCE NAME {} {})").format(name, _sequence_options(sequence))

    def _set_defaults(self, entry: TableEntry) -> None:
        columns = {column.name for column in entry.columns if not column.identity}
        for detail in self._structure.tables.get(entry.name, TableStructure()).columns:
            if detail.default is None or detail.name not in columns:
                continue
            try:
                _execute(self._connection, _compose_default(entry.relation, detail))
            except psycopg.Error as error:
                text = (
                    f'default of "{entry.relation}.{detail.name}" was not created: {_said(error)}'
                )
                self._creation.note(text, entry.relation)

    def _give_owner(self, sequence: SequenceEntry) -> None:
        owner = sequence.owned_by
        relations: set[Relation] = {e.relation for e in self._creation.tables.values()}
        if sequence.is_identity or owner is None or owner.relation not in relations:
            return
        statement = sql.SQL("ALTER SEQUENCE {} OWNED BY {}").format(
            sql.Identifier(*sequence.relation),
            sql.Identifier(owner.schema_name, owner.table, owner.column),
        )
        try:
            _execute(self._connection, statement)
        except psycopg.Error as error:
            text = f'sequence "{sequence.relation}" has no owner: {_said(error)}'
            self._creation.note(text, sequence.relation)


# Statements


def _compose_type(type_: TypeEntry) -> sql.Composed:
    name, of = sql.Identifier(*type_.relation), f'type "{type_.relation}"'
    if type_.kind == "enum":
        labels = sql.SQL(", ").join(sql.Literal(label) for label in type_.labels)
        return sql.SQL("CREATE TYPE {} AS ENUM ({})").format(name, labels)
    if type_.kind == "composite":
        attributes = sql.SQL(", ").join(
            sql.SQL("{} {}{}").format(
                sql.Identifier(part.name),
                compose_type(part.type, of=of),
                _collate(part.collation, of=of),
            )
            for part in type_.attributes
        )
        return sql.SQL("CREATE TYPE {} AS ({})").format(name, attributes)
    if type_.kind == "range":
        options = [sql.SQL("SUBTYPE = {}").format(compose_type(type_.subtype or "", of=of))]
        if type_.subtype_diff:
            function = compose_name(type_.subtype_diff, of=of)
            options.append(sql.SQL("SUBTYPE_DIFF = {}").format(function))
        if type_.collation:
            options.append(sql.SQL("COLLATION = {}").format(compose_name(type_.collation, of=of)))
        multirange = sql.Identifier(type_.schema_name, type_.multirange or "")
        return sql.SQL("CREATE TYPE {} AS RANGE ({}, MULTIRANGE_TYPE_NAME = {})").format(
            name, sql.SQL(", ").join(options), multirange
        )
    parts: list[sql.Composable] = [
        sql.SQL("CREATE DOMAIN {} AS {}{}").format(
            name,
            compose_type(type_.base_type or "", of=of),
            _collate(type_.collation, of=of),
        )
    ]
    if type_.default:
        parts.append(sql.SQL("DEFAULT {}").format(compose_expression(type_.default, of=of)))
    if not type_.is_nullable:
        parts.append(sql.SQL("NOT NULL"))
    parts += [
        sql.SQL("CONSTRAINT {} {}").format(
            sql.Identifier(check.name), compose_rule("check", check.definition, of=of)
        )
        for check in type_.checks
    ]
    return sql.SQL(" ").join(parts)


def _collate(collation: str | None, *, of: str) -> sql.Composable:
    if not collation:
        return sql.SQL("")
    return sql.SQL(" COLLATE {}").format(compose_name(collation, of=of))


def _compose_default(relation: Relation, column: ColumnStructure) -> sql.Composed:
    of = f'"{relation}.{column.name}"'
    return sql.SQL("ALTER TABLE {} ALTER COLUMN {} SET DEFAULT {}").format(
        sql.Identifier(*relation),
        sql.Identifier(column.name),
        compose_expression(column.default or "NULL", of=of),
    )


def _compose_constraint(relation: Relation, constraint: ConstraintEntry) -> sql.Composable:
    text, of = constraint.definition, f'{constraint.kind} "{constraint.name}" of "{relation}"'
    if constraint.kind == "unique index":
        return compose_unique_index(text, name=constraint.name, relation=relation, of=of)
    return sql.SQL("ALTER TABLE {} ADD CONSTRAINT {} {}").format(
        sql.Identifier(*relation),
        sql.Identifier(constraint.name),
        compose_rule(constraint.kind, text, of=of),
    )


def _compose_sequence(sequence: SequenceEntry) -> sql.Composed:
    return sql.SQL("CREATE SEQUENCE {} AS {} {}").format(
        sql.Identifier(*sequence.relation),
        compose_type(sequence.type, of=f'sequence "{sequence.relation}"'),
        _sequence_options(sequence),
    )


def _sequence_options(sequence: SequenceEntry) -> sql.Composed:
    return sql.SQL("INCREMENT BY {} MINVALUE {} MAXVALUE {} START WITH {} CACHE {}{}").format(
        *(
            compose_number(number, of=f'sequence "{sequence.relation}"')
            for number in (
                sequence.increment,
                sequence.minimum,
                sequence.maximum,
                sequence.start,
                sequence.cache,
            )
        ),
        sql.SQL(" CYCLE" if sequence.is_cycling else ""),
    )


def _execute(connection: psycopg.Connection[Any], statement: sql.Composable) -> None:
    """Within a savepoint; by the extended protocol, which takes one statement only."""
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(sql.Composed([statement]), binary=True)


def _try(create: Callable[[], None]) -> psycopg.Error | None:
    try:
        create()
    except psycopg.Error as error:
        return error
    return None


def _said(error: psycopg.Error) -> str:
    return error.diag.message_primary or str(error)
