"""Ranges of a table's rows, in SQL, and where the server would cut one by the sizes of its rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from psycopg import sql

from supa_assets.plan.row_shape import RowShape
from supa_assets.stream.key import Key
from supa_assets.stream.row_sql import compose_row_size

__all__ = ["ChunkRange", "compose_borders_by_size"]


@dataclass(frozen=True)
class ChunkRange:
    """Rows of `relation` from `start` (included) to `end` (left out); None leaves that end open.

    `start` and `end` may hold the key's first columns only.
    """

    relation: sql.Composable
    key: Key | None = None
    start: tuple[str, ...] | None = None
    end: tuple[str, ...] | None = None

    def require_key(self) -> Key:
        """What the range is cut over."""
        if self.key is None:
            raise ValueError("a range without a key has no borders")
        return self.key

    def cut_at(self, borders: Iterable[Sequence[str]]) -> Iterator[ChunkRange]:
        """The parts that the borders, in order, leave of the range: one more than there are borders."""
        start = self.start
        for border in borders:
            yield replace(self, start=start, end=tuple(border))
            start = tuple(border)
        yield replace(self, start=start)

    def as_rows(self, *also: sql.Composable) -> sql.Composable:
        """What stands after FROM, in no order; `also` are further conditions."""
        conditions = [*self._conditions(), *also]
        if not conditions:
            return self.relation
        where = sql.SQL(" AND ").join(conditions)
        return sql.SQL("{} WHERE {}").format(self.relation, where)

    def as_ordered_rows(self) -> sql.Composable:
        """What stands after FROM, in the key's order."""
        if self.key is None or self.key.is_heap_order:
            return self.as_rows()
        return sql.SQL("{} ORDER BY {}").format(self.as_rows(), self.key.as_list())

    def _conditions(self) -> Iterator[sql.Composable]:
        if self.key is None:
            return
        bounds: list[tuple[Literal[">=", "<"], tuple[str, ...] | None]] = [
            (">=", self.start),
            ("<", self.end),
        ]
        for operator, boundary in bounds:
            if boundary is not None:
                yield self.key.compare(operator, boundary)


def compose_borders_by_size(
    shape: RowShape, range_: ChunkRange, *, stored_bytes: int, rows: int
) -> sql.Composed:
    """Of the range's first `rows` rows: keys, as text, of those that begin a chunk of about so many stored bytes.

    The last column tells whether it is the last of the `rows`, where the next look begins. A row wider than a chunk
    begins one and ends it. No value is fetched from TOAST for it.
    """
    key = range_.require_key()
    return sql.SQL(
        "SELECT {text}, n = {rows} FROM ("
        "SELECT b.*, pg_catalog.lag(chunk) OVER (ORDER BY n) AS previous,"
        " pg_catalog.lag(size) OVER (ORDER BY n) AS before"
        " FROM (SELECT {aliases}, size, pg_catalog.row_number() OVER (ORDER BY {aliases}) AS n,"
        " pg_catalog.div(pg_catalog.sum(size) OVER (ORDER BY {aliases} ROWS UNBOUNDED PRECEDING), {stored_bytes})"
        " AS chunk"
        " FROM (SELECT {aliased}, {size} AS size FROM {range} ORDER BY {key} LIMIT {rows}) AS b"
        ") AS b) AS b WHERE chunk <> previous OR before > {stored_bytes} OR n = {rows} ORDER BY n"
    ).format(
        text=key.as_text(),
        aliases=key.as_aliases(),
        aliased=key.as_aliased_list(),
        size=compose_row_size(shape),
        range=range_.as_rows(),
        key=key.as_list(),
        stored_bytes=sql.Literal(stored_bytes),
        rows=sql.Literal(rows),
    )
