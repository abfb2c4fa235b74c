"""A short run of the chaos, each attack once or more; the long one is made by hand and told of in RELIABILITY.md."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from supa_assets.demo.server import EmbeddedServer
from supa_assets_tests.chaos.attacks import list_attacks
from supa_assets_tests.chaos.bank import SCHEMA, Writers
from supa_assets_tests.chaos.judge import find_faults
from supa_assets_tests.chaos.rounds import Chaos
from supa_assets_tests.support.code import TESTS, imports
from supa_assets_tests.support.databases import Database, new_database
from supa_assets_tests.support.disks import mount_small_disk, unmount

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def bank(server: EmbeddedServer) -> Iterator[Database]:
    with new_database(server) as database:
        database.execute(SCHEMA)
        with Writers(database):
            yield database


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own where one can be mounted; elsewhere it is never filled."""
    folder = tmp_path / "migration-data"
    folder.mkdir()
    problem = mount_small_disk(folder, size="48m")
    yield folder
    if problem is None:
        unmount(folder)


def test_whatever_happens_to_an_export_the_folder_holds_the_earlier_one_or_the_new_one_whole(
    bank: Database, folder: Path
) -> None:
    chaos = Chaos(bank, folder, random.Random())
    rounds = list(chaos.run([*list_attacks(folder), *list_attacks(folder)]))
    assert [found for found in rounds if found.faults] == []


def test_the_judge_finds_money_that_is_not_there(bank: Database, folder: Path) -> None:
    assert list(Chaos(bank, folder, random.Random()).run([])) == []
    assert find_faults(folder) == []
    accounts = json.loads((folder / "accounts.json").read_text())
    accounts[0]["balance"] = str(int(accounts[0]["balance"]) + 1)
    (folder / "accounts.json").write_text(json.dumps(accounts))
    assert any("account 1 holds" in fault for fault in find_faults(folder))


def test_the_judge_shares_no_code_with_what_it_judges() -> None:
    found = imports(TESTS / "chaos" / "judge.py")
    assert [name for name in found if name.startswith("supa_assets")] == []
