"""From a table's stream to its file, and from the published file to a downstream asset."""

from __future__ import annotations

import json
from pathlib import Path

import dagster as dg
import pytest

from supa_assets.errors import ExportFault, SourceError
from supa_assets.export.run import begin_export
from supa_assets.files.export_log import LOG_FILE, follow_log
from supa_assets.files.publish import read_metadata
from supa_assets.files.table_rows import TableRows
from supa_assets.orchestration.io_manager import JsonFileIOManager, PublishedTable
from supa_assets_tests.support.databases import Database
from supa_assets_tests.support.exports import edit, export, new_folder, run_id, some_rows, stage


@pytest.fixture
def files(tmp_path: Path) -> JsonFileIOManager:
    return JsonFileIOManager(output=str(tmp_path / "out"))


def test_a_stream_is_drained_into_a_staged_file_and_nothing_is_published(
    files: JsonFileIOManager, database: Database
) -> None:
    database.execute("CREATE TABLE orders AS SELECT n AS id FROM generate_series(1, 3000) n")
    seen: list[tuple[str, int, int]] = []
    with begin_export(
        database.source(chunk_bytes=1024), files.storage(), database.plan(), run_id=run_id("run")
    ) as run:
        (table,) = run.tables
        entry = files.drain(run, table, lambda *said: seen.append(said))
        with run.staging.open("orders.json") as file:
            staged = json.load(file)

    assert staged == [{"id": number} for number in range(1, 3001)]
    assert (entry.name, entry.row_count, entry.source_row_count) == ("orders", 3000, 3000)
    assert seen[-1][:2] == ("orders", 3000)
    assert read_metadata(files.storage()) is None
    events, _ = follow_log(Path(files.output) / LOG_FILE, run_id("run"))
    assert [event.event for event in events if event.event != "progress"] == [
        "run_started",
        "table_started",
        "table_written",
    ]


def test_of_a_table_that_can_not_be_read_whole_nothing_is_staged(
    files: JsonFileIOManager, database: Database
) -> None:
    database.execute(
        "CREATE TABLE orders (id int, half int GENERATED ALWAYS AS (1 / (id - 2)) VIRTUAL)",
        "INSERT INTO orders SELECT generate_series(1, 3)",
    )
    with begin_export(
        database.source(), files.storage(), database.plan(), run_id=run_id("run")
    ) as run:
        (table,) = run.tables
        with pytest.raises(SourceError, match="division by zero"):
            files.drain(run, table, lambda *_: None)
        assert run.staging.files() == []


def test_an_entry_is_what_is_published_and_never_what_a_run_has_staged(
    files: JsonFileIOManager,
) -> None:
    storage = new_folder(Path(files.output))
    metadata = export(storage, "old", {"orders": some_rows(2)})
    stage(storage, "new", "orders", some_rows(5))

    assert files.find_entry("orders") == metadata.tables["orders"]


def test_a_table_that_was_never_exported_is_a_fault(files: JsonFileIOManager) -> None:
    storage = new_folder(Path(files.output))
    with pytest.raises(ExportFault, match='holds no export of "orders"') as caught:
        files.find_entry("orders")
    assert caught.value.hint
    export(storage, "run", {"items": some_rows(1)})
    with pytest.raises(ExportFault, match='holds no export of "orders"'):
        files.find_entry("orders")


def test_an_input_is_the_published_table_s_rows(files: JsonFileIOManager) -> None:
    export(new_folder(Path(files.output)), "run", {"orders": some_rows(3)})
    rows = files.load_input(dg.build_input_context(asset_key=dg.AssetKey("orders")))

    assert isinstance(rows, TableRows)
    assert [row["name"] for row in rows] == ["row 0", "row 1", "row 2"]
    with pytest.raises(dg.Failure, match='holds no export of "items"'):
        files.load_input(dg.build_input_context(asset_key=dg.AssetKey("items")))


def test_an_input_of_a_damaged_export_is_a_failure_or_a_fault(files: JsonFileIOManager) -> None:
    folder = Path(files.output)
    export(new_folder(folder), "run", {"orders": some_rows(3)})
    context = dg.build_input_context(asset_key=dg.AssetKey("orders"))
    rows = files.load_input(context)
    edit(folder / "orders.json", lambda data: data.replace(b'"row 1"', b"[" * 200_000))
    with pytest.raises(ExportFault, match="it is not JSON after row 1 of 3"):
        list(rows)
    edit(folder / "metadata.json", lambda data: data.replace(b'"level"', b'"level": 0, "level"'))
    with pytest.raises(dg.Failure, match='has the key "level" twice'):
        files.load_input(context)


def test_an_output_says_what_metadata_json_says(files: JsonFileIOManager) -> None:
    metadata = export(new_folder(Path(files.output)), "run", {"orders": some_rows(3)})
    context = dg.build_output_context(asset_key=dg.AssetKey("orders"))
    files.handle_output(context, PublishedTable(metadata.tables["orders"], "column added"))

    told = {name: value.value for name, value in context.get_logged_metadata().items()}
    assert (told["dagster/row_count"], told["drift"]) == (3, "column added")
    assert told["dagster/uri"] == (Path(files.output) / "orders.json").as_uri()


@pytest.mark.parametrize("value", [1, None, [{"id": 1}]])
def test_an_output_that_is_no_published_table_is_refused(
    files: JsonFileIOManager, value: object
) -> None:
    context = dg.build_output_context(asset_key=dg.AssetKey("number"))
    with pytest.raises(dg.Failure, match="writes tables of an export only") as caught:
        files.handle_output(context, value)
    assert f'asset "number" returned {type(value).__name__}' in (caught.value.description or "")
    assert not caught.value.allow_retries
