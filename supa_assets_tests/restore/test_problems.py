"""What keeps a target from taking an export is told with the relation, all of it at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from supa_assets.errors import TargetError
from supa_assets.naming import Relation
from supa_assets.notice import Notice
from supa_assets.restore.problems import find_problems, refuse_problems
from supa_assets.restore.target import TargetDatabase, read_target
from supa_assets_tests.support.copies import export_into
from supa_assets_tests.support.databases import Database

A, B, MOOD = (Relation("public", name) for name in ("a", "b", "mood"))
SCHEMA = """
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TABLE a (id int PRIMARY KEY, mood mood);
CREATE TABLE b (id int PRIMARY KEY);
"""
OTHER_ORDER = """
ALTER TABLE a ALTER mood TYPE text;
DROP TYPE mood;
CREATE TYPE mood AS ENUM ('ok', 'sad');
ALTER TABLE a ALTER mood TYPE mood USING mood::mood;
"""


def look(source: Database, target: Database, folder: Path) -> list[Notice]:
    metadata = export_into(source, folder)
    with TargetDatabase(target.superuser_url).open(writes=False) as connection:
        found = read_target(connection, metadata.tables)
        return list(find_problems(connection, metadata, metadata.tables, found))


def test_a_target_like_the_source_has_none(
    database: Database, make_database: Callable[..., Database], tmp_path: Path
) -> None:
    target = make_database()
    for made in (database, target):
        made.execute(SCHEMA)
    assert look(database, target, tmp_path) == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("DROP TABLE b", Notice('table "public.b" is missing', B)),
        ("INSERT INTO b VALUES (1)", Notice('"public.b" holds rows already', B)),
        ("ALTER TABLE a DROP mood", Notice('column "mood" of "public.a" is missing', A)),
        (
            "ALTER TYPE mood RENAME VALUE 'ok' TO 'fine'",
            Notice("type \"public.mood\" lacks the labels 'ok'", MOOD),
        ),
        (
            OTHER_ORDER,
            Notice('type "public.mood" has its labels in another order', MOOD),
        ),
    ],
)
def test_a_problem_is_told_with_its_relation(
    database: Database,
    make_database: Callable[..., Database],
    tmp_path: Path,
    change: str,
    problem: Notice,
) -> None:
    target = make_database()
    for made in (database, target):
        made.execute(SCHEMA)
    target.execute(change)
    assert look(database, target, tmp_path) == [problem]


def test_all_problems_are_one_error_and_none_is_none() -> None:
    refuse_problems([])
    with pytest.raises(TargetError) as raised:
        refuse_problems([Notice("one", A), Notice("two")])
    assert raised.value.message == "the target can't take the export, 2 problems:\n  one\n  two"
    assert "--create" in str(raised.value.hint)


def test_who_gave_create_is_not_told_to_give_it() -> None:
    with pytest.raises(TargetError) as raised:
        refuse_problems([Notice("one", A)], creates=True)
    assert raised.value.hint == "mend them in the target. Nothing was written."
