"""Files and folders for their user alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from supa_assets.files.private import make_private_folder, write_private_file


@pytest.fixture(params=[0o000, 0o022, 0o077], ids=oct)
def any_umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


@pytest.mark.usefixtures("any_umask")
def test_nobody_else_can_read_what_is_made_whatever_the_umask(tmp_path: Path) -> None:
    make_private_folder(tmp_path / "a" / "b")
    write_private_file(tmp_path / "a" / "b" / "c.json", "é")

    assert [_mode(tmp_path / place) for place in ("a", "a/b", "a/b/c.json")] == [
        0o700,
        0o700,
        0o600,
    ]
    assert (tmp_path / "a" / "b" / "c.json").read_text(encoding="utf-8") == "é"


def test_a_folder_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a").chmod(0o750)
    make_private_folder(tmp_path / "a")
    assert _mode(tmp_path / "a") == 0o750


def test_a_file_that_others_could_read_is_replaced_by_a_private_one(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.touch()
    path.chmod(0o644)
    write_private_file(path, "new")
    assert _mode(path) == 0o600
    assert path.read_text() == "new"


def test_a_link_in_the_place_of_the_file_is_replaced_and_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("kept")
    (tmp_path / "a.json").symlink_to(victim)
    write_private_file(tmp_path / "a.json", "new")
    assert victim.read_text() == "kept"
    assert (tmp_path / "a.json").read_text() == "new"


def test_where_the_file_cannot_take_its_place_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / "a.json").mkdir()
    with pytest.raises(IsADirectoryError):
        write_private_file(tmp_path / "a.json", "new")
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def _mode(path: Path) -> int:
    return path.stat().st_mode & 0o777
