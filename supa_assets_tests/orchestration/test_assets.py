"""A table of the plan as an asset."""

from __future__ import annotations

from pathlib import Path

import dagster as dg

from supa_assets.files.local_folder import LocalFolder
from supa_assets.naming import Relation
from supa_assets.orchestration.assets import build_table_out
from supa_assets.orchestration.io_manager import IO_MANAGER_KEY
from supa_assets_tests.support.exports import plan_table


def build(folder: Path) -> dg.AssetOut:
    table = plan_table("items")
    rows = table.rows.model_copy(update={"relation": Relation("my-app", "items")})
    changed = table.model_copy(update={"rows": rows, "comment": "What is sold."})
    return build_table_out(changed, storage=LocalFolder(folder))


def test_an_asset_is_in_the_group_of_its_schema_and_shows_where_the_file_lies(
    tmp_path: Path,
) -> None:
    out = build(tmp_path)
    assert (out.key, out.group_name) == (dg.AssetKey("items"), "my_app")
    assert out.description == "What is sold."
    assert out.kinds == {"supabase", "postgres", "json"}
    assert out.metadata is not None
    assert out.metadata["dagster/uri"] == (tmp_path / "items.json").as_uri()
    assert out.metadata["dagster/table_name"] == "my-app.items"


def test_a_table_goes_through_the_io_manager_of_its_own_name(tmp_path: Path) -> None:
    assert build(tmp_path).io_manager_key == IO_MANAGER_KEY


def test_a_run_may_end_well_without_the_table_since_it_can_be_dropped(tmp_path: Path) -> None:
    assert not build(tmp_path).is_required
