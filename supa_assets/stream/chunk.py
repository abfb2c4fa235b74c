"""A chunk: the select lists that make the server send one, and what is taken out of libpq's result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import sql
from psycopg.pq import Format
from psycopg.pq.abc import PGresult

from supa_assets.stream.wire import Wire

__all__ = ["Chunk", "Fetched", "compose_aggregates", "compose_fetched", "take_fetched", "take_int"]


@dataclass(frozen=True)
class Chunk:
    """Consecutive rows of the file: JSON objects joined by `,` and a newline, no separator at either end."""

    data: bytes
    row_count: int
    """As the server counted them; at least 1."""


@dataclass(frozen=True)
class Fetched:
    """What the server made of a range; `chunk` is None where it has no rows, or too many bytes to be sent."""

    chunk: Chunk | None
    row_count: int
    wire_bytes: int
    """What the chunk took on the wire, or would have taken. Its bytes of JSON are those of `chunk.data`."""

    @property
    def is_too_large(self) -> bool:
        return self.chunk is None and self.row_count > 0


def compose_aggregates(wire: Wire) -> sql.Composable:
    """The select list of a query over rows `r` that makes one row of each chunk."""
    values = [
        sql.SQL("{} AS {}").format(value, name)
        for value, name in zip(wire.compose_values(), _name_values(wire), strict=True)
    ]
    return sql.SQL(", ").join([*values, sql.SQL("pg_catalog.count(*) AS row_count")])


def compose_fetched(wire: Wire, *, most_wire_bytes: int | None) -> sql.Composable:
    """The select list over what `compose_aggregates` made: the values, the number of rows, the bytes on the wire.

    The values are NULL where they would take more than `most_wire_bytes`, so that no surprise reaches the client's
    memory; but a single row can't be cut, and passes whole.
    """
    values = _name_values(wire)
    wire_bytes = wire.compose_wire_bytes(values)
    sent: Sequence[sql.Composable] = values
    if most_wire_bytes is not None:
        guard = sql.SQL("CASE WHEN {} <= {} OR row_count = 1 THEN {} END")
        sent = [guard.format(wire_bytes, sql.Literal(most_wire_bytes), value) for value in values]
    return sql.SQL(", ").join([*sent, sql.SQL("row_count"), wire_bytes])


def take_fetched(result: PGresult, wire: Wire, *, first_column: int = 0) -> Fetched:
    """The first row of what `compose_fetched` selects.

    Each value's bytes are copied once, out of libpq's result; the wire decides whether that is the chunk already.
    """
    row_count, wire_bytes = (take_int(result, result.nfields - n) for n in (2, 1))
    values = _take_values(result, first_column) if row_count else None
    return Fetched(
        chunk=None if values is None else Chunk(wire.decode(values, row_count), row_count),
        row_count=row_count,
        wire_bytes=wire_bytes,
    )


def take_int(result: PGresult, column: int) -> int:
    """A number of the first row that isn't negative, in whichever format it came; 0 for NULL."""
    value = result.get_value(0, column) or b""
    if result.fformat(column) == Format.BINARY:
        return int.from_bytes(value, "big")
    return int(value or 0)


def _take_values(result: PGresult, first_column: int) -> list[bytes] | None:
    """None where the guard held them back."""
    values = []
    for column in range(first_column, result.nfields - 2):
        value = result.get_value(0, column)
        if value is None:
            return None
        values.append(value)
    return values


def _name_values(wire: Wire) -> list[sql.Identifier]:
    return [sql.Identifier(f"value_{n}") for n in range(len(wire.compose_values()))]
