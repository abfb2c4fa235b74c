from __future__ import annotations

import json
import multiprocessing
from pathlib import Path

import pytest

from supa_assets.errors import ExportFault, OutputError
from supa_assets.files.local_folder import LocalFolder
from supa_assets.files.metadata import METADATA_FILE, ExportMetadata, SnapshotEntry, TableEntry
from supa_assets.files.publish import (
    list_snapshots,
    publish_run,
    read_metadata,
    refuse_other_export,
    without_replaced,
)
from supa_assets.files.staged_entries import read_staged_entries
from supa_assets.files.verify import verify_export
from supa_assets_tests.support.exports import (
    SERVER,
    SESSION,
    SOURCE,
    edit,
    export,
    new_folder,
    plan_table,
    publish,
    read_files,
    run_id,
    some_rows,
    stage,
)

JANUARY, FEBRUARY = "2026-01-01T00:00:00.000000+00:00", "2026-02-01T00:00:00.000000+00:00"
OTHER_SOURCE = SOURCE.model_copy(update={"host": "db.elsewhere.com"})


def order_of(metadata: ExportMetadata) -> list[tuple[str, int]]:
    return [(position.table, position.level) for position in metadata.import_order]


def test_nothing_is_published_in_a_new_folder(tmp_path: Path) -> None:
    assert read_metadata(new_folder(tmp_path)) is None
    assert read_metadata(LocalFolder(tmp_path / "not there")) is None


def test_what_is_published_is_what_publish_run_gives(tmp_path: Path) -> None:
    storage = new_folder(tmp_path)
    metadata = export(storage, "run", {"orders": some_rows(2), "empty": []})
    assert read_metadata(storage) == metadata
    assert metadata.source_database == SOURCE
    assert metadata.server == SERVER
    assert metadata.session == SESSION
    assert set(read_files(tmp_path)) == {"orders.json", "empty.json", METADATA_FILE}
    assert verify_export(storage, full=True) == []


def test_a_run_of_some_tables_replaces_only_theirs(tmp_path: Path) -> None:
    storage = new_folder(tmp_path)
    first = export(storage, "one", {"orders": some_rows(2), "users": some_rows(3)})
    second = export(storage, "two", {"orders": some_rows(5)})
    assert second.tables["users"] == first.tables["users"]
    assert second.tables["orders"].run_id == run_id("two")
    assert second.exported_at > first.exported_at
    assert verify_export(storage) == []


def test_a_run_of_all_tables_removes_those_that_left_the_database(tmp_path: Path) -> None:
    storage = new_folder(tmp_path)
    export(storage, "one", {"orders": some_rows(2), "gone": some_rows(3)})
    (tmp_path / "mine.json").write_text("{}")
    (tmp_path / "export.log").write_text("")
    export(storage, "two", {"orders": some_rows(5)}, replaces_all=True)
    assert set(read_files(tmp_path)) == {"orders.json", METADATA_FILE, "mine.json", "export.log"}


def test_only_files_of_tables_are_ever_removed(tmp_path: Path) -> None:
    """A metadata.json that somebody edited names no victim."""
    storage = new_folder(tmp_path / "out")
    export(storage, "one", {"a": [], "b": []})
    mine = storage.path / "mine.json"
    mine.write_text("mine")
    edit_file_of_a(storage, "mine.json")
    metadata = export(storage, "two", {"orders": some_rows(1)}, replaces_all=True)
    assert set(metadata.tables) == {"orders"}
    assert mine.read_text() == "mine"


@pytest.mark.parametrize("file", ["../mine", METADATA_FILE, "Export.log", ".lock", "", "a" * 300])
def test_over_an_export_that_names_a_file_of_no_table_nothing_is_published(
    tmp_path: Path, file: str
) -> None:
    storage = new_folder(tmp_path)
    export(storage, "one", {"a": [], "b": []})
    edit_file_of_a(storage, file)
    before = read_files(tmp_path)
    with pytest.raises(ExportFault, match=r"tables\.a\.file: "):
        export(storage, "two", {"orders": some_rows(1)}, replaces_all=True)
    assert read_files(tmp_path) == before


