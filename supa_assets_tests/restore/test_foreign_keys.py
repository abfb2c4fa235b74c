"""Foreign keys checked by query say what the server would, had it looked at every row."""

from __future__ import annotations

from pathlib import Path

import pytest

from supa_assets.restore.foreign_keys import CheckedKey, check_foreign_keys
from supa_assets.restore.target import TargetDatabase, read_target
from supa_assets_tests.support.copies import export_into
from supa_assets_tests.support.databases import Database
from supa_assets_tests.support.loaders import role

PARENTS = "CREATE TABLE parents (a int, b int, PRIMARY KEY (a, b))"
CHILDREN = "CREATE TABLE children (id int, a int, b int, CONSTRAINT k FOREIGN KEY (a, b) REFERENCES parents {})"
ROWS = (
    "SET session_replication_role = replica; INSERT INTO parents VALUES (1, 1);"
    " INSERT INTO children VALUES (1, 1, 1), (2, 1, 2), (3, NULL, 7), (4, NULL, NULL)"
)


def check(database: Database, folder: Path, *, user: str = "postgres") -> list[CheckedKey]:
    entries = export_into(database, folder).tables
    url = database.server.url(database.name, user=user)
    with TargetDatabase(url).open(writes=False) as connection:
        target = read_target(connection, entries)
        return list(check_foreign_keys(connection, target.tables.values()))


@pytest.mark.parametrize(("match", "orphan_count"), [("", 1), ("MATCH FULL", 2)])
def test_rows_without_their_parent_are_counted(
    any_database: Database, tmp_path: Path, match: str, orphan_count: int
) -> None:
    any_database.execute(PARENTS, CHILDREN.format(match), ROWS)
    assert check(any_database, tmp_path) == [
        CheckedKey("public.children", "k", "public.parents", orphan_count)
    ]


def test_a_key_that_the_server_does_not_hold_either_is_not_checked(
    database: Database, tmp_path: Path
) -> None:
    database.execute(
        PARENTS,
        "CREATE TABLE children (id int, a int, b int)",
        ROWS,
        "ALTER TABLE children ADD CONSTRAINT k FOREIGN KEY (a, b) REFERENCES parents NOT VALID",
    )
    (key,) = check(database, tmp_path)
    assert (key.orphan_count, key.reason) == (
        None,
        "it is NOT VALID or NOT ENFORCED in the target",
    )


def test_a_parent_that_the_role_may_not_read_is_told_and_the_rest_goes_on(
    database: Database, tmp_path: Path
) -> None:
    database.execute(PARENTS, CHILDREN.format(""), ROWS)
    with role(database, "GRANT SELECT ON children TO {role}") as name:
        (key,) = check(database, tmp_path, user=name)
    assert key.orphan_count is None
    assert key.reason == "the role may not read the referenced table"
