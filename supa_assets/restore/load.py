"""Rows into a table: batches of the file's own lines, read by PostgreSQL as what metadata.json says that they are.

`json_to_record` reads each column as its type, a `text-array` as text[] that is cast to it. A column of json itself is
taken out of the row by `->`, which keeps its text; `json_to_record` would write a JSON string anew. Where such a column
is NOT NULL, null is the JSON scalar; elsewhere nothing tells the two apart, and it is SQL NULL.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

import psycopg
from psycopg import RawCursor, sql
from psycopg.adapt import Dumper
from psycopg.pq import Format

from supa_assets.errors import TargetError
from supa_assets.files.metadata import ColumnEntry, TableEntry
from supa_assets.files.storage import Files
from supa_assets.plan.encoding import is_built_in
from supa_assets.restore.export_files import Batch, read_batches
from supa_assets.restore.target import Target, TargetDatabase, TargetTable
from supa_assets.server.explain import explain_write_error

__all__ = ["fill_in", "load_table"]

OnBatch = Callable[[int, int], None]
"""Called after each batch with the rows and bytes of the table so far."""


class _JsonArray(bytes):
    """Goes to the server as text, with no copy in another encoding."""


class _JsonArrayDumper(Dumper):
    format = Format.TEXT
    oid = psycopg.adapters.types["json"].oid

    def dump(self, obj: bytes) -> bytes:
        return obj


def load_table(
    connection: psycopg.Connection[Any],
    database: TargetDatabase,
    files: Files,
    entry: TableEntry,
    target: Target,
    *,
    late_columns: Collection[str] = (),
    batch_byte_count: int,
    on_batch: OnBatch,
) -> int:
    """Insert every row of the file; gives their number. `late_columns` are NULL for now."""
    table = target.tables[entry.name]
    columns = _restored_columns(table, entry)
    query = _compose_insert(table, columns, target, late_columns)
    row_count = 0
    for batch in read_batches(files, entry, byte_count=batch_byte_count):
        found = _execute(connection, database, table, query, batch, has_columns=bool(columns))
        if found != len(batch.lines):
            raise TargetError(
                f'"{table.relation}" took {found} rows of {len(batch.lines)}: a trigger or rule of the target dropped'
                " some",
                hint="disable it, or connect as its owner. Nothing was written.",
                relation=table.relation,
                expected=len(batch.lines),
                found=found,
            )
        row_count += found
        on_batch(row_count, batch.byte_count)
    return row_count


def fill_in(
    connection: psycopg.Connection[Any],
    database: TargetDatabase,
    files: Files,
    entry: TableEntry,
    target: Target,
    *,
    late_columns: Sequence[str],
    batch_byte_count: int,
) -> None:
    """The second pass: what was NULL for now, by primary key."""
    table = target.tables[entry.name]
    by_name = {column.name: column for column in entry.columns}
    keys = [by_name[name] for name in entry.primary_key]
    late = [by_name[name] for name in late_columns]
    query = sql.SQL(
        "UPDATE {table} AS t SET {assignments} FROM (SELECT {values} FROM {rows}) AS n WHERE {same}"
    ).format(
        table=table.identifier,
        assignments=_comma(
            sql.SQL("{name} = n.{name}").format(name=sql.Identifier(c.name)) for c in late
        ),
        values=_comma(
            sql.SQL("{} AS {}").format(_compose_value(c, table, target), sql.Identifier(c.name))
            for c in (*keys, *late)
        ),
        rows=_compose_rows([*keys, *late], table, target),
        same=sql.SQL(" AND ").join(
            sql.SQL("t.{name} = n.{name}").format(name=sql.Identifier(c.name)) for c in keys
        ),
    )
    for batch in read_batches(files, entry, byte_count=batch_byte_count):
        _execute(connection, database, table, query, batch, has_columns=True)


def _restored_columns(table: TargetTable, entry: TableEntry) -> list[ColumnEntry]:
    """All but what the target generates."""
    return [
        column
        for column in entry.columns
        if column.name in table.columns and not table.columns[column.name].generated
    ]


def _compose_insert(
    table: TargetTable,
    columns: Sequence[ColumnEntry],
    target: Target,
    late_columns: Collection[str],
) -> sql.Composed:
    if not columns:
        return sql.SQL("INSERT INTO {} SELECT FROM pg_catalog.generate_series(1, $1)").format(
            table.identifier
        )
    return sql.SQL(
        "INSERT INTO {table} ({names}) OVERRIDING SYSTEM VALUE SELECT {values} FROM {rows}"
    ).format(
        table=table.identifier,
        names=_comma(sql.Identifier(column.name) for column in columns),
        values=_comma(
            sql.SQL("NULL")
            if column.name in late_columns
            else _compose_value(column, table, target)
            for column in columns
        ),
        rows=_compose_rows(columns, table, target),
    )


def _compose_rows(
    columns: Sequence[ColumnEntry], table: TargetTable, target: Target
) -> sql.Composed:
    """The batch as rows `x`; with each row's own text as `e.line` where `->` wants it."""
    read_as = _comma(
        sql.SQL("{} {}").format(
            sql.Identifier(column.name), sql.SQL(_read_as(column, table, target))
        )
        for column in columns
    )
    if not any(_is_json(column, table, target) for column in columns):
        return sql.SQL("pg_catalog.json_to_recordset($1::pg_catalog.json) AS x ({})").format(
            read_as
        )
    return sql.SQL(
        "pg_catalog.json_array_elements($1::pg_catalog.json) AS e(line)"
        " CROSS JOIN LATERAL pg_catalog.json_to_record(e.line) AS x ({})"
    ).format(read_as)