def edit_file_of_a(storage: LocalFolder, file: str) -> None:
    path = storage.path / METADATA_FILE
    document = json.loads(path.read_bytes())
    document["tables"]["a"]["file"] = file
    path.write_text(json.dumps(document))


def test_import_order_spans_all_published_tables(tmp_path: Path) -> None:
    storage = new_folder(tmp_path)
    stage(storage, "one", plan_table("orders", references=["users", "elsewhere"]), [])
    assert order_of(publish(storage, "one")) == [("orders", 0)]
    stage(storage, "two", plan_table("users", references=["users"]), [])
    metadata = publish(storage, "two")
    assert order_of(metadata) == [("users", 0), ("orders", 1)]
    assert [(broken.table, broken.reason) for broken in metadata.broken_references] == [
        ("users", "self")
    ]


def test_references_follow_true_names_where_an_asset_has_another(tmp_path: Path) -> None:
    storage = new_folder(tmp_path)
    stage(storage, "run", plan_table("Users__0badcafe", table="a/b"), [])
    stage(storage, "run", plan_table("orders", references=["a/b"]), [])
    assert order_of(publish(storage, "run")) == [("Users__0badcafe", 0), ("orders", 1)]


def test_a_table_that_comes_under_another_name_leaves_no_second_entry(tmp_path: Path) -> None:
    storage = new_folder(tmp_path)
    export(storage, "one", {"Users": some_rows(1)})
    stage(storage, "two", plan_table("Users__0badcafe", table="Users"), some_rows(2))
    assert set(publish(storage, "two").tables) == {"Users__0badcafe"}
    assert set(read_files(tmp_path)) == {"Users__0badcafe.json", METADATA_FILE}


def test_a_lost_file_of_another_table_stays_a_fault(tmp_path: Path) -> None:
    """Dropping its entry would turn a loss that verify tells into an export that looks whole."""
    storage = new_folder(tmp_path)
    export(storage, "one", {"orders": some_rows(2), "users": some_rows(3)})
    (tmp_path / "users.json").unlink()
    export(storage, "two", {"orders": some_rows(5)})
    assert [(fault.table, fault.what) for fault in verify_export(storage)] == [("users", "file")]


def test_fields_of_a_newer_minor_version_are_kept(tmp_path: Path) -> None:
    storage = new_folder(tmp_path)
    export(storage, "one", {"orders": [], "users": []})
    document = json.loads((tmp_path / METADATA_FILE).read_bytes())
    document["fromTheFuture"] = {"a": 1}
    document["tables"]["users"]["fromTheFuture"] = 2
    (tmp_path / METADATA_FILE).write_text(json.dumps(document))
    export(storage, "two", {"orders": []})
    document = json.loads((tmp_path / METADATA_FILE).read_bytes())
    assert document["fromTheFuture"] == {"a": 1}
    assert document["tables"]["users"]["fromTheFuture"] == 2


def test_an_entry_knows_its_asset_name_which_only_the_key_tells(tmp_path: Path) -> None:
    storage = new_folder(tmp_path)
    given = stage(storage, "run", plan_table("Users__0badcafe", table="Users"), [])
    assert given.name == "Users__0badcafe"
    assert read_staged_entries(storage.staging(run_id("run"))) == {"Users__0badcafe": given}
    publish(storage, "run")
    metadata = read_metadata(storage)
    assert metadata is not None
    assert metadata.tables == {"Users__0badcafe": given}
    document = json.loads((tmp_path / METADATA_FILE).read_bytes())
    assert "name" not in document["tables"]["Users__0badcafe"]
    assert metadata.to_json() == (tmp_path / METADATA_FILE).read_bytes()


