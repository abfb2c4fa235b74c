"""What Dagster shows of a table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from supa_assets.files.metadata import ColumnEntry
from supa_assets.orchestration.table_metadata import definition_metadata, materialization_metadata
from supa_assets_tests.support.exports import new_folder, plan_table, some_rows, stage

TABLE = plan_table(
    "items",
    columns=[
        ColumnEntry(name="id", type="bigint", encoding="string", nullable=False, identity="always"),
        ColumnEntry(
            name="total", type="text", encoding="string", nullable=True, generated="stored"
        ),
    ],
    references=["orders"],
)


def test_a_definition_shows_the_catalogue() -> None:
    shown: dict[str, Any] = definition_metadata(TABLE, uri="file:///items.json")
    assert shown["dagster/table_name"] == "public.items"
    assert shown["dagster/uri"] == "file:///items.json"
    schema = shown["dagster/column_schema"]
    assert schema.constraints.other == [
        "primary key (id)",
        "items_orders_fkey: (id) references public.orders (id)",
    ]
    key, total = schema.columns
    assert key.constraints.unique
    assert key.constraints.other == ["primary key", "encoding: string", "identity always"]
    assert total.constraints.other == ["encoding: string", "generated stored"]


def test_a_materialization_shows_what_metadata_json_says_and_no_value(tmp_path: Path) -> None:
    entry = stage(new_folder(tmp_path), "run", plan_table("badges"), some_rows(3, "secret"))
    entry = entry.model_copy(update={"duration_ms": 1500, "strategy": "one piece"})
    shown = materialization_metadata(entry, uri="file:///badges.json")
    assert (shown["dagster/row_count"], shown["source_row_count"]) == (3, 3)
    assert shown["dagster/size_bytes"] == entry.byte_count
    assert (shown["duration_s"], shown["rows_per_s"]) == (1.5, 2)
    assert (shown["sha256"], shown["strategy"]) == (entry.sha256, "one piece")
    assert shown["snapshot_id"] == entry.snapshot.id
    assert "secret" not in str(shown)


def test_a_table_that_took_no_time_has_a_speed_all_the_same(tmp_path: Path) -> None:
    entry = stage(new_folder(tmp_path), "run", plan_table("badges"), some_rows(3))
    shown = materialization_metadata(entry.model_copy(update={"duration_ms": 0}), uri="file:///b")
    assert shown["rows_per_s"] == 3000
