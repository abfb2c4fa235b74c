"""A table counted by its source: rows, and the values of each column that have a known hole."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import psycopg

from supa_assets.files.metadata import ColumnEntry, HolesEntry
from supa_assets.plan.row_shape import RowShape
from supa_assets.stream.query import compose_relation, compose_table_count

__all__ = ["TableCount", "read_count"]


@dataclass(frozen=True)
class TableCount:
    row_count: int
    """`count(*)`."""
    columns: list[ColumnEntry]
    """The shape's, with `holes`."""


def read_count(connection: psycopg.Connection[Any], shape: RowShape) -> TableCount:
    """In the connection's snapshot, in one statement; where no hole can be, an index alone may answer it."""
    relation = compose_relation(shape.relation, is_partitioned=shape.is_partitioned)
    row = connection.execute(compose_table_count(shape, relation)).fetchone()
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
