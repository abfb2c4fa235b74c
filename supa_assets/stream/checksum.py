"""A table's checksum, computed by the server: what `files.line_sum` computes from the file."""

from __future__ import annotations

from typing import Any

import psycopg

from supa_assets.files.line_sum import Checksum
from supa_assets.plan.row_shape import RowShape
from supa_assets.stream.query import compose_checksum, compose_relation

__all__ = ["read_checksum"]


def read_checksum(connection: psycopg.Connection[Any], shape: RowShape) -> Checksum:
    """By the server, in the connection's snapshot, under the export's session settings."""
    relation = compose_relation(shape.relation, is_partitioned=shape.is_partitioned)
    row = connection.execute(compose_checksum(shape, relation)).fetchone()
    assert row is not None
    return Checksum.of_sums(int(row[0]), int(row[1]), int(row[2]))
