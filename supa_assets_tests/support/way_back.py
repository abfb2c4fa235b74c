"""The way back as docs/TYPES.md tells it: a file and metadata.json's columns, restored by PostgreSQL alone."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import psycopg
from psycopg import sql

from supa_assets.files.metadata import ColumnEntry
from supa_assets.plan.export_plan import PlannedTable
from supa_assets_tests.support.databases import Database

__all__ = ["restore", "unequal_values"]


def restore(database: Database, table: PlannedTable, text: str) -> None:
    """Fill `restored`, a table like the exported one, from the file's text."""
    columns = [c.entry for c in table.rows.columns if c.entry.generated is None]
    source = sql.Identifier(*table.relation)
    with psycopg.connect(database.superuser_url, autocommit=True) as connection:
        connection.execute("SET lc_monetary = 'C'; SET search_path = ''")
        connection.execute("DROP TABLE IF EXISTS public.restored")
        connection.execute(
            sql.SQL(
                "CREATE TABLE public.restored (LIKE {} INCLUDING GENERATED INCLUDING IDENTITY)"
            ).format(source)
        )
        if not columns:
            return
        connection.execute(
            sql.SQL(
                "INSERT INTO public.restored ({names}) OVERRIDING SYSTEM VALUE"
                " SELECT {values} FROM pg_catalog.json_to_recordset({file}::pg_catalog.json) AS x ({read})"
            ).format(
                names=_comma(sql.Identifier(c.name) for c in columns),
                values=_comma(_value(c) for c in columns),
                read=_comma(
                    sql.SQL("{} {}").format(sql.Identifier(c.name), _read_as(c)) for c in columns
                ),
                file=sql.Literal(text),
            )
        )


def unequal_values(database: Database, table: PlannedTable) -> list[tuple[Any, ...]]:
    """(row, column, stored, restored) wherever PostgreSQL's own text of the two differs; rows in file order.

    format() calls the type's output function, where `::text` might call a cast.
    """
    found: list[tuple[Any, ...]] = []
    relation = sql.Identifier(*table.relation)
    key = _comma(sql.Identifier(name) for name in table.ordered_by) if table.ordered_by else None
    with psycopg.connect(database.superuser_url, autocommit=True) as connection:
        connection.execute("SET TimeZone = 'UTC'; SET search_path = ''")
        for column in (c.entry for c in table.rows.columns):
            text = sql.SQL(
                "SELECT pg_catalog.format('%s', {name}), {name} IS NOT DISTINCT FROM NULL"
                " FROM {relation} ORDER BY {key}"
            )
            stored, restored = (
                connection.execute(
                    text.format(
                        name=sql.Identifier(column.name),
                        relation=from_,
                        key=key or sql.SQL("ctid"),
                    )
                ).fetchall()
                for from_ in (relation, sql.Identifier("public", "restored"))
            )
            found += [
                (n, column.name, before, after)
                for n, (before, after) in enumerate(zip(stored, restored, strict=True))
                if _comparable(before, column) != _comparable(after, column)
            ]
    return found


def _comparable(value: tuple[str, bool], column: ColumnEntry) -> object:
    """White space of json isn't kept between tokens: line breaks become spaces, and those at the ends go."""
    text, is_null = value
    if column.encoding == "json" and not is_null:
        return json.loads(text, parse_float=str, parse_int=str, object_pairs_hook=tuple)
    return text.translate({10: " ", 13: " "}) if column.encoding in ("object", "array") else value


def _read_as(column: ColumnEntry) -> sql.SQL:
    """A `text-array` is read as text[]; everything else as its own type."""
    return sql.SQL("pg_catalog.text[]" if column.encoding == "text-array" else column.type)


def _value(column: ColumnEntry) -> sql.Composed:
    return sql.SQL("x.{}::{}").format(sql.Identifier(column.name), sql.SQL(column.type))


def _comma(parts: Iterable[sql.Composable]) -> sql.Composed:
    return sql.SQL(", ").join(parts)
