"""The wire: in which form a chunk's rows come from the server, and how the client makes their JSON of it.

Today the server writes the JSON itself: `JsonWire`. This is the seam for another way of packing rows. Who wants the
server to send rows in a form that costs it less adds a wire and gives it to `TableStream`; borders, order, counts, the
guard by size and the files stay as they are, byte for byte.

Bytes of JSON and bytes on the wire are two measures. `chunk_bytes` aims at bytes of JSON, and ranges learn from them;
what the server may send at a time is bytes on the wire.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from psycopg import sql

from supa_assets.files.layout import ROW_SEPARATOR
from supa_assets.plan.row_shape import RowShape
from supa_assets.stream.row_sql import compose_columns, compose_line

__all__ = ["JsonWire", "MakeWire", "Wire"]

_ROW_SEPARATOR = sql.Literal(ROW_SEPARATOR.decode())


class Wire(Protocol):
    """One form of rows, for one table. Lanes share it, so it changes nothing of itself while it is used."""

    is_binary: bool
    """Whether the values come in PostgreSQL's binary format."""

    def compose_columns(self) -> sql.Composable:
        """The select list, over relation `t`, of the rows `r` that a chunk aggregates."""

    def compose_values(self) -> Sequence[sql.Composable]:
        """What a chunk consists of: aggregates over `r`, in its order. None of them is NULL where there are rows."""

    def compose_wire_bytes(self, values: Sequence[sql.Composable]) -> sql.Composable:
        """How many bytes a chunk's values, given by their names, take on the wire. The guard goes by it."""

    def expect_wire_bytes(self, json_bytes: int) -> int:
        """As how many bytes on the wire about so many bytes of JSON come."""

    def decode(self, values: list[bytes], row_count: int) -> bytes:
        """A chunk's JSON: objects joined by `,` and a newline, as the server would have written it."""


MakeWire = Callable[[RowShape], Wire]
"""A wire's class, or what else makes one for a table's rows."""


class JsonWire:
    """The server writes the JSON, and joins the rows: one value, whose bytes are the chunk's."""

    is_binary = False

    def __init__(self, shape: RowShape) -> None:
        self._shape = shape

    def compose_columns(self) -> sql.Composable:
        return compose_columns(self._shape)

    def compose_values(self) -> Sequence[sql.Composable]:
        line = compose_line(self._shape)
        return [sql.SQL("pg_catalog.string_agg({}, {})").format(line, _ROW_SEPARATOR)]

    def compose_wire_bytes(self, values: Sequence[sql.Composable]) -> sql.Composable:
        return sql.SQL("pg_catalog.octet_length({})").format(*values)

    def expect_wire_bytes(self, json_bytes: int) -> int:
        return json_bytes

    def decode(self, values: list[bytes], row_count: int) -> bytes:  # other wires need the number
        """The value itself, not a copy."""
        (data,) = values
        return data
