"""What keeps a target from taking an export, all of it, found before anything is written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import psycopg
from psycopg import sql

from supa_assets.errors import TargetError
from supa_assets.files.metadata import ColumnEntry, ExportMetadata, TableEntry
from supa_assets.files.structure import StructureEntry, TypeEntry
from supa_assets.notice import Notice
from supa_assets.restore.target import Target, TargetTable
from supa_assets.server.catalog import Column
from supa_assets.stream.row_sql import compose_relation

__all__ = ["find_problems", "refuse_problems"]


def refuse_problems(problems: Sequence[Notice], *, creates: bool = False) -> None:
    """Raise one TargetError for all of them. `creates`: what was missing has been made already."""
    if problems:
        mend = "mend them in the target"
        if not creates:
            mend += "; an empty database can be given what is missing with --create (in Dagster: create)"
        raise TargetError(
            f"the target can't take the export, {len(problems)} problems:"
            + "".join(f"\n  {problem.text}" for problem in problems),
            hint=f"{mend}. Nothing was written.",
        )


def find_problems(
    connection: psycopg.Connection[Any],
    metadata: ExportMetadata,
    entries: Mapping[str, TableEntry],
    target: Target,
) -> Iterator[Notice]:
    """In import order; then what concerns types."""
    for name, entry in entries.items():
        for text in _look_at_table(connection, entry, target.tables.get(name), target):
            yield Notice(text, entry.relation)
    if metadata.structure is not None:
        yield from _compare_types(metadata.structure, target.structure)


def _look_at_table(
    connection: psycopg.Connection[Any],
    entry: TableEntry,
    table: TargetTable | None,
    target: Target,
) -> Iterator[str]:
    relation = f'"{entry.relation}"'
    if table is None:
        yield f"table {relation} is missing"
    elif table.kind not in ("table", "partitioned table"):
        yield f"{relation} is a {table.kind}, the export holds a table"
    else:
        yield from _find_missing_privileges(table, entry)
        yield from _compare_columns(table, entry, target)
        yield from _find_rows(connection, table)


def _find_missing_privileges(table: TargetTable, entry: TableEntry) -> Iterator[str]:
    if not table.has_usage:
        yield f'the role has no USAGE on schema "{table.relation.schema_name}"'
    missing = [
        word
        for word, has in (("SELECT", table.has_select), ("INSERT", table.has_insert))
        if not has and entry.row_count
    ]
    if missing:
        yield f'the role may not {" and ".join(missing)} on "{table.relation}"'
    if table.has_hidden_rows:
        yield f'"{table.relation}" has row-level security for the role, which may refuse rows: use one with BYPASSRLS'


def _compare_columns(table: TargetTable, entry: TableEntry, target: Target) -> Iterator[str]:
    relation = f'"{table.relation}"'
    for column in entry.columns:
        found = table.columns.get(column.name)
        if found is None:
            if column.generated is None:
                yield f'column "{column.name}" of {relation} is missing'
        else:
            yield from _compare_column(relation, column, found)
    exported = {column.name for column in entry.columns}
    structure = target.structure.tables
    name = next(name for name, found in target.tables.items() if found is table)
    defaults = {column.name for column in structure[name].columns if column.default}
    for column_name, column_ in table.columns.items():
        is_filled = column_.is_nullable or column_.generated or column_.identity
        if column_name not in exported and not is_filled and column_name not in defaults:
            yield (
                f'column "{column_name}" of {relation} is not in the export,'
                " and it is NOT NULL without a default"
            )


def _compare_column(relation: str, column: ColumnEntry, found: Column) -> Iterator[str]:
    if found.type != column.type:
        yield (
            f'column "{column.name}" of {relation} is of type {found.type}, the export\'s is {column.type}'
        )
    if found.generated and not column.generated:
        yield f'column "{column.name}" of {relation} is generated, the export\'s is not'


def _find_rows(connection: psycopg.Connection[Any], table: TargetTable) -> Iterator[str]:
    """A table that can't be read has its own problem already."""
    if not (table.has_usage and table.has_select) or table.has_hidden_rows:
        return
    relation = compose_relation(table.relation, is_partitioned=table.is_partitioned)
    query = sql.SQL("SELECT EXISTS (SELECT FROM {})").format(relation)
    row = connection.execute(query).fetchone()
    if row and row[0]:
        yield f'"{table.relation}" holds rows already'


def _compare_types(exported: StructureEntry, target: StructureEntry) -> Iterator[Notice]:
    """Types that are in both, and what of them decides whether a value fits."""
    found = {type_.relation: type_ for type_ in target.types}
    for type_ in exported.types:
        other = found.get(type_.relation)
        if other is not None and (difference := _compare_type(type_, other)):
            yield Notice(f'type "{type_.relation}" {difference}', type_.relation)


def _compare_type(type_: TypeEntry, other: TypeEntry) -> str | None:
    if other.kind != type_.kind:
        return f"is a {other.kind}, the export's is a {type_.kind}"
    if missing := [label for label in type_.labels if label not in other.labels]:
        return f"lacks the labels {', '.join(repr(label) for label in missing)}"
    if type_.labels != [label for label in other.labels if label in type_.labels]:
        return "has its labels in another order"
    if _parts(type_) != _parts(other):
        return f"is made of {_parts(other)}, the export's of {_parts(type_)}"
    return None


def _parts(type_: TypeEntry) -> str:
    attributes = ", ".join(f"{part.name} {part.type}" for part in type_.attributes)
    return attributes or type_.base_type or type_.subtype or ""
