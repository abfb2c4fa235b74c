"""What every storage must keep to: bytes come back, publishing is all or nothing, runs don't disturb each other.

Nothing here knows more of a storage than its interface. A new one is a line in STORAGES.
"""

from __future__ import annotations

import itertools
import json
import multiprocessing
import os
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from supa_assets.errors import ExportFault
from supa_assets.files.export_log import ExportLog, follow_log
from supa_assets.files.local_folder import LocalFolder
from supa_assets.files.metadata import METADATA_FILE
from supa_assets.files.storage import Files, Publication, Staging, Storage
from supa_assets_tests.support.exports import dying_at, run_forked, run_id

STORAGES: Mapping[str, Callable[[Path], Storage]] = {
    "local folder": LocalFolder,
}
"""By name, what opens the storage at a place of its own, which is told apart by the path given."""

Opener = Callable[[Path], Storage]


@pytest.fixture(params=STORAGES)
def open_at(request: pytest.FixtureRequest) -> Opener:
    return STORAGES[request.param]


@pytest.fixture
def storage(open_at: Opener, tmp_path: Path) -> Storage:
    storage = open_at(tmp_path / "out")
    storage.prepare()
    return storage


def write(staging: Staging, **files: bytes) -> None:
    """Names are those of tables."""
    for name, data in files.items():
        with staging.write(f"{name}.json") as file:
            file.write(data)


def read(files: Files, name: str) -> bytes:
    with files.open(f"{name}.json") as file:
        return file.read()


def published(storage: Storage) -> dict[str, bytes]:
    return {
        name: read(storage, name)
        for name in (file.removesuffix(".json") for file in storage.published_files())
    }


def publish(
    staging: Staging, metadata: bytes, *names: str, removed: tuple[str, ...] = ()
) -> list[bytes | None]:
    """Publish the files of these names; gives the metadata.json that each merge was shown."""
    shown = []

    def merge(data: bytes | None) -> Publication:
        shown.append(data)
        return Publication(
            metadata, [f"{name}.json" for name in names], [f"{name}.json" for name in removed]
        )

    staging.publish(merge)
    return shown


def export(storage: Storage, run: str, metadata: bytes, **files: bytes) -> None:
    staging = storage.staging(run_id(run))
    write(staging, **files)
    publish(staging, metadata, *files)


# A place


def test_nothing_is_published_where_nothing_was_prepared(open_at: Opener, tmp_path: Path) -> None:
    storage = open_at(tmp_path / "never used")
    storage.recover()
    assert storage.published_files() == []
    assert storage.staging(run_id("run")).files() == []


def test_a_place_is_prepared_as_often_as_wanted(storage: Storage) -> None:
    export(storage, "run", b"1", orders=b"[]\n")
    before = published(storage)
    storage.prepare()
    storage.prepare()
    assert published(storage) == before


def test_who_opens_the_same_place_sees_the_same(
    storage: Storage, open_at: Opener, tmp_path: Path
) -> None:
    export(storage, "run", b"1", orders=b"[]\n")
    write(storage.staging(run_id("next")), orders=b"[1]\n")
    again = open_at(tmp_path / "out")
    assert published(again) == published(storage)
    assert read(again.staging(run_id("next")), "orders") == b"[1]\n"
    assert again.location == storage.location


def test_a_staging_names_the_place_and_its_run(storage: Storage) -> None:
    staging = storage.staging(run_id("run"))
    assert (staging.location, staging.run_id) == (storage.location, run_id("run"))


def test_the_log_can_be_written_once_the_place_is_prepared(storage: Storage) -> None:
    with ExportLog(storage.log_path, "run") as log:
        log.run_started(3)
    (event,), _ = follow_log(storage.log_path, "run")
    assert event.tables == 3


def test_the_uri_names_the_published_file(storage: Storage) -> None:
    one, two = storage.uri("a b.json"), storage.uri("b.json")
    assert urlsplit(one).scheme
    assert unquote(urlsplit(one).path).endswith("/a b.json")
    assert one != two


# Files


