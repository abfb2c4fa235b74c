"""The rows of a target's table in the shape that the export gave the source's, so that both write the same JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

from supa_assets.files.metadata import ColumnEntry, TableEntry
from supa_assets.plan.encoding import (
    ColumnEncoding,
    encode_type,
    holds_raw_json,
    recorded_encoding,
    without_made_casts,
)
from supa_assets.plan.probes import find_probes
from supa_assets.plan.row_shape import RowShape, ShapedColumn
from supa_assets.restore.target import Target, TargetTable
from supa_assets.settings import ValueForms

__all__ = ["list_shapes"]


def list_shapes(entry: TableEntry, table: TargetTable, target: Target) -> Iterator[RowShape]:
    """The one shape, where metadata.json records each column's casts; else all that its encodings leave open.

    Where the target has casts of somebody's own that these would call, the same text comes from the output function.
    Older versions recorded no casts, and the encodings don't tell those of arrays and of `timestamp`. Raises
    ExportFault for a cast that this version doesn't know.
    """
    recorded = [recorded_encoding(column) for column in entry.columns]
    known = [encoding for encoding in recorded if encoding is not None]
    if len(known) == len(entry.columns):
        type_ids = [table.columns[column.name].type_id for column in entry.columns]
        yield _shape(
            entry,
            table,
            target,
            [without_made_casts(e, t, target.types) for e, t in zip(known, type_ids, strict=True)],
        )
        return
    for encodings in _guess_encodings(entry.columns, table, target):
        yield _shape(entry, table, target, encodings)


def _guess_encodings(
    columns: Sequence[ColumnEntry], table: TargetTable, target: Target
) -> Iterator[list[ColumnEncoding]]:
    type_ids = [table.columns[column.name].type_id for column in columns]
    tried: list[list[ColumnEncoding]] = []
    for int8, timestamps, bytea in product(
        ("string", "number"), ("utc", "naive"), ("hex", "base64")
    ):
        forms = ValueForms.model_validate({"int8": int8, "timestamps": timestamps, "bytea": bytea})
        encodings = [encode_type(type_id, target.types, forms) for type_id in type_ids]
        fits = [e.encoding for e in encodings] == [column.encoding for column in columns]
        if fits and encodings not in tried:
            tried.append(encodings)
            yield encodings


def _shape(
    entry: TableEntry, table: TargetTable, target: Target, encodings: Sequence[ColumnEncoding]
) -> RowShape:
    type_ids = [table.columns[column.name].type_id for column in entry.columns]
    return RowShape(
        relation=table.relation,
        is_partitioned=table.is_partitioned,
        columns=[
            ShapedColumn(
                entry=column.model_copy(update={"casts": list(encoding.casts)}),
                probes=find_probes(type_id, target.types, encoding, is_nullable=column.nullable),
            )
            for column, encoding, type_id in zip(entry.columns, encodings, type_ids, strict=True)
        ],
        holds_raw_json=any(holds_raw_json(type_id, target.types) for type_id in type_ids),
    )
