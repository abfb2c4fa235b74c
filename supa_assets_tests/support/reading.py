"""A table as its strategies meet it: a reader in a snapshot, and the context that all statements have in common."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from supa_assets.plan.export_plan import PlannedTable
from supa_assets.stream.context import TableContext
from supa_assets.stream.count import read_count
from supa_assets.stream.key import read_key
from supa_assets.stream.limits import DEFAULT_LIMITS, Limits
from supa_assets.stream.reader import TableReader
from supa_assets.stream.wire import JsonWire, MakeWire
from supa_assets_tests.support.databases import Database

__all__ = ["reading"]


@contextmanager
def reading(
    database: Database,
    table: PlannedTable | None = None,
    *,
    row_count: int | None = None,
    wire: MakeWire = JsonWire,
    limits: Limits = DEFAULT_LIMITS,
    **settings: Any,
) -> Iterator[tuple[TableReader, TableContext]]:
    """Of `public.cases`, unless another table is given; its rows are counted, unless `row_count` is."""
    table = table or database.table(**settings)
    with database.session(**settings) as session:
        if row_count is None:
            row_count = read_count(session.connection, table.rows).row_count
        reader = TableReader(session.connection)
        yield (
            reader,
            TableContext(
                table=table,
                key=read_key(reader, table),
                row_count=row_count,
                running=session.settings.running,
                limits=limits,
                wire=wire(table.rows),
            ),
        )