def test_what_is_staged_is_read_back(storage: Storage) -> None:
    staging = storage.staging(run_id("run"))
    data = bytes(range(256)) * 40_000
    with staging.write("orders.json") as file:
        for start in range(0, len(data), 1_000_000):
            file.write(data[start : start + 1_000_000])
    with staging.write("empty.json"):
        pass
    assert read(staging, "orders") == data
    assert staging.byte_count("orders.json") == len(data)
    assert (read(staging, "empty"), staging.byte_count("empty.json")) == (b"", 0)


def test_what_is_staged_is_listed_in_the_order_of_names_and_not_published(storage: Storage) -> None:
    write(storage.staging(run_id("run")), b=b"", a=b"", c=b"")
    assert storage.staging(run_id("run")).files() == ["a.json", "b.json", "c.json"]
    assert storage.published_files() == []


def test_an_open_file_can_be_searched(storage: Storage) -> None:
    """Readers look through a file and go back to its start."""
    write(storage.staging(run_id("run")), orders=b"[\n{},\n{}\n]\n")
    with storage.staging(run_id("run")).open("orders.json") as file:
        assert file.readlines(1)
        file.seek(0)
        assert file.read() == b"[\n{},\n{}\n]\n"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_what_is_not_written_to_its_end_is_not_staged(
    storage: Storage, error: type[BaseException]
) -> None:
    staging = storage.staging(run_id("run"))
    with suppress(error), staging.write("orders.json") as file:
        file.write(b"[\n{")
        raise error
    assert staging.files() == []
    with pytest.raises(ExportFault):
        staging.open("orders.json")


def test_an_attempt_that_breaks_leaves_the_one_before(storage: Storage) -> None:
    staging = storage.staging(run_id("run"))
    write(staging, orders=b"first")
    with suppress(ValueError), staging.write("orders.json") as file:
        file.write(b"sec")
        raise ValueError
    assert read(staging, "orders") == b"first"
    write(staging, orders=b"third")
    assert read(staging, "orders") == b"third"


def test_an_error_of_the_stream_passes_as_it_is(storage: Storage) -> None:
    error = OSError("the stream's own")
    with (
        pytest.raises(OSError, match="the stream's own") as caught,
        storage.staging(run_id("run")).write("orders.json"),
    ):
        raise error
    assert caught.value is error


@pytest.mark.parametrize("name", ["", ".", "..", ".hidden", "a/b", "../x", "/etc/passwd", "a\\b"])
def test_a_name_that_leads_elsewhere_is_refused(storage: Storage, name: str) -> None:
    staging = storage.staging(run_id("run"))
    for use in (
        lambda: storage.open(name),
        lambda: staging.open(name),
        lambda: storage.byte_count(name),
        lambda: staging.byte_count(name),
        lambda: storage.uri(name),
        lambda: staging.write(name).__enter__(),
        lambda: staging.publish(lambda _: Publication(b"{}", [name])),
        lambda: staging.publish(lambda _: Publication(b"{}", [], [name])),
    ):
        with pytest.raises(ExportFault, match="not a safe name"):
            use()


@pytest.mark.parametrize("name", ["", "..", "../x", "run", ".lock", "A" * 36, "-" * 36])
def test_a_run_is_called_by_a_uuid_and_by_nothing_else(storage: Storage, name: str) -> None:
    with pytest.raises(ExportFault, match="is not the id of a run: it should be a UUID"):
        storage.staging(name)


def test_a_staged_file_is_read_before_the_published_one(storage: Storage) -> None:
    export(storage, "old", b"1", orders=b"old", users=b"users")
    write(storage.staging(run_id("new")), orders=b"newer")
    seen = [storage, storage.staging(run_id("new")), storage.staging(run_id("other"))]
    assert [read(files, "orders") for files in seen] == [b"old", b"newer", b"old"]
    assert [files.byte_count("orders.json") for files in seen] == [3, 5, 3]
    assert [read(files, "users") for files in seen] == [b"users"] * 3
    assert storage.staging(run_id("new")).files() == ["orders.json"]