def test_of_what_a_run_staged_single_entries_can_be_read(tmp_path: Path) -> None:
    storage = new_folder(tmp_path)
    stage(storage, "run", "good", some_rows(1))
    stage(storage, "run", "bad", some_rows(1))
    edit(tmp_path / ".supa-assets" / run_id("run") / "bad.entry.json", lambda _: b"[]")
    staging = storage.staging(run_id("run"))
    assert list(read_staged_entries(staging, {"good", "never"})) == ["good"]
    with pytest.raises(ExportFault, match=r'staged "bad\.entry\.json" is not an entry'):
        read_staged_entries(staging)


def test_only_the_named_tables_of_a_run_are_published(tmp_path: Path) -> None:
    storage = new_folder(tmp_path)
    stage(storage, "run", "good", some_rows(1))
    stage(storage, "run", "bad", some_rows(1))
    metadata = publish_run(
        storage.staging(run_id("run")),
        source=SOURCE,
        server=SERVER,
        session=SESSION,
        kept=None,
        tables=["good"],
    )
    assert set(metadata.tables) == {"good"}
    assert set(read_files(tmp_path)) == {"good.json", METADATA_FILE}


def test_a_database_without_tables_is_published_as_such(tmp_path: Path) -> None:
    storage = new_folder(tmp_path)
    export(storage, "one", {"orders": []})
    assert publish(storage, "two", replaces_all=True).tables == {}
    assert set(read_files(tmp_path)) == {METADATA_FILE}


# Refused


def assert_refused(
    storage: LocalFolder, error: type[Exception], match: str, **arguments: object
) -> None:
    before = read_files(storage.path)
    stage(storage, "refused", "orders", some_rows(9))
    with pytest.raises(error, match=match) as caught:
        publish(storage, "refused", **arguments)  # type: ignore[arg-type]
    assert "HINT:" in str(caught.value)
    assert read_files(storage.path) == before


BROKEN = {
    "empty": (b"", "not a metadata.json"),
    "not JSON": (b"{", "not a metadata.json"),
    "not an export": (b'{"name": "package"}', "not a metadata.json"),
    "newer": (b'{"formatVersion": 2, "tables": []}', "has formatVersion 2, this program knows 1"),
}


@pytest.mark.parametrize("case", BROKEN)
@pytest.mark.parametrize("replaces_all", [False, True])
def test_a_broken_or_newer_metadata_is_never_replaced(
    tmp_path: Path, case: str, replaces_all: bool
) -> None:
    data, message = BROKEN[case]
    storage = new_folder(tmp_path)
    export(storage, "one", {"orders": some_rows(1)})
    (tmp_path / METADATA_FILE).write_bytes(data)
    assert_refused(storage, ExportFault, message, replaces_all=replaces_all)
    with pytest.raises(ExportFault, match=message):
        refuse_other_export(storage, SOURCE)


def test_two_databases_are_not_mixed_in_one_folder(tmp_path: Path) -> None:
    storage = new_folder(tmp_path)
    export(storage, "one", {"orders": some_rows(1)})
    message = "holds an export of .*db.example.com.*, this run reads .*db.elsewhere.com"
    assert_refused(storage, OutputError, message, source=OTHER_SOURCE)
    with pytest.raises(OutputError, match=message) as caught:
        refuse_other_export(storage, OTHER_SOURCE)
    assert "--output-dir" in str(caught.value)


def test_an_export_of_all_tables_does_not_replace_that_of_another_database(tmp_path: Path) -> None:
    storage = new_folder(tmp_path)
    export(storage, "one", {"orders": some_rows(1), "users": []})
    message = "holds an export of .*db.example.com.*, this run reads .*db.elsewhere.com"
    assert_refused(storage, OutputError, message, source=OTHER_SOURCE, replaces_all=True)


