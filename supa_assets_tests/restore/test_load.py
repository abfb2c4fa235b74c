"""Rows of a file go into a table in batches; what was left NULL is filled in by a second pass."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from supa_assets.errors import TargetError
from supa_assets.files.local_folder import LocalFolder
from supa_assets.restore.load import fill_in, load_table
from supa_assets.restore.target import TargetDatabase, read_target
from supa_assets_tests.support.copies import copy_text, export_into
from supa_assets_tests.support.databases import Database

SCHEMA = 'CREATE TABLE t (id int PRIMARY KEY, parent int REFERENCES t DEFERRABLE, "odd %s" json)'


class Loader:
    """A table of an export, and the target's transaction that it goes into."""

    def __init__(self, folder: Path, database: TargetDatabase, table: str) -> None:
        self.storage = LocalFolder(folder)
        self.database = database
        self.name = table
        self.batches: list[tuple[int, int]] = []

    def run(self, metadata: Any, *, fills_in: bool) -> int:
        late = ["parent"] if fills_in else []
        with self.database.open(writes=True) as connection:
            row_count = self._load(connection, metadata.tables[self.name], late)
            connection.commit()
        return row_count

    def _load(self, connection: psycopg.Connection[Any], entry: Any, late: list[str]) -> int:
        target = read_target(connection, {self.name: entry})
        row_count = load_table(
            connection, self.database, self.storage, entry, target,
            late_columns=late, batch_byte_count=1000, on_batch=self._note,
        )  # fmt: skip
        if late:
            fill_in(
                connection, self.database, self.storage, entry, target,
                late_columns=late, batch_byte_count=1000,
            )  # fmt: skip
        return row_count

    def _note(self, row_count: int, byte_count: int) -> None:
        self.batches.append((row_count, byte_count))


@pytest.mark.parametrize("fills_in", [False, True])
def test_every_row_is_loaded_and_each_batch_is_told(
    database: Database, make_database: Callable[..., Database], tmp_path: Path, fills_in: bool
) -> None:
    database.execute(
        SCHEMA, "INSERT INTO t SELECT n, nullif(n - 1, 0), '{}' FROM generate_series(1, 100) n"
    )
    target = make_database()
    target.execute(SCHEMA)
    metadata = export_into(database, tmp_path)
    loader = Loader(tmp_path, TargetDatabase(target.superuser_url), "t")

    assert loader.run(metadata, fills_in=fills_in) == 100

    assert copy_text(target, "public", "t") == copy_text(database, "public", "t")
    assert len(loader.batches) > 2
    assert loader.batches == sorted(loader.batches)
    assert loader.batches[-1][0] == 100


def test_rows_without_columns_are_counted_in(
    database: Database, make_database: Callable[..., Database], tmp_path: Path
) -> None:
    database.execute("CREATE TABLE t ()", "INSERT INTO t SELECT FROM generate_series(1, 3)")
    target = make_database()
    target.execute("CREATE TABLE t ()")
    metadata = export_into(database, tmp_path)

    loader = Loader(tmp_path, TargetDatabase(target.superuser_url), "t")

    assert loader.run(metadata, fills_in=False) == 3
    assert target.fetch_value("SELECT count(*) FROM t") == 3


def test_a_row_that_the_target_refuses_is_told_with_the_relation(
    database: Database, make_database: Callable[..., Database], tmp_path: Path
) -> None:
    database.execute(SCHEMA, "INSERT INTO t VALUES (1)")
    target = make_database()
    target.execute(SCHEMA, "INSERT INTO t VALUES (1)")
    metadata = export_into(database, tmp_path)

    with pytest.raises(TargetError, match=r'loading "public\.t" failed') as raised:
        Loader(tmp_path, TargetDatabase(target.superuser_url), "t").run(metadata, fills_in=False)
    assert raised.value.relation == "public.t"
