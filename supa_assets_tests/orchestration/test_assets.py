"""A table of the plan as an asset."""

from __future__ import annotations

from pathlib import Path

import dagster as dg

from supa_assets.files.local_folder import LocalFolder
from supa_assets.naming import Relation
from supa_assets.orchestration.assets import build_table_asset
from supa_assets.orchestration.io_manager import IO_MANAGER_KEY
from supa_assets.orchestration.resource import SUPABASE_KEY
from supa_assets.orchestration.run_tags import READS_TAG, TABLE_TAG
from supa_assets.plan.export_plan import PlannedTable
from supa_assets_tests.support.exports import plan_table


def child() -> PlannedTable:
    table = plan_table("items").model_copy(update={"depends_on": ["orders"]})
    rows = table.rows.model_copy(update={"relation": Relation("my-app", "items")})
    return table.model_copy(update={"rows": rows})


def build(
    tmp_path: Path, *, position: int = 3, has_dependencies: bool = True
) -> dg.AssetsDefinition:
    return build_table_asset(
        table=child(),
        storage=LocalFolder(tmp_path),
        position=position,
        has_dependencies=has_dependencies,
    )


def test_an_asset_depends_on_what_the_table_references_unless_nothing_shall_be_skipped(
    tmp_path: Path,
) -> None:
    items = dg.AssetKey("items")
    assert build(tmp_path).asset_deps[items] == {dg.AssetKey("orders")}
    assert build(tmp_path, has_dependencies=False).asset_deps[items] == set()


def test_an_asset_is_in_the_group_of_its_schema_and_shows_where_the_file_lies(
    tmp_path: Path,
) -> None:
    (spec,) = build(tmp_path).specs
    assert spec.group_name == "my_app"
    assert spec.metadata["dagster/uri"] == (tmp_path / "items.json").as_uri()


def test_a_step_is_marked_as_one_that_reads_its_table_and_comes_in_import_order(
    tmp_path: Path,
) -> None:
    tags = build(tmp_path).op.tags
    assert (tags[READS_TAG], tags[TABLE_TAG]) == ("source", "items")
    later = build(tmp_path, position=4).op.tags
    assert int(later["dagster/priority"]) < int(tags["dagster/priority"])


def test_an_asset_needs_the_database_and_the_place_of_files_by_names_of_their_own(
    tmp_path: Path,
) -> None:
    assert {SUPABASE_KEY, IO_MANAGER_KEY} <= build(tmp_path).required_resource_keys
