"""A table counted by its source: rows, and the values of each column that have a known hole."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from supa_assets.files.metadata import ColumnEntry, HolesEntry
from supa_assets.plan.probes import Probe, Sought
from supa_assets.plan.row_shape import RowShape
from supa_assets.stream.row_sql import compose_relation

__all__ = ["TableCount", "compose_table_count", "read_count"]

# Each says of a value whether it is what is sought; of NULL it says NULL or false.
_SOUGHT: Mapping[Sought, str] = {
    "json null": "pg_catalog.json_typeof({v}) = 'null'",
    # The scalar takes 12 bytes at most: no larger value is fetched from TOAST for its type.
    "jsonb null": "CASE WHEN pg_catalog.pg_column_size({v}) <= 12 THEN pg_catalog.jsonb_typeof({v}) = 'null' END",
    # The expression describes JSON text in which every escape is one that PostgreSQL reads. It is slower than the
    # server's writer, so that only a value comes to it that has an escape of the kind.
    "escapes": r"CASE WHEN pg_catalog.strpos({v}::pg_catalog.text, '\u') = 0 THEN false"
    r" WHEN pg_catalog.strpos({v}::pg_catalog.text, '\u0000') = 0"
    r" AND pg_catalog.strpos({v}::pg_catalog.text, '\ud') = 0"
    r" AND pg_catalog.strpos({v}::pg_catalog.text, '\uD') = 0 THEN false"
    r" ELSE {v}::pg_catalog.text !~ '^([^\\]|\\[^u]|\\u([1-9a-cA-CefEF]|0[^0]|00[^0]|000[^0]|[dD][0-7]"
    r"|[dD][89abAB]..\\u[dD][c-fC-F]))*$' END",
    # Of several dimensions each has bounds: [1:2][1:3].
    "bounds": "CASE WHEN pg_catalog.array_ndims({v}) = 1 THEN pg_catalog.array_lower({v}, 1) <> 1"
    " ELSE pg_catalog.strpos(pg_catalog.replace(pg_catalog.array_dims({v}), '[1:', ''), '[') > 0 END",
    "int8": "{v} NOT BETWEEN -9007199254740991 AND 9007199254740991",
    # A double keeps 15 digits; of more, what its shortest text says. A cast of what it can't hold would be an error.
    "numeric": "CASE WHEN pg_catalog.length({v}::pg_catalog.text) <= 15 THEN false"
    " WHEN pg_catalog.abs({v}) NOT BETWEEN 1e-307 AND 1e308 THEN {v} <> 0"
    " ELSE {v}::pg_catalog.float8::pg_catalog.text::pg_catalog.numeric <> {v} END",
    "timestamptz": "NOT ({v} >= '0001-01-01 00:00:00+00'::pg_catalog.timestamptz"
    " AND {v} < '10000-01-01 00:00:00+00'::pg_catalog.timestamptz)",
    "timestamp": "NOT ({v} >= '0001-01-01'::pg_catalog.timestamp AND {v} < '10000-01-01'::pg_catalog.timestamp)",
    "date": "NOT ({v} >= '0001-01-01'::pg_catalog.date AND {v} < '10000-01-01'::pg_catalog.date)",
}


@dataclass(frozen=True)
class TableCount:
    row_count: int
    """`count(*)`."""
    columns: list[ColumnEntry]
    """The shape's, with `holes`."""


def read_count(connection: psycopg.Connection[Any], shape: RowShape) -> TableCount:
    """In the connection's snapshot, in one statement; where no hole can be, an index alone may answer it."""
    row = connection.execute(compose_table_count(shape)).fetchone()
    assert row is not None
    row_count, counts = row
    holes: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for (name, hole), count in zip(shape.list_probes(), counts, strict=True):
        holes[name][hole] = count
    return TableCount(
        row_count=row_count,
        columns=[
            column.entry.model_copy(update={"holes": HolesEntry(**holes[column.name])})
            if column.probes
            else column.entry
            for column in shape.columns
        ],
    )


def compose_table_count(shape: RowShape) -> sql.Composed:
    """One row: the number of rows, and an array of how many have what the table's probes look for.

    An array, since a table can have more columns with probes than a query may.
    """
    counts = [
        sql.SQL("pg_catalog.count(*) FILTER (WHERE {})").format(
            sql.SQL(" OR ").join(_compose_probe(name, probe) for probe in probes)
        )
        for (name, _), probes in shape.list_probes().items()
    ]
    return sql.SQL("SELECT pg_catalog.count(*), ARRAY[{}]::pg_catalog.int8[] FROM {}").format(
        sql.SQL(", ").join(counts),
        compose_relation(shape.relation, is_partitioned=shape.is_partitioned),
    )


def _compose_probe(column: str, probe: Probe) -> sql.Composable:
    value = sql.SQL("t.{}").format(sql.Identifier(column))
    return _compose_sought(probe.sought, value, probe.path)


def _compose_sought(
    sought: Sought, value: sql.Composable, path: Sequence[str | None]
) -> sql.Composable:
    if not path:
        return sql.SQL(_SOUGHT[sought]).format(v=value)
    step, rest = path[0], path[1:]
    if step is not None:
        field = sql.SQL("({}).{}").format(value, sql.Identifier(step))
        return _compose_sought(sought, field, rest)
    element = sql.Identifier(f"element_{len(rest)}")
    # In FROM, unnest would make a composite's fields columns.
    return sql.SQL(
        "EXISTS (SELECT FROM (SELECT pg_catalog.unnest({array}) AS {element}) AS {element} WHERE {sought})"
    ).format(
        array=value,
        element=element,
        sought=_compose_sought(sought, sql.SQL("{e}.{e}").format(e=element), rest),
    )