def test_an_export_of_what_may_be_another_database_is_kept_and_the_way_on_is_told(
    tmp_path: Path,
) -> None:
    storage = new_folder(tmp_path)
    source = SOURCE.model_copy(update={"system_identifier": "7"})
    stage(storage, "one", "orders", some_rows(1))
    publish(storage, "one", source=source)
    copy = source.model_copy(update={"host": "copy.example.com"})
    message = "holds an export of .*, which may be another database: .* a physical copy"
    assert_refused(storage, OutputError, message, source=copy)
    with pytest.raises(OutputError, match=message) as caught:
        refuse_other_export(storage, copy)
    assert "connect by db.example.com:5432" in str(caught.value.hint)


def test_a_run_that_staged_nothing_publishes_nothing(tmp_path: Path) -> None:
    with pytest.raises(ExportFault, match="staged no table"):
        publish(new_folder(tmp_path), "run")
    assert read_files(tmp_path) == {}


def test_a_staged_file_that_changed_is_not_published(tmp_path: Path) -> None:
    storage = new_folder(tmp_path)
    stage(storage, "run", "orders", some_rows(2))
    edit(tmp_path / ".supa-assets" / run_id("run") / "orders.json", lambda data: data[:-1])
    with pytest.raises(ExportFault, match=r'staged file "orders\.json" differs'):
        publish(storage, "run")
    assert read_files(tmp_path) == {}


# Several writers


def _export_one_after_another(folder: Path, writer: int) -> None:
    storage = LocalFolder(folder)
    for number in range(5):
        run = f"run-{writer}-{number}"
        storage.prepare()
        with storage.staging(run_id(run)).hold():
            export(storage, run, {f"table_{writer}_{number}": some_rows(2), "shared": []})


@pytest.mark.slow
def test_writers_at_once_lose_none_of_each_others_entries(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [
        context.Process(target=_export_one_after_another, args=(tmp_path, writer))
        for writer in range(4)
    ]
    for process in writers:
        process.start()
    for process in writers:
        process.join()
    assert [process.exitcode for process in writers] == [0, 0, 0, 0]
    storage = LocalFolder(tmp_path)
    metadata = read_metadata(storage)
    assert metadata is not None
    expected = {f"table_{writer}_{number}" for writer in range(4) for number in range(5)}
    assert set(metadata.tables) == expected | {"shared"}
    assert verify_export(storage) == []


def test_snapshots_are_listed_oldest_first_each_with_its_runs_and_tables(tmp_path: Path) -> None:
    entry = stage(new_folder(tmp_path), "run", "orders", [])

    def read(run: str, snapshot_id: str, time: str) -> TableEntry:
        snapshot = SnapshotEntry(id=snapshot_id, time=time)
        return entry.model_copy(update={"run_id": run, "snapshot": snapshot})

    uses = list_snapshots(
        {
            "a": read("later", "1", FEBRUARY),
            "b": read("b", "1", JANUARY),
            "c": read("a", "1", JANUARY),
            "d": read("b", "1", JANUARY),
        }
    )
    assert [(use.time, use.run_ids, use.table_count) for use in uses] == [
        (JANUARY, ["a", "b"], 3),
        (FEBRUARY, ["later"], 1),  # a server may give one id again
    ]
    assert list_snapshots({}) == []


def test_entries_stay_unless_their_relation_or_their_file_comes_anew(tmp_path: Path) -> None:
    """Where capitals don't count, a file of another name may be the same one."""
    storage = new_folder(tmp_path)
    entries = {
        name: stage(storage, "run", plan_table(name, table=table), [])
        for name, table in {"Orders__1": "Orders", "ITEMS": "ITEMS", "users": "users"}.items()
    }
    new = {
        name: stage(storage, "run", plan_table(name, table=table), [])
        for name, table in {"Orders": "Orders", "items": "items"}.items()
    }
    assert without_replaced(entries, new) == {"users": entries["users"]}
    assert without_replaced(entries, {}) == entries
