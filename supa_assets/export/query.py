"""The SQL that makes the server write JSON, composed from the plan. The shape of every statement of the export is here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import sql

from supa_assets.export.plan import PlannedColumn, PlannedTable

__all__ = [
    "ChunkRange",
    "Key",
    "compose_borders_by_row_count",
    "compose_borders_by_size",
    "compose_chunk",
    "compose_count",
    "compose_relation",
    "compose_row_width",
]

_ROW_SEPARATOR = sql.SQL("E',\\n'")
_LINE_BREAKS = (sql.SQL("E'\\r\\n'"), sql.SQL("'  '"))


@dataclass(frozen=True)
class Key:
    """Columns that rows are sorted by and ranges are cut over, as SQL over relation `t`, with their types."""

    columns: tuple[sql.Composable, ...]
    types: tuple[str, ...]
    is_heap_order: bool = False
    """The key is ctid: rows come in that order without being sorted."""

    def as_list(self) -> sql.Composable:
        return sql.SQL(", ").join(self.columns)

    def aliases(self) -> list[sql.Identifier]:
        """Names for the columns in a query of our own, where the table's names would meet others."""
        return [sql.Identifier(f"key_{n}") for n in range(len(self.columns))]

    def as_aliased_list(self) -> sql.Composable:
        return sql.SQL(", ").join(
            sql.SQL("{} AS {}").format(column, alias)
            for column, alias in zip(self.columns, self.aliases(), strict=True)
        )

    def as_text(self) -> sql.Composable:
        """The aliased columns' text."""
        return sql.SQL(", ").join(
            sql.SQL("{}::pg_catalog.text").format(alias) for alias in self.aliases()
        )

    def as_row(self) -> sql.Composable:
        return sql.SQL("({})").format(self.as_list())

    def boundary(self, values: Sequence[str]) -> sql.Composable:
        """The values' own text, cast back by the server: exact for every type that a btree can sort."""
        return sql.SQL("({})").format(
            sql.SQL(", ").join(
                sql.SQL("{}::{}").format(sql.Literal(value), _trusted(type_))
                for value, type_ in zip(values, self.types, strict=True)
            )
        )


@dataclass(frozen=True)
class ChunkRange:
    """Rows of `relation` from `start` (included) to `end` (left out); None leaves that end open."""

    relation: sql.Composable
    key: Key | None = None
    start: tuple[str, ...] | None = None
    end: tuple[str, ...] | None = None


def compose_relation(schema: str, table: str, *, is_partitioned: bool) -> sql.Composable:
    """`ONLY` keeps inheritance children out, since each is a table of its own; a partitioned table has no rows itself."""
    only = sql.SQL("") if is_partitioned else sql.SQL("ONLY ")
    return sql.SQL("{}{} AS t").format(only, sql.Identifier(schema, table))


def compose_count(relation: sql.Composable) -> sql.Composed:
    return sql.SQL("SELECT pg_catalog.count(*) FROM {}").format(relation)


def compose_chunk(table: PlannedTable, range_: ChunkRange) -> sql.Composed:
    """One row of two columns: the rows' JSON joined by `,` and a newline, and their number.

    The subselect's order is the aggregate's input order (manual, 9.21), since the transaction has no parallel workers.
    """
    line: sql.Composable = sql.SQL("pg_catalog.row_to_json(r.*)::pg_catalog.text")
    if table.holds_raw_json:
        # Within JSON text a raw line break can only be white space between tokens.
        line = sql.SQL("pg_catalog.translate({}, {}, {})").format(line, *_LINE_BREAKS)
    return sql.SQL(
        "SELECT pg_catalog.string_agg({line}, {separator}), pg_catalog.count(*) FROM (SELECT {columns} FROM {rows}) AS r"
    ).format(
        line=line,
        separator=_ROW_SEPARATOR,
        columns=_compose_columns(table),
        rows=_compose_rows(range_),
    )


def compose_row_width(table: PlannedTable, relation: sql.Composable) -> sql.Composed:
    """Average bytes of JSON in a row, of the first hundred in the heap."""
    return sql.SQL(
        "SELECT pg_catalog.avg(pg_catalog.octet_length(pg_catalog.row_to_json(r.*)::pg_catalog.text))::pg_catalog.int8"
        " FROM (SELECT {columns} FROM {relation} LIMIT 100) AS r"
    ).format(columns=_compose_columns(table), relation=relation)


