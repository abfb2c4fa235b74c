from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from supa_assets.files.folder import Folder
from supa_assets.files.lock import (
    is_locked,
    read_lock_holder,
    sign_lock,
    try_to_lock,
    unlock,
    unsign_lock,
    while_unlocked,
)
from supa_assets_tests.support.exports import run_forked
from supa_assets_tests.support.trees import look_at


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    with Folder.open(tmp_path) as folder:
        yield folder


def open_lock(folder: Folder) -> int:
    return folder.open_shared(".lock", os.O_RDWR)


def test_one_has_a_lock_until_it_is_released(folder: Folder) -> None:
    first, second = open_lock(folder), open_lock(folder)
    assert try_to_lock(first, timeout_s=0)
    assert not try_to_lock(second, timeout_s=0.05)
    assert not try_to_lock(second, timeout_s=0, is_shared=True)
    assert is_locked(folder, ".lock")
    unlock(first)
    assert not is_locked(folder, ".lock")
    assert try_to_lock(second, timeout_s=0)
    unlock(second)


def test_a_lock_ends_with_its_process(folder: Folder) -> None:
    assert run_forked(lambda: try_to_lock(open_lock(folder), timeout_s=0)) == 0
    assert not is_locked(folder, ".lock")


def test_what_is_no_file_is_locked_by_nobody_and_not_waited_for(
    folder: Folder, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    assert not any(is_locked(folder, name) for name in ("pipe", "link", "absent"))


def test_waiting_for_a_lock_to_be_free_changes_nothing(folder: Folder, tmp_path: Path) -> None:
    with while_unlocked(folder, ".lock", timeout_s=0):
        assert folder.names() == []
    fd = open_lock(folder)
    before = look_at(tmp_path)
    assert try_to_lock(fd, timeout_s=0)
    with while_unlocked(folder, ".lock", timeout_s=0.05):
        pass  # the one who has it may be stuck: a reader goes on
    unlock(fd)
    with while_unlocked(folder, ".lock", timeout_s=0):
        assert not try_to_lock(open_lock(folder), timeout_s=0)
    assert look_at(tmp_path) == before


def test_who_has_the_lock_leaves_a_note_that_follows_no_link(
    folder: Folder, tmp_path: Path
) -> None:
    (tmp_path / "victim").write_text("theirs")
    assert read_lock_holder(folder) == "another process"
    (tmp_path / ".lock-holder").symlink_to("victim")
    assert read_lock_holder(folder) == "another process"
    sign_lock(folder)
    assert read_lock_holder(folder).startswith(f"process {os.getpid()} on ")
    unsign_lock(folder)
    unsign_lock(folder)
    assert (folder.names(), (tmp_path / "victim").read_text()) == (["victim"], "theirs")
