"""Names in a folder are never followed through a link, and only regular files are opened."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from supa_assets.errors import ExportFault
from supa_assets.files.folder import Folder, WrongKind, safe_name
from supa_assets_tests.support.trees import look_at


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "ours"
    path.mkdir()
    return path


@pytest.fixture
def folder(path: Path) -> Iterator[Folder]:
    with Folder.open(path) as folder:
        yield folder


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "file").write_text("theirs")
    return victim


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


OTHERS: dict[str, tuple[Callable[[Path, Path], object], str]] = {
    "link to a file": (lambda path, victim: path.symlink_to(victim / "file"), "a symbolic link"),
    "link to a folder": (lambda path, victim: path.symlink_to(victim), "a symbolic link"),
    "link to nothing": (lambda path, victim: path.symlink_to("nowhere"), "a symbolic link"),
    "link to a device": (lambda path, victim: path.symlink_to("/dev/zero"), "a symbolic link"),
    "folder": (lambda path, victim: path.mkdir(), "a folder"),
    "named pipe": (lambda path, victim: os.mkfifo(path), "a named pipe"),
    "socket": (lambda path, victim: make_socket(path), "a socket"),
}
"""What may stand in the place of a file, each with what it is called."""


@pytest.mark.parametrize("other", OTHERS)
def test_what_is_no_regular_file_is_neither_read_nor_written_nor_waited_for(
    folder: Folder, path: Path, victim: Path, other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(path)  # a socket's name has to be short
    make, called = OTHERS[other]
    make(Path("name"), victim)
    before = look_at(path), look_at(victim)
    for use in (
        lambda: folder.open_file("name"),
        lambda: folder.read("name", at_most=10),
        lambda: folder.byte_count("name"),
        lambda: folder.open_shared("name", os.O_WRONLY | os.O_APPEND),
        lambda: folder.open_shared("name", os.O_RDWR),
        lambda: folder.refuse_shared("name"),
        lambda: folder.refuse_other_than_file("name"),
    ):
        with pytest.raises(WrongKind) as caught:
            use()
        assert caught.value.message == f'"{path / "name"}" is {called}; a file belongs there'
    with pytest.raises(FileExistsError):
        folder.create("name")
    assert not folder.is_file("name")
    assert folder.visible_names() == ([] if other == "folder" else ["name"])
    assert (look_at(path), look_at(victim)) == before


@pytest.mark.parametrize("other", [other for other in OTHERS if other != "folder"])
def test_what_is_no_folder_is_not_entered(
    folder: Folder, path: Path, victim: Path, other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(path)
    OTHERS[other][0](Path("name"), victim)
    before = look_at(victim)
    for use in (folder.open_folder, folder.make_folder, folder.refuse_other_than_folder):
        with pytest.raises(WrongKind, match="; a folder belongs there"):
            use("name")
    folder.remove_folder_if_empty("name")
    assert look_at(victim) == before
    assert not folder.is_folder("name")


def test_a_link_is_replaced_moved_and_removed_as_a_link(
    folder: Folder, path: Path, victim: Path
) -> None:
    before = look_at(victim)
    for name in ("replaced", "moved over", "removed"):
        (path / name).symlink_to(victim / "file")
    folder.replace_file("replaced", b"ours")
    folder.write_new("source", b"ours")
    folder.rename("source", "moved over")
    folder.remove("removed")
    assert look_at(victim) == before
    assert folder.names() == ["moved over", "replaced"]
    assert {folder.read(name, at_most=10) for name in folder.names()} == {b"ours"}


def test_the_folder_that_a_person_names_may_be_a_link(path: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(path)
    with Folder.open(tmp_path / "link") as folder:
        folder.write_new("file", b"")
    assert (path / "file").exists()


def test_a_file_with_a_second_name_is_not_written_to_where_it_stands(
    folder: Folder, path: Path, victim: Path
) -> None:
    (path / "name").hardlink_to(victim / "file")
    for use in (folder.refuse_shared, lambda name: folder.open_shared(name, os.O_RDWR)):
        with pytest.raises(WrongKind, match="is a hard link to another file"):
            use("name")
    assert folder.read("name", at_most=3) == b"the"


def test_a_folder_that_is_exchanged_for_a_link_is_still_the_one_that_was_opened(
    folder: Folder, path: Path, victim: Path
) -> None:
    path.rename(path.with_name("moved away"))
    path.symlink_to(victim)
    folder.write_new("file", b"ours")
    assert (victim / "file").read_text() == "theirs"
    assert (path.with_name("moved away") / "file").read_bytes() == b"ours"


def test_what_is_made_is_private(folder: Folder, path: Path) -> None:
    folder.write_new("new", b"")
    folder.replace_file("replaced", b"")
    os.close(folder.open_shared("shared", os.O_WRONLY))
    folder.make_folder("folder").close()
    modes = {entry.name: stat.S_IMODE(entry.stat().st_mode) for entry in path.iterdir()}
    assert modes == {"new": 0o600, "replaced": 0o600, "shared": 0o600, "folder": 0o700}


def test_a_folder_is_made_once_and_removed_only_when_it_is_empty(folder: Folder) -> None:
    with folder.make_folder("below") as below, folder.make_folder("below") as again:
        below.write_new("file", b"")
        assert again.names() == ["file"]
        folder.remove_folder_if_empty("below")
        assert folder.is_folder("below")
        below.remove("file")
        below.remove("file")
    folder.remove_folder_if_empty("below")
    assert folder.kind("below") is None


def test_a_file_moves_to_another_folder_once(folder: Folder) -> None:
    folder.write_new("file", b"moved")
    with folder.make_folder("below") as below:
        folder.move("file", below)
        folder.move("file", below)
        below.fsync()
        assert (below.names(), below.byte_count("file")) == (["file"], 5)
        assert below.device == folder.device
        assert not folder.is_on_read_only_disk()
        assert folder.is_writable()


def test_what_is_not_there_is_missing_and_no_wrong_kind(folder: Folder) -> None:
    for look in (folder.open_file, folder.byte_count, folder.open_folder):
        with pytest.raises(FileNotFoundError):
            look("absent")
    for refuse in (folder.refuse_shared, folder.refuse_other_than_folder):
        refuse("absent")


@pytest.mark.parametrize("name", ["a", "a b.json", "ä.json", "x" * 255, "~", "-rf"])
def test_a_plain_name_is_safe(name: str) -> None:
    assert safe_name(name) == name


@pytest.mark.parametrize(
    "name", ["", ".", "..", ".hidden", "a/b", "/a", "a\\b", "a\0b", "x" * 256, "ä" * 128, "\ud800"]
)
def test_a_name_that_leads_elsewhere_or_that_no_file_can_have_is_not_safe(name: str) -> None:
    with pytest.raises(ExportFault, match="is not a safe name"):
        safe_name(name)
