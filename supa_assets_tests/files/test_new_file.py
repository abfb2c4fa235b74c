from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from supa_assets.errors import OutputError
from supa_assets.files.folder import Folder
from supa_assets.files.new_file import new_file
from supa_assets_tests.support.disks import fill


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    with Folder.open(tmp_path) as folder:
        yield folder


def test_a_file_is_there_whole_or_not_at_all(folder: Folder, tmp_path: Path) -> None:
    with new_file(folder, "a", shown_folder=tmp_path) as file:
        file.write(b"one")
        file.write(b"two")
        assert not (tmp_path / "a").exists()
    with suppress(ValueError), new_file(folder, "a", shown_folder=tmp_path) as file:
        file.write(b"half")
        raise ValueError
    assert (folder.names(), (tmp_path / "a").read_bytes()) == (["a"], b"onetwo")


def test_a_link_under_its_name_is_replaced_and_not_written_through(
    folder: Folder, tmp_path: Path
) -> None:
    (tmp_path / "victim").write_text("theirs")
    (tmp_path / "a").symlink_to("victim")
    with new_file(folder, "a", shown_folder=tmp_path) as file:
        file.write(b"ours")
    assert (tmp_path / "victim").read_text() == "theirs"
    assert (tmp_path / "a").read_text() == "ours"


def test_a_full_disk_leaves_nothing(small_disk: Path) -> None:
    with Folder.open(small_disk) as folder:
        fill(small_disk)
        with (
            pytest.raises(OutputError, match=r'could not write "a" in .*no space left'),
            new_file(folder, "a", shown_folder=small_disk) as file,
        ):
            file.write(bytes(8192))
        assert folder.names() == [".filler"]
