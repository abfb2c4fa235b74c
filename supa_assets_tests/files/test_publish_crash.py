"""Whatever a run is killed at, the folder holds the old export whole or the new one whole."""

from __future__ import annotations

import itertools
import shutil
import signal
from functools import partial
from pathlib import Path

import pytest

from supa_assets.files.local_folder import INTERNAL_FOLDER, LocalFolder
from supa_assets.files.publish import read_metadata
from supa_assets.files.verify import verify_export
from supa_assets_tests.support.exports import (
    dying_at,
    export,
    new_folder,
    plan_table,
    publish,
    read_files,
    run_forked,
    run_id,
    some_rows,
    stage,
)

pytestmark = pytest.mark.slow


@pytest.fixture
def staged(tmp_path: Path) -> Path:
    """An export of three tables, and a run that staged one of them anew, and a fourth."""
    storage = new_folder(tmp_path / "staged")
    export(storage, "old", {"kept": some_rows(3), "changed": some_rows(3), "gone": some_rows(1)})
    stage(storage, "new", "changed", some_rows(5, "new"))
    stage(storage, "new", plan_table("added", references=["changed"]), some_rows(4))
    return storage.path


def shas(storage: LocalFolder) -> dict[str, str]:
    metadata = read_metadata(storage)
    assert metadata is not None
    return {name: entry.sha256 for name, entry in metadata.tables.items()}


def copy(folder: Path, name: object) -> LocalFolder:
    return LocalFolder(Path(shutil.copytree(folder, folder.parent / str(name))))


def interrupted(folder: Path) -> bool:
    return any((folder / INTERNAL_FOLDER).glob("*/.journal"))


@pytest.mark.parametrize("replaces_all", [False, True])
def test_a_publication_killed_at_any_call_leaves_the_old_export_whole_or_the_new_one(
    staged: Path, replaces_all: bool
) -> None:
    old = shas(LocalFolder(staged))
    finished = copy(staged, "finished")
    publish(finished, "new", replaces_all=replaces_all)
    new = shas(finished)
    assert set(new) == {"changed", "added"} | (set() if replaces_all else {"kept", "gone"})
    outcomes = []
    for call in itertools.count(1):
        storage = copy(staged, call)
        status = run_forked(
            dying_at(call, partial(publish, storage, "new", replaces_all=replaces_all))
        )
        assert status in (0, -signal.SIGKILL)
        was_decided = interrupted(storage.path)
        assert verify_export(storage, full=True) == []
        outcome = shas(storage)
        assert outcome in (old, new)
        assert outcome == new or not was_decided
        outcomes.append(outcome == new)
        storage.prepare()
        assert set(read_files(storage.path)) == {f"{t}.json" for t in outcome} | {"metadata.json"}
        left = [path.name for path in (storage.path / INTERNAL_FOLDER).iterdir() if path.is_dir()]
        assert left == []
        shutil.rmtree(storage.path)
        if status == 0:
            break
    assert len(outcomes) > 50, "the calls into the system are no longer seen"
    assert outcomes == sorted(outcomes), "once new, never old again"
    assert not outcomes[0]
    assert outcomes[-1]


def test_a_recovery_killed_at_any_call_is_finished_by_the_next(staged: Path) -> None:
    finished = copy(staged, "finished")
    publish(finished, "new", replaces_all=True)
    decided = killed_when_decided(staged)
    for call in itertools.count(1):
        storage = copy(decided, f"recovery {call}")
        status = run_forked(dying_at(call, storage.recover))
        assert status in (0, -signal.SIGKILL)
        assert verify_export(storage, full=True) == []
        assert shas(storage) == shas(finished)
        shutil.rmtree(storage.path)
        if status == 0:
            break
    assert call > 20


def killed_when_decided(staged: Path) -> Path:
    """A crash just before the first file takes its published place."""
    storage = copy(staged, "decided")
    publishing = partial(publish, storage, "new", replaces_all=True)
    assert run_forked(dying_at(1, publishing, only="replace")) == -signal.SIGKILL
    assert interrupted(storage.path)
    return storage.path


def test_a_run_killed_at_any_call_while_writing_leaves_the_earlier_export(tmp_path: Path) -> None:
    earlier = new_folder(tmp_path / "earlier")
    export(earlier, "old", {"orders": some_rows(3)})
    files = read_files(earlier.path)
    for call in itertools.count(1):
        storage = copy(earlier.path, call)
        status = run_forked(dying_at(call, partial(stage_held, storage)))
        assert verify_export(storage) == []
        storage.prepare()
        assert read_files(storage.path) == files
        assert storage.staging(run_id("new")).files() == []
        shutil.rmtree(storage.path)
        if status == 0:
            break
    assert call > 20


def stage_held(storage: LocalFolder) -> None:
    with storage.staging(run_id("new")).hold():
        stage(storage, "new", "orders", some_rows(5))


def test_the_next_publication_finishes_the_interrupted_one_first(staged: Path) -> None:
    storage = LocalFolder(killed_when_decided(staged))
    stage(storage, "third", "late", some_rows(2))
    metadata = publish(storage, "third")
    assert set(metadata.tables) == {"changed", "added", "late"}
    assert verify_export(storage) == []


def test_the_next_run_finishes_the_interrupted_publication_when_it_prepares(staged: Path) -> None:
    storage = LocalFolder(killed_when_decided(staged))
    storage.prepare()
    assert set(read_files(storage.path)) == {"changed.json", "added.json", "metadata.json"}
    assert not interrupted(storage.path)
    assert verify_export(storage) == []


def test_discarding_a_run_whose_publication_is_decided_keeps_the_publication(staged: Path) -> None:
    storage = LocalFolder(killed_when_decided(staged))
    storage.staging(run_id("new")).discard()
    assert verify_export(storage) == []
    assert set(shas(storage)) == {"changed", "added"}