def _read_as(column: ColumnEntry, table: TargetTable, target: Target) -> str:
    if column.encoding == "text-array":
        return "pg_catalog.text[]"
    if column.encoding == "base64":
        return "pg_catalog.text"
    return "pg_catalog.json" if _is_json(column, table, target) else column.type


def _compose_value(column: ColumnEntry, table: TargetTable, target: Target) -> sql.Composed:
    type_ = sql.SQL(column.type)
    found = table.columns[column.name]
    value: sql.Composable = sql.SQL("x.{}").format(sql.Identifier(column.name))
    if column.encoding == "base64":
        value = sql.SQL("pg_catalog.decode({}, 'base64')").format(value)
    elif _is_json(column, table, target):
        text = sql.SQL("(e.line -> {}::pg_catalog.text)").format(sql.Literal(column.name))
        value = text
        if found.is_nullable:
            value = sql.SQL("nullif({}::pg_catalog.text, 'null')").format(text)
    elif column.encoding == "json" and not found.is_nullable:
        value = sql.SQL("coalesce({}, 'null')").format(value)
    return sql.SQL("{}::{}").format(value, type_)


def _is_json(column: ColumnEntry, table: TargetTable, target: Target) -> bool:
    type_ = target.base_type(table.columns[column.name])
    return is_built_in(type_) and type_.name == "json"


def _execute(
    connection: psycopg.Connection[Any],
    database: TargetDatabase,
    table: TargetTable,
    query: sql.Composed,
    batch: Batch,
    *,
    has_columns: bool,
) -> int:
    """Without `%` in the way of names: a RawCursor's parameters are $1."""
    cursor = RawCursor(connection)
    cursor.adapters.register_dumper(_JsonArray, _JsonArrayDumper)
    parameter = _JsonArray(batch.as_array()) if has_columns else len(batch.lines)
    try:
        cursor.execute(query, [parameter])
    except psycopg.Error as error:
        raise explain_write_error(
            error, database.address, relation=table.relation, action="loading"
        ) from None
    return cursor.rowcount


def _comma(parts: Iterable[sql.Composable]) -> sql.Composed:
    return sql.SQL(", ").join(parts)
