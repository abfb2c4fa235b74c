"""A table's checksum, computed by the server: what `files.line_sum` computes from the file."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

from supa_assets.files.line_sum import Checksum
from supa_assets.plan.row_shape import RowShape
from supa_assets.stream.row_sql import compose_columns, compose_line, compose_relation

__all__ = ["read_checksum"]


def read_checksum(connection: psycopg.Connection[Any], shape: RowShape) -> Checksum:
    """By the server, in the connection's snapshot, under the export's session settings."""
    row = connection.execute(_compose_checksum(shape)).fetchone()
    assert row is not None
    return Checksum.of_sums(int(row[0]), int(row[1]), int(row[2]))


def _compose_checksum(shape: RowShape) -> sql.Composed:
    """One row: the number of rows, and the sums of the first and second 8 bytes of each line's SHA-256, as int8."""
    half = "('x' || pg_catalog.encode(pg_catalog.substr(h.hash, {}, 8), 'hex'))::pg_catalog.bit(64)::pg_catalog.int8"
    return sql.SQL(
        "SELECT pg_catalog.count(*), coalesce(pg_catalog.sum({first}), 0), coalesce(pg_catalog.sum({second}), 0)"
        " FROM (SELECT {columns} FROM {relation}) AS r CROSS JOIN LATERAL"
        " (SELECT pg_catalog.sha256(pg_catalog.convert_to({line}, 'UTF8')) AS hash OFFSET 0) AS h"
    ).format(
        first=sql.SQL(half).format(sql.Literal(1)),
        second=sql.SQL(half).format(sql.Literal(9)),
        line=compose_line(shape),
        columns=compose_columns(shape),
        relation=compose_relation(shape.relation, is_partitioned=shape.is_partitioned),
    )