def test_a_missing_file_is_an_export_fault(storage: Storage) -> None:
    for files in (storage, storage.staging(run_id("run"))):
        for look in (files.open, files.byte_count):
            with pytest.raises(ExportFault, match=r'"orders\.json" is missing') as caught:
                look("orders.json")
            assert caught.value.hint


# Publishing


def test_what_is_published_is_what_merge_named(storage: Storage) -> None:
    staging = storage.staging(run_id("run"))
    write(staging, b=b"B", a=b"A", left=b"not named")
    publish(staging, b"M", "b", "a")
    assert storage.published_files() == ["a.json", "b.json", METADATA_FILE]
    assert published(storage) == {"a": b"A", "b": b"B", "metadata": b"M"}
    assert storage.byte_count("a.json") == 1
    assert staging.files() == []


def test_a_publication_replaces_and_removes_and_keeps_the_rest(storage: Storage) -> None:
    export(storage, "one", b"1", kept=b"k", changed=b"c", gone=b"g")
    staging = storage.staging(run_id("two"))
    write(staging, changed=b"C", added=b"A")
    publish(staging, b"2", "changed", "added", removed=("gone", "never there"))
    assert published(storage) == {"added": b"A", "changed": b"C", "kept": b"k", "metadata": b"2"}


def test_merge_is_shown_what_is_published(storage: Storage) -> None:
    assert publish(storage.staging(run_id("one")), b"1") == [None]
    assert publish(storage.staging(run_id("two")), b"2") == [b"1"]


def test_what_merge_raises_leaves_everything(storage: Storage) -> None:
    export(storage, "old", b"1", orders=b"old")
    staging = storage.staging(run_id("new"))
    write(staging, orders=b"new")
    before = published(storage)
    error = ValueError("no")

    def merge(_: bytes | None) -> Publication:
        raise error

    with pytest.raises(ValueError, match="no") as caught:
        staging.publish(merge)
    assert caught.value is error
    assert published(storage) == before
    assert read(staging, "orders") == b"new"
    publish(staging, b"2", "orders")  # nothing stays locked
    assert read(storage, "orders") == b"new"


def test_what_is_not_staged_is_not_published(storage: Storage) -> None:
    export(storage, "old", b"1", orders=b"old", users=b"old")
    staging = storage.staging(run_id("new"))
    write(staging, orders=b"new")
    before = published(storage)
    with pytest.raises(ExportFault, match=r'run ".*" did not stage "users\.json"'):
        publish(staging, b"2", "orders", "users")
    assert published(storage) == before


def discard_and_recover(storage: Storage) -> None:
    storage.staging(run_id("new")).discard()
    storage.recover()


FINISHERS: list[Callable[[Storage], object]] = [
    lambda storage: storage.recover(),
    lambda storage: storage.prepare(),
    discard_and_recover,
    lambda storage: publish(storage.staging(run_id("next")), b"3"),
]
"""Who comes after a run that was killed: a reader, the next run's begin, the killed run's end, another run's end."""


@pytest.mark.slow
def test_an_interrupted_publication_is_finished_or_never_was(
    open_at: Opener, tmp_path: Path
) -> None:
    """The run is killed at every third of its calls into the system; who comes next is taken in turn."""
    old = {"kept": b"k", "changed": b"c", "gone": b"g"}
    new = {"kept": b"k", "changed": b"C", "added": b"A"}
    outcomes = []
    for call, finish in zip(itertools.count(1, 3), itertools.cycle(FINISHERS)):
        storage = open_at(tmp_path / f"killed at {call}")
        storage.prepare()
        export(storage, "old", b"1", **old)
        staging = storage.staging(run_id("new"))
        write(staging, changed=b"C", added=b"A")
        publishing = partial(publish, staging, b"2", "changed", "added", removed=("gone",))
        status = run_forked(dying_at(call, publishing))
        assert status in (0, -signal.SIGKILL)
        finish(storage)
        found = published(storage)
        metadata = found.pop("metadata")
        assert found in (old, new)
        assert metadata in (b"3", b"2" if found == new else b"1")
        outcomes.append(found == new)
        if status == 0:
            break
    assert outcomes == sorted(outcomes), "once new, never old again"
    assert not outcomes[0]
    assert outcomes.count(True) > 4, "no kill was seen between the decision and the end"


