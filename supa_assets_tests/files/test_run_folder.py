"""What a run's folder is, and that nothing else is ever cleared."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from supa_assets.errors import ExportFault
from supa_assets.files.folder import Folder, WrongKind
from supa_assets.files.run_folder import (
    Journal,
    RunFolder,
    list_runs,
    make_run,
    require_run_id,
)
from supa_assets_tests.support.exports import run_id
from supa_assets_tests.support.trees import look_at

RUN = run_id("run")


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[Folder]:
    (tmp_path / "runs").mkdir()
    with Folder.open(tmp_path / "runs") as folder:
        yield folder


def clear(runs: Folder, name: str = RUN) -> None:
    with runs.open_folder(name) as folder:
        RunFolder(name, folder).clear(runs, is_over=True)


def test_a_run_is_made_and_marked_once_and_cleared_whole(runs: Folder) -> None:
    with make_run(runs, RUN) as run, make_run(runs, RUN) as again:
        assert run.is_marked()
        assert run.folder.read(".run", at_most=100) == f"run {RUN} of supa-assets\n".encode()
        again.folder.write_new("orders.json", b"")
        again.folder.write_new(".orders.json.0badcafe.tmp", b"")
    assert list_runs(runs) == [RUN]
    clear(runs)
    assert runs.names() == []


def test_only_a_real_folder_named_like_a_run_is_one(runs: Folder, tmp_path: Path) -> None:
    (tmp_path / "victim").mkdir()
    path = runs.path
    (path / run_id("link")).symlink_to(tmp_path / "victim")
    (path / run_id("file")).write_text("")
    for name in ("mine", RUN.upper(), f"{RUN}.bak", RUN.replace("-", ""), ".hidden"):
        (path / name).mkdir()
    assert list_runs(runs) == []
    (path / RUN).mkdir()
    assert list_runs(runs) == [RUN]


def test_a_folder_without_our_mark_is_never_cleared_nor_used(runs: Folder) -> None:
    path = runs.path / RUN
    path.mkdir()
    (path / "mine.txt").write_text("mine")
    for mark in (None, "run of somebody", f"run {run_id('other')} of supa-assets\n"):
        if mark is not None:
            (path / ".run").write_text(mark)
        before = look_at(path)
        clear(runs)
        with (
            pytest.raises(WrongKind, match=f'{RUN}" is a folder of another program'),
            make_run(runs, RUN),
        ):
            pass
        assert look_at(path) == before


@pytest.mark.parametrize("cut", [None, 0, 10])
def test_a_run_that_was_killed_while_it_was_marked_is_cleared(
    runs: Folder, cut: int | None
) -> None:
    path = runs.path / RUN
    path.mkdir()
    if cut is not None:
        (path / ".run").write_text(f"run {RUN} of supa-assets\n"[:cut])
    clear(runs)
    assert runs.names() == []


@pytest.mark.parametrize("mark", ["link", "pipe", "folder"])
def test_a_mark_is_a_regular_file(runs: Folder, tmp_path: Path, mark: str) -> None:
    path = runs.path / RUN
    path.mkdir()
    (path / "mine.txt").write_text("mine")
    (tmp_path / "mark").write_text(f"run {RUN} of supa-assets\n")
    make: dict[str, Callable[[Path], object]] = {
        "link": lambda path: path.symlink_to(tmp_path / "mark"),
        "pipe": os.mkfifo,
        "folder": Path.mkdir,
    }
    make[mark](path / ".run")
    before = look_at(path)
    clear(runs)
    assert look_at(path) == before


def test_clearing_removes_links_and_files_and_never_a_folder(runs: Folder, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "theirs").write_text("theirs")
    before = look_at(victim)
    with make_run(runs, RUN) as run:
        run.folder.write_new("orders.json", b"")
    for name, to in (
        ("to a folder", victim),
        ("to a file", victim / "theirs"),
        ("to nothing", "x"),
    ):
        (runs.path / RUN / name).symlink_to(to)
    inner = runs.path / RUN / "inner"
    inner.mkdir()
    (inner / "mine").write_text("mine")
    clear(runs)
    assert look_at(victim) == before
    assert sorted(path.name for path in (runs.path / RUN).iterdir()) == [".run", "inner"]
    assert (inner / "mine").read_text() == "mine"


def test_a_run_of_an_earlier_version_is_known_by_the_file_that_its_process_locked(
    runs: Folder,
) -> None:
    path = runs.path / RUN
    path.mkdir()
    for name in (".held-123-0badcafe", "orders.json"):
        (path / name).write_text("")
    with runs.open_folder(RUN) as folder:
        assert RunFolder(RUN, folder).is_marked()
    clear(runs)
    assert runs.names() == []


def test_a_held_run_keeps_its_folder_until_it_is_over(runs: Folder) -> None:
    with make_run(runs, RUN) as run:
        with run.hold():
            run.folder.write_new("orders.json", b"")
            assert run.is_held()
            run.clear(runs)
            assert run.is_marked()
            assert "orders.json" not in run.folder.names()
        assert not run.is_held()
        run.remove_if_empty(runs)
    assert runs.names() == []


def test_a_link_holds_no_run(runs: Folder, tmp_path: Path) -> None:
    with make_run(runs, RUN) as run:
        (tmp_path / "victim").write_text("")
        (runs.path / RUN / ".held-1-0badcafe").symlink_to(tmp_path / "victim")
        with (tmp_path / "victim").open() as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            assert not run.is_held()


# Journals


def test_a_journal_is_read_as_it_was_written(runs: Folder) -> None:
    journal = Journal(["a.json", "b.json"], ["c.json"])
    with make_run(runs, RUN) as run:
        assert run.read_journal() is None
        run.folder.write_new(".journal", journal.to_json())
        assert run.read_journal() == journal


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"null",
        b"{}",
        b"\xff",
        b"[" * 100_000,
        b'{"files": "ab", "removed_files": 1}',
        b'{"files": [1], "removed_files": []}',
        b'{"files": [], "removed_files": ["../x"]}',
        b'{"files": [".lock"], "removed_files": []}',
        b'{"files": ["a\\u0000"], "removed_files": []}',
        b'{"files": ["\\ud800"], "removed_files": []}',
    ],
)
def test_a_journal_that_leads_elsewhere_or_is_none_is_a_fault(runs: Folder, data: bytes) -> None:
    with make_run(runs, RUN) as run:
        run.folder.write_new(".journal", data)
        with pytest.raises(ExportFault, match=r"the journal of run .* is broken") as caught:
            run.read_journal()
        assert str(run.folder.path / ".journal") == caught.value.path


def test_a_publication_is_refused_whole_before_anything_moves(runs: Folder, tmp_path: Path) -> None:
    journal = Journal(["a.json"], [])
    with make_run(runs, RUN) as run, Folder.open(tmp_path) as target:
        run.refuse_irregular(journal, target)
        for path in (runs.path / RUN / "a.json", tmp_path / "a.json", tmp_path / "metadata.json"):
            path.symlink_to("elsewhere")
            with pytest.raises(WrongKind, match=f'"{path}" is a symbolic link'):
                run.refuse_irregular(journal, target)
            path.unlink()


def test_an_id_has_the_form_of_a_uuid() -> None:
    assert require_run_id(RUN) == RUN
    for wrong in ("", "run", RUN.upper(), f"{{{RUN}}}", f"{RUN}/x", f"{RUN}\n"):
        with pytest.raises(ExportFault, match="is not the id of a run"):
            require_run_id(wrong)
