"""The export as it is decided, whoever finishes it meanwhile."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from supa_assets.files.decided import open_decided, open_unfinished
from supa_assets.files.folder import Folder
from supa_assets.files.local_folder import INTERNAL_FOLDER, LocalFolder
from supa_assets.files.publish import read_metadata
from supa_assets.files.verify import find_unfinished_publications, verify_export
from supa_assets_tests.support.exports import (
    dying_at,
    export,
    new_folder,
    publish,
    run_forked,
    run_id,
    some_rows,
    stage,
)
from supa_assets_tests.support.trees import look_at


@pytest.fixture
def storage(tmp_path: Path) -> LocalFolder:
    """An export, and a decided one of which no file has taken its place."""
    storage = new_folder(tmp_path / "out")
    export(storage, "old", {"kept": some_rows(1), "changed": some_rows(1), "gone": some_rows(1)})
    for name in ("changed", "added"):
        stage(storage, "new", name, some_rows(2))
    run_forked(dying_at(1, lambda: publish(storage, "new", replaces_all=True), only="replace"))
    return storage


def test_a_decided_publication_is_read_where_its_files_lie(storage: LocalFolder) -> None:
    before = look_at(storage.path)
    assert storage.published_files() == ["added.json", "changed.json", "metadata.json"]
    metadata = read_metadata(storage)
    assert metadata is not None
    assert {name: entry.row_count for name, entry in metadata.tables.items()} == {
        "added": 2,
        "changed": 2,
    }
    assert len(storage.metadata_versions()) == 2
    assert verify_export(storage, full=True) == []
    assert look_at(storage.path) == before


def test_a_reader_sees_the_same_after_each_step_of_who_finishes_it(storage: LocalFolder) -> None:
    names = storage.published_files()
    for call in range(1, 9):
        run_forked(dying_at(call, storage.recover, only="replace"))
        assert storage.published_files() == names
        assert verify_export(storage, full=True) == []
    assert storage.unfinished_runs() == []


def test_a_file_that_takes_its_place_between_two_looks_is_found(storage: LocalFolder) -> None:
    with (
        Folder.open(storage.path) as output,
        open_decided(output, INTERNAL_FOLDER) as decided,
    ):
        storage.recover()
        with decided.open("added.json") as file:
            assert file.read().count(b"\n{") == 2
        assert decided.byte_count("changed.json") == storage.byte_count("changed.json")
        assert decided.names() == ["added.json", "changed.json", "metadata.json"]


def test_an_unfinished_publication_is_a_fault_of_its_own_until_it_is_finished(
    storage: LocalFolder,
) -> None:
    (fault,) = find_unfinished_publications(storage)
    assert (fault.table, fault.what, fault.found) == (None, "publication", run_id("new"))
    assert "supa-assets verify --recover" in fault.message
    storage.recover()
    assert find_unfinished_publications(storage) == []


def test_who_is_just_publishing_has_left_nothing_unfinished(storage: LocalFolder) -> None:
    """The lock is waited for; it is held here by a process that finishes what it found."""
    context = multiprocessing.get_context("fork")
    has_lock = context.Event()

    def finish() -> None:
        with storage.lock():
            has_lock.set()
            storage.finish_publications()

    process = context.Process(target=finish)
    process.start()
    has_lock.wait()
    assert storage.unfinished_runs() == []
    process.join()


def test_of_several_decided_publications_the_last_to_be_finished_counts(
    storage: LocalFolder,
) -> None:
    """No run of ours decides one while another is unfinished; a folder that was put together by hand may."""
    internal = storage.path / INTERNAL_FOLDER
    last = max([run_id("new"), run_id("third")])
    stage(storage, "third", "added", some_rows(5))
    (internal / run_id("third") / "metadata.json").write_bytes(
        (internal / run_id("new") / "metadata.json").read_bytes()
    )
    (internal / run_id("third") / ".journal").write_text(
        '{"files": ["added.json"], "removed_files": ["changed.json"]}'
    )
    with Folder.open(internal) as runs, open_unfinished(runs) as unfinished:
        assert [publication.run.run_id for publication in unfinished] == sorted(
            [run_id("new"), run_id("third")]
        )
    names = storage.published_files()
    files = {}
    for name in names:
        with storage.open(name) as file:
            files[name] = file.read()
    storage.recover()
    assert storage.published_files() == names
    for name in names:
        with storage.open(name) as file:
            assert file.read() == files[name]
    assert ("changed.json" in names) == (last == run_id("new"))


def test_a_journal_of_an_earlier_version_without_a_mark_is_finished_and_its_rest_left(
    storage: LocalFolder,
) -> None:
    run = storage.path / INTERNAL_FOLDER / run_id("new")
    (run / ".run").unlink()
    (run / "notes.txt").write_text("mine")
    storage.prepare()
    assert storage.published_files() == ["added.json", "changed.json", "metadata.json"]
    assert verify_export(storage) == []
    assert not (run / ".journal").exists()
    assert (run / "notes.txt").read_text() == "mine"
