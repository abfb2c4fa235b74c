"""What a file's rows are sorted by, and ranges are cut over: the primary key, or the heap's own order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from psycopg import sql

from supa_assets.plan.export_plan import PlannedTable
from supa_assets.server.queries import fetch_query
from supa_assets.stream.reader import TableReader

__all__ = ["HEAP_ORDER", "Key", "read_key", "trust_type"]

_COMPARISONS = ("<", "<=", "=", ">=", ">")


@dataclass(frozen=True)
class Key:
    """Columns of relation `t`, with their types as `format_type` writes them.

    In place of a domain stands what it is of: a boundary cast to the domain would call its checks.
    """

    names: tuple[str, ...]
    types: tuple[str, ...]
    is_heap_order: bool = False
    """The key is ctid: rows come in that order without being sorted."""
    operators: tuple[Mapping[str, sql.Composable], ...] = ()
    """Each column's `<`, `<=`, `=`, `>=` and `>` by their full names, where a type's own are not in pg_catalog.

    With an empty search_path a bare `<` of two citext would be text's, which sorts otherwise.
    """

    @property
    def columns(self) -> tuple[sql.Composable, ...]:
        return tuple(sql.SQL("t.{}").format(sql.Identifier(name)) for name in self.names)

    def as_list(self) -> sql.Composable:
        return sql.SQL(", ").join(self.columns)

    def as_aliases(self) -> sql.Composable:
        """Names for the columns in a query of our own, where the table's names would meet others."""
        return sql.SQL(", ").join(self._aliases())

    def as_aliased_list(self) -> sql.Composable:
        return sql.SQL(", ").join(
            sql.SQL("{} AS {}").format(column, alias)
            for column, alias in zip(self.columns, self._aliases(), strict=True)
        )

    def as_text(self) -> sql.Composable:
        """The aliased columns' text, by their output functions: `::text` might call a cast of somebody's own."""
        return sql.SQL(", ").join(
            sql.SQL("pg_catalog.concat({})").format(alias) for alias in self._aliases()
        )

    def prefix(self, column_count: int) -> Key:
        return Key(
            self.names[:column_count],
            self.types[:column_count],
            self.is_heap_order,
            self.operators[:column_count],
        )

    def compare(self, operator: Literal[">=", "<"], values: Sequence[str]) -> sql.Composable:
        """Rows on one side of a boundary, which may have values for the key's first columns only."""
        prefix = self.prefix(len(values))
        if not prefix.operators:
            return sql.SQL("({}) {} {}").format(
                prefix.as_list(), sql.SQL(operator), prefix._compose_boundary(values)
            )
        return prefix._compare_by_columns(operator, values)

    def _aliases(self) -> list[sql.Identifier]:
        return [sql.Identifier(f"key_{n}") for n in range(len(self.names))]

    def _compose_boundary(self, values: Sequence[str]) -> sql.Composable:
        """The values' own text, cast back by the server: exact for every type that a btree can sort."""
        return sql.SQL("({})").format(
            sql.SQL(", ").join(
                sql.SQL("{}::{}").format(sql.Literal(value), trust_type(type_))
                for value, type_ in zip(values, self.types, strict=True)
            )
        )

    def _compare_by_columns(
        self, operator: Literal[">=", "<"], values: Sequence[str]
    ) -> sql.Composable:
        """`a > 1 OR a = 1 AND b >= 2`, since a comparison of rows can't name an operator for each column."""
        last = len(values) - 1
        alternatives = []
        for n in range(last + 1):
            decisive = operator if n == last or operator == "<" else ">"
            comparisons = [self._compare_column(i, "=", values[i]) for i in range(n)]
            comparisons.append(self._compare_column(n, decisive, values[n]))
            alternatives.append(sql.SQL(" AND ").join(comparisons))
        whole = sql.SQL("({})").format(sql.SQL(" OR ").join(alternatives))
        if not last:
            return whole
        # What the alternatives imply is said once more, for the index.
        bound = self._compare_column(0, ">=" if operator == ">=" else "<=", values[0])
        return sql.SQL("{} AND {}").format(bound, whole)

    def _compare_column(self, column: int, operator: str, value: str) -> sql.Composable:
        return sql.SQL("{}::{type} {} {}::{type}").format(
            self.columns[column],
            self.operators[column][operator],
            sql.Literal(value),
            type=trust_type(self.types[column]),
        )


HEAP_ORDER = Key(names=("ctid",), types=("pg_catalog.tid",), is_heap_order=True)


def read_key(reader: TableReader, table: PlannedTable) -> Key | None:
    """The key that orders the table's file, None where none does; asks the server for operators outside pg_catalog."""
    if not table.ordered_by:
        return None
    type_of = {column.name: column.type for column in table.rows.columns}
    types = tuple(type_of[name] for name in table.ordered_by)
    is_of_catalog = all("." not in type_ for type_ in types)
    if is_of_catalog:
        return Key(names=tuple(table.ordered_by), types=types)
    return _read_compared(reader, table)


def trust_type(type_name: str) -> sql.SQL:
    """`format_type`'s own output is SQL already, with whatever needs it quoted."""
    return sql.SQL(type_name)


def _read_compared(reader: TableReader, table: PlannedTable) -> Key:
    schema, name = table.relation
    rows = fetch_query(reader.connection, "key_operators.sql", schema=schema, table=name)
    full_names = [
        sql.SQL("OPERATOR({}.{})").format(sql.Identifier(row["schema_name"]), sql.SQL(row["name"]))
        for row in rows
    ]
    return Key(
        names=tuple(table.ordered_by),
        types=tuple(row["base_type"] for row in rows[:: len(_COMPARISONS)]),
        operators=tuple(
            dict(zip(_COMPARISONS, full_names[n : n + len(_COMPARISONS)], strict=True))
            for n in range(0, len(full_names), len(_COMPARISONS))
        ),
    )
