from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from supa_assets.errors import ExportFault, OutputError
from supa_assets.files.local_folder import INTERNAL_FOLDER, LocalFolder
from supa_assets.files.storage import Publication
from supa_assets_tests.support.disks import fill
from supa_assets_tests.support.exports import (
    export,
    new_folder,
    read_files,
    run_forked,
    run_id,
    some_rows,
    stage,
)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# Ready


def test_a_new_folder_is_private_and_so_are_its_files(tmp_path: Path) -> None:
    storage = new_folder(tmp_path / "deep" / "out")
    export(storage, "run", {"orders": some_rows(1)})
    assert mode(storage.path) == 0o700
    assert mode(storage.path / INTERNAL_FOLDER) == 0o700
    assert {mode(storage.path / file) for file in storage.published_files()} == {0o600}


def test_the_mode_of_an_existing_folder_is_kept(tmp_path: Path) -> None:
    tmp_path.chmod(0o750)
    new_folder(tmp_path)
    assert mode(tmp_path) == 0o750


def test_a_symlink_to_a_folder_will_do(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    export(new_folder(tmp_path / "link"), "run", {"orders": some_rows(1)})
    assert set(read_files(tmp_path / "real")) == {"orders.json", "metadata.json"}


@pytest.mark.parametrize("below", ["", "out", "deep/out"])
def test_an_output_folder_that_is_a_file_or_below_one_is_refused(
    tmp_path: Path, below: str
) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OutputError, match="is a file") as caught:
        LocalFolder(tmp_path / "file" / below).prepare()
    assert caught.value.hint
    assert (tmp_path / "file").read_text() == "mine"


def test_a_symlink_to_nowhere_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("nowhere")
    with pytest.raises(OutputError):
        LocalFolder(tmp_path / "link").prepare()


@pytest.fixture
def reachable_folder() -> Iterator[Path]:
    """A folder below which an ordinary user may look around; pytest's own are closed."""
    path = Path(tempfile.mkdtemp())
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


def as_ordinary_user() -> None:
    """Give up being root, if it is one."""
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)


def test_a_folder_that_may_not_be_written_is_refused(reachable_folder: Path) -> None:
    reachable_folder.chmod(0o555)

    def prepare() -> None:
        as_ordinary_user()
        with pytest.raises(OutputError, match="permission denied") as caught:
            LocalFolder(reachable_folder).prepare()
        assert "right to read and write" in str(caught.value)

    assert run_forked(prepare) == 0


def test_a_reader_who_may_not_write_reads_an_interrupted_publication_all_the_same(
    reachable_folder: Path,
) -> None:
    storage = new_folder(reachable_folder / "out")
    stage(storage, "run", "orders", some_rows(1))
    journal = storage.path / INTERNAL_FOLDER / run_id("run") / ".journal"
    journal.write_text('{"files": ["orders.json"], "removed_files": []}')
    for path in journal.parent.iterdir():
        path.chmod(0o444)
    for path in (storage.path, storage.path / INTERNAL_FOLDER, journal.parent):
        path.chmod(0o555)

    def read() -> None:
        as_ordinary_user()
        with storage.open("orders.json") as file:
            assert b"row 0" in file.read()
        assert storage.published_files() == ["orders.json"]
        assert storage.unfinished_runs() == [run_id("run")]
        with pytest.raises(OutputError, match="permission denied"):
            storage.recover()

    try:
        assert run_forked(read) == 0
    finally:
        for path in (storage.path, storage.path / INTERNAL_FOLDER, journal.parent):
            path.chmod(0o700)