def compose_borders_by_row_count(relation: sql.Composable, key: Key, *, rows: int) -> sql.Composed:
    """Keys, as text, of every row that begins a chunk of so many rows, but for the first chunk's."""
    return sql.SQL(
        "SELECT {text} FROM"
        " (SELECT {aliased}, pg_catalog.row_number() OVER (ORDER BY {key}) AS n FROM {relation}) AS b"
        " WHERE n > 1 AND n % {rows} = 1 % {rows} ORDER BY n"
    ).format(
        text=key.as_text(),
        aliased=key.as_aliased_list(),
        key=key.as_list(),
        relation=relation,
        rows=sql.Literal(rows),
    )


def compose_borders_by_size(
    table: PlannedTable, relation: sql.Composable, key: Key, *, chunk_bytes: int
) -> sql.Composed:
    """Keys, as text, of every row that begins a chunk of about so many bytes, but for the first chunk's.

    pg_column_size() reads a value's stored size without fetching the value from TOAST. JSON is taken as twice that, plus
    the keys' names; a row above `chunk_bytes` is a chunk of its own, or ends one.
    """
    sizes = sql.SQL(" + ").join(
        sql.SQL("coalesce(pg_catalog.pg_column_size(t.{}), 0)").format(
            sql.Identifier(column.entry.name)
        )
        for column in table.columns
    )
    names = sum(len(column.entry.name.encode()) + 4 for column in table.columns)
    return sql.SQL(
        "SELECT {text} FROM ("
        "SELECT b.*, pg_catalog.lag(bucket) OVER (ORDER BY {aliases}) AS previous FROM ("
        "SELECT {aliased}, (pg_catalog.sum({names} + 2::pg_catalog.int8 * ({sizes}))"
        " OVER (ORDER BY {key} ROWS UNBOUNDED PRECEDING) / {chunk_bytes})::pg_catalog.int8 AS bucket"
        " FROM {relation}) AS b) AS b WHERE bucket <> previous ORDER BY {aliases}"
    ).format(
        text=key.as_text(),
        aliases=sql.SQL(", ").join(key.aliases()),
        aliased=key.as_aliased_list(),
        key=key.as_list(),
        names=sql.Literal(names),
        sizes=sizes,
        chunk_bytes=sql.Literal(chunk_bytes),
        relation=relation,
    )


def _compose_rows(range_: ChunkRange) -> sql.Composable:
    key = range_.key
    if key is None:
        return range_.relation
    conditions = [
        sql.SQL("{} {} {}").format(key.as_row(), operator, key.boundary(boundary))
        for operator, boundary in ((sql.SQL(">="), range_.start), (sql.SQL("<"), range_.end))
        if boundary is not None
    ]
    rows = range_.relation
    if conditions:
        rows = sql.SQL("{} WHERE {}").format(rows, sql.SQL(" AND ").join(conditions))
    if not key.is_heap_order:
        rows = sql.SQL("{} ORDER BY {}").format(rows, key.as_list())
    return rows


def _compose_columns(table: PlannedTable) -> sql.Composable:
    return sql.SQL(", ").join(_compose_column(column) for column in table.columns)


def _compose_column(column: PlannedColumn) -> sql.Composable:
    name = sql.Identifier(column.entry.name)
    value: sql.Composable = sql.SQL("t.{}").format(name)
    for cast_ in column.casts:
        if cast_ == "base64":  # in one line, as RFC 4648 has it
            value = sql.SQL(
                "pg_catalog.translate(pg_catalog.encode({}, 'base64'), E'\\n', '')"
            ).format(value)
            continue
        value = sql.SQL("{}::pg_catalog.{}").format(value, sql.SQL(cast_))
    return sql.SQL("{} AS {}").format(value, name)


def _trusted(type_name: str) -> sql.SQL:
    """`format_type`'s own output is SQL already, with whatever needs it quoted."""
    return sql.SQL(type_name)