# Runs


def test_discarding_removes_what_the_run_staged_and_nothing_else(storage: Storage) -> None:
    export(storage, "old", b"1", orders=b"old")
    before = published(storage)
    write(storage.staging(run_id("new")), orders=b"new")
    write(storage.staging(run_id("other")), orders=b"other")
    storage.staging(run_id("new")).discard()
    storage.staging(run_id("never staged")).discard()
    assert storage.staging(run_id("new")).files() == []
    assert read(storage.staging(run_id("other")), "orders") == b"other"
    assert published(storage) == before


def test_two_runs_at_a_time_stage_and_publish_apart(storage: Storage) -> None:
    one, two = storage.staging(run_id("one")), storage.staging(run_id("two"))
    with one.hold(), two.hold():
        write(one, shared=b"one", a=b"A")
        write(two, shared=b"two", b=b"B")
        assert (read(one, "shared"), read(two, "shared")) == (b"one", b"two")
        publish(one, b"1", "shared", "a")
        assert two.files() == ["b.json", "shared.json"]
        publish(two, b"2", "shared", "b")
    assert published(storage) == {"shared": b"two", "a": b"A", "b": b"B", "metadata": b"2"}


def _publish_one_after_another(storage: Storage, writer: int) -> None:
    for number in range(5):
        storage.prepare()
        staging = storage.staging(run_id(f"run-{writer}-{number}"))
        with staging.hold():
            name = f"table_{writer}_{number}"
            write(staging, **{name: b""})

            def merge(data: bytes | None, name: str = name) -> Publication:
                names = json.loads(data or b"[]")
                return Publication(json.dumps([*names, name]).encode(), [f"{name}.json"])

            staging.publish(merge)


@pytest.mark.slow
def test_writers_at_once_lose_nothing_of_each_other(storage: Storage) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [
        context.Process(target=_publish_one_after_another, args=(storage, writer))
        for writer in range(3)
    ]
    for process in writers:
        process.start()
    for process in writers:
        process.join()
    assert [process.exitcode for process in writers] == [0, 0, 0]
    expected = {f"table_{writer}_{number}" for writer in range(3) for number in range(5)}
    assert set(json.loads(read(storage, "metadata"))) == expected
    assert set(published(storage)) == {*expected, "metadata"}


def test_what_a_living_run_staged_is_kept(storage: Storage) -> None:
    staging = storage.staging(run_id("alive"))
    with staging.hold(), staging.hold():
        write(staging, orders=b"")
        storage.prepare()
        assert run_forked(storage.prepare) == 0
        assert staging.files() == ["orders.json"]
    storage.prepare()
    assert staging.files() == []


def test_a_run_lives_as_long_as_one_of_its_processes_holds_it(storage: Storage) -> None:
    staging = storage.staging(run_id("run"))

    def die() -> None:
        with staging.hold():
            write(staging, orders=b"")
            os.kill(os.getpid(), signal.SIGKILL)

    with staging.hold():
        assert run_forked(die) == -signal.SIGKILL
        storage.prepare()
        assert staging.files() == ["orders.json"]


def test_what_a_dead_run_staged_is_removed_by_the_next(storage: Storage) -> None:
    staging = storage.staging(run_id("dead"))

    def die() -> None:
        with staging.hold():
            write(staging, orders=b"")
            os.kill(os.getpid(), signal.SIGKILL)

    assert run_forked(die) == -signal.SIGKILL
    assert staging.files() == ["orders.json"]
    storage.prepare()
    assert staging.files() == []


def test_a_run_can_go_on_staging_after_it_published(storage: Storage) -> None:
    staging = storage.staging(run_id("run"))
    with staging.hold():
        write(staging, orders=b"O")
        publish(staging, b"1", "orders")
        write(staging, users=b"U")
        storage.prepare()
        publish(staging, b"2", "users")
    assert published(storage) == {"orders": b"O", "users": b"U", "metadata": b"2"}
