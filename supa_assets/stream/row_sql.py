"""A table's rows in SQL: the relation they come from, their columns as an export casts them, their JSON, their sizes.

An expression is one over relation `t`; only the line is over the rows `r` that `compose_columns` makes of it.
"""

from __future__ import annotations

from collections.abc import Mapping

from psycopg import sql

from supa_assets.naming import Relation
from supa_assets.plan.row_shape import RowShape, ShapedColumn

__all__ = [
    "compose_columns",
    "compose_line",
    "compose_relation",
    "compose_row_size",
    "compose_value_sizes",
]

_LINE_BREAKS = (sql.SQL("E'\\r\\n'"), sql.SQL("'  '"))
_RAW_SIZE_TYPES = ("text", "character varying", "bytea")
"""octet_length() tells their size without fetching them from TOAST or decompressing them."""
_CONVERTED: Mapping[str, str] = {
    "text": "{v}::pg_catalog.text",
    "varchar": "{v}::pg_catalog.varchar",
    "numeric": "{v}::pg_catalog.numeric",
    "timestamptz": "{v}::pg_catalog.timestamptz",
    "text[]": "{v}::pg_catalog.text[]",
    "varchar[]": "{v}::pg_catalog.varchar[]",
    "numeric[]": "{v}::pg_catalog.numeric[]",
    "timestamptz[]": "{v}::pg_catalog.timestamptz[]",
    # In one line, as RFC 4648 has it.
    "base64": "pg_catalog.translate(pg_catalog.encode({v}, 'base64'), E'\\n', '')",
    # concat() calls the output function and no cast; IS NULL would take a row of NULLs for one.
    "output": "CASE WHEN {v} IS DISTINCT FROM NULL THEN pg_catalog.concat({v}) END",
    "output[]": "CASE WHEN {v} IS DISTINCT FROM NULL THEN pg_catalog.concat({v}) END::pg_catalog.text[]",
}
"""By the words of metadata.json, which are never SQL themselves: whoever changed the file could write anything."""


def compose_relation(relation: Relation, *, is_partitioned: bool) -> sql.Composable:
    """`ONLY` keeps inheritance children out, each a table of its own; a partitioned table has no rows itself."""
    only = sql.SQL("") if is_partitioned else sql.SQL("ONLY ")
    return sql.SQL("{}{} AS t").format(only, sql.Identifier(*relation))


def compose_columns(shape: RowShape) -> sql.Composable:
    """The select list whose rows `row_to_json` can write without a loss."""
    return sql.SQL(", ").join(_compose_column(column) for column in shape.columns)


def compose_line(shape: RowShape) -> sql.Composable:
    """A row's JSON in one line."""
    line: sql.Composable = sql.SQL("pg_catalog.row_to_json(r.*)::pg_catalog.text")
    if shape.holds_raw_json:
        # Within JSON text a raw line break can only be white space between tokens.
        line = sql.SQL("pg_catalog.translate({}, {}, {})").format(line, *_LINE_BREAKS)
    return line


def compose_row_size(shape: RowShape) -> sql.Composable:
    """About how many bytes a row has, from what the server tells without fetching a value from TOAST."""
    names = sum(len(column.name.encode()) + 4 for column in shape.columns)
    names_size = sql.SQL("{}::pg_catalog.int8").format(sql.Literal(names))
    return sql.SQL(" + ").join([names_size, *compose_value_sizes(shape)])


def compose_value_sizes(shape: RowShape) -> list[sql.Composable]:
    """Each column's part of `compose_row_size`."""
    return [_compose_value_size(column) for column in shape.columns]


def _compose_value_size(column: ShapedColumn) -> sql.Composable:
    """Bytes of a value before compression where the server tells them without reading it, else as stored."""
    is_raw = column.type.partition("(")[0] in _RAW_SIZE_TYPES
    function = sql.SQL("pg_catalog.octet_length" if is_raw else "pg_catalog.pg_column_size")
    value = sql.SQL("t.{}").format(sql.Identifier(column.name))
    return sql.SQL("coalesce({}({}), 0)::pg_catalog.int8").format(function, value)


def _compose_column(column: ShapedColumn) -> sql.Composable:
    name = sql.Identifier(column.name)
    value: sql.Composable = sql.SQL("t.{}").format(name)
    for cast_ in column.casts:
        value = sql.SQL(_CONVERTED[cast_]).format(v=value)
    return sql.SQL("{} AS {}").format(value, name)