def test_a_read_only_file_system_is_refused(small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(OutputError, match="read-only file system"):
        LocalFolder(small_disk).prepare()


def test_a_full_disk_is_refused_before_anything_is_read(small_disk: Path) -> None:
    fill(small_disk)
    with pytest.raises(OutputError, match="no space left on device, 0 bytes free"):
        LocalFolder(small_disk).prepare()


def test_a_full_disk_while_writing_leaves_the_earlier_export_intact(small_disk: Path) -> None:
    storage = new_folder(small_disk)
    export(storage, "old", {"orders": some_rows(100)})
    before = read_files(small_disk)
    with pytest.raises(
        OutputError, match=r'could not write "orders\.json" in .*bytes free'
    ) as caught:
        stage(storage, "new", "orders", some_rows(100_000))
    assert "What was exported earlier is intact" in str(caught.value)
    assert read_files(small_disk) == before
    assert storage.staging(run_id("new")).files() == []
    assert names_in(small_disk / INTERNAL_FOLDER / run_id("new")) == [".run"], (
        "the temp file was left"
    )


def test_a_full_disk_while_publishing_leaves_the_earlier_export_intact(small_disk: Path) -> None:
    storage = new_folder(small_disk)
    export(storage, "old", {"orders": some_rows(100)})
    stage(storage, "new", "orders", some_rows(200))
    before = read_files(small_disk)
    fill(small_disk)
    with pytest.raises(OutputError, match="no space left"):
        storage.staging(run_id("new")).publish(lambda _: Publication(bytes(8192), ["orders.json"]))
    (small_disk / ".filler").unlink()
    storage.recover()
    assert read_files(small_disk) == before


def test_a_file_size_limit_while_writing_leaves_the_earlier_export_intact(tmp_path: Path) -> None:
    """Needs no root: the system refuses the write just as a full disk would."""
    import resource

    storage = new_folder(tmp_path)
    export(storage, "old", {"orders": some_rows(100)})
    before = read_files(tmp_path)

    def write_too_much() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        with pytest.raises(OutputError, match="file too large"):
            stage(storage, "new", "orders", some_rows(100_000))

    assert run_forked(write_too_much) == 0
    assert read_files(tmp_path) == before
    assert storage.staging(run_id("new")).files() == []
    assert names_in(tmp_path / INTERNAL_FOLDER / run_id("new")) == [".run"], (
        "the temp file was left"
    )


# Stage and run: what any storage keeps to is in test_storages.py


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_no_unfinished_file_is_left_by_an_error(tmp_path: Path, error: type[BaseException]) -> None:
    storage = new_folder(tmp_path)
    with suppress(error), storage.staging(run_id("run")).write("orders.json") as file:
        file.write(b"[\n{")
        raise error
    assert names_in(tmp_path / INTERNAL_FOLDER / run_id("run")) == [".run"]


def test_the_uri_names_the_published_place(tmp_path: Path) -> None:
    uri = LocalFolder(tmp_path / "a folder").uri("orders.json")
    assert uri == f"file://{tmp_path}/a%20folder/orders.json"


def test_the_log_lies_beside_the_files(tmp_path: Path) -> None:
    assert LocalFolder(tmp_path).log_path == tmp_path / "export.log"


def test_the_folder_of_a_dead_run_is_removed_by_the_next(tmp_path: Path) -> None:
    storage = new_folder(tmp_path)

    def die() -> None:
        with storage.staging(run_id("dead")).hold():
            stage(storage, "dead", "orders", some_rows(1))
            os.kill(os.getpid(), signal.SIGKILL)

    assert run_forked(die) == -signal.SIGKILL
    assert (tmp_path / INTERNAL_FOLDER / run_id("dead")).exists()
    storage.prepare()
    assert not (tmp_path / INTERNAL_FOLDER / run_id("dead")).exists()


def test_the_folder_of_a_run_that_published_twice_is_removed(tmp_path: Path) -> None:
    storage = new_folder(tmp_path)
    with storage.staging(run_id("run")).hold():
        export(storage, "run", {"orders": some_rows(1)})
        stage(storage, "run", "users", some_rows(1))
        storage.prepare()
        metadata = export(storage, "run", {})
    assert set(metadata.tables) == {"orders", "users"}
    assert not (tmp_path / INTERNAL_FOLDER / run_id("run")).exists()


def test_discarding_leaves_the_published_files_byte_for_byte(tmp_path: Path) -> None:
    storage = new_folder(tmp_path)
    export(storage, "old", {"orders": some_rows(1)})
    before = read_files(tmp_path)
    stage(storage, "new", "orders", some_rows(2))
    storage.staging(run_id("new")).discard()
    storage.staging(run_id("never staged")).discard()
    assert storage.staging(run_id("new")).files() == []
    assert read_files(tmp_path) == before


# Lock


@contextmanager
def locked_by_another_process(storage: LocalFolder) -> Iterator[int]:
    """The process's id; it is killed at the end."""
    child = os.fork()
    if child == 0:
        with storage.lock():
            time.sleep(60)
        os._exit(0)
    try:
        while not (storage.path / INTERNAL_FOLDER / ".lock-holder").exists():
            time.sleep(0.01)
        yield child
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def test_a_lock_held_by_another_process_is_waited_for_and_its_holder_named(tmp_path: Path) -> None:
    storage = new_folder(tmp_path)
    hasty = LocalFolder(tmp_path, lock_timeout_s=0.1)
    with (
        locked_by_another_process(storage) as holder,
        pytest.raises(OutputError, match=f"is locked by process {holder} on "),
    ):
        hasty.prepare()
    hasty.prepare()  # the system released what the killed process held


def test_who_finishes_a_publication_waits_for_the_writer_who_is_publishing(tmp_path: Path) -> None:
    storage = new_folder(tmp_path)
    hasty = LocalFolder(tmp_path, lock_timeout_s=0.1)
    stage(storage, "run", "orders", some_rows(1))
    journal = tmp_path / INTERNAL_FOLDER / run_id("run") / ".journal"
    with locked_by_another_process(storage):
        hasty.recover()  # nothing to wait for
        journal.write_text('{"files": ["orders.json"], "removed_files": []}')
        with pytest.raises(OutputError, match="is locked by process"):
            hasty.recover()
    hasty.recover()
    assert storage.published_files() == ["orders.json"]


def test_a_folder_in_the_place_of_a_file_is_refused_before_anything_moves(tmp_path: Path) -> None:
    storage = new_folder(tmp_path)
    export(storage, "old", {"orders": some_rows(1)})
    (tmp_path / "users.json").mkdir()
    before = read_files(tmp_path)
    with pytest.raises(OutputError, match=r'users\.json" is a folder'):
        export(storage, "new", {"orders": some_rows(2), "users": some_rows(1)})
    assert read_files(tmp_path) == before


def test_a_broken_journal_is_told_and_not_followed(tmp_path: Path) -> None:
    storage = new_folder(tmp_path)
    stage(storage, "run", "orders", some_rows(1))
    journal = tmp_path / INTERNAL_FOLDER / run_id("run") / ".journal"
    for text in ("", "[]", '{"files": ["../x"], "removed_files": []}', '{"files": [1]}'):
        journal.write_text(text)
        with pytest.raises(ExportFault):
            storage.recover()
        with pytest.raises(ExportFault, match=r"the journal of run .* is broken"):
            storage.published_files()
    journal.unlink()
    assert storage.published_files() == []
