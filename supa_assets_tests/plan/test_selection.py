"""Which tables of a plan a run exports."""

from __future__ import annotations

import pytest

from supa_assets.errors import SettingsError
from supa_assets.naming import Relation
from supa_assets.plan.export_plan import PlannedTable, TableStatistics
from supa_assets.plan.selection import Selection, select_tables, streams_by_estimate
from supa_assets.settings import Settings
from supa_assets_tests.support.exports import plan_export_of, plan_table


def table(name: str, schema: str = "public", *, rows: int | None = 5) -> PlannedTable:
    planned = plan_table(name)
    shape = planned.rows.model_copy(
        update={"relation": Relation(schema, name.removeprefix("auth_"))}
    )
    statistics = TableStatistics(estimated_row_count=rows, byte_count=0)
    return planned.model_copy(update={"rows": shape, "statistics": statistics})


PLAN = plan_export_of(table("users"), table("auth_users", "auth"), table("logs", rows=20_000))


def names(selection: Selection) -> list[str]:
    return [table.name for table in selection.tables]


def test_without_options_every_table_is_selected_in_import_order() -> None:
    selection = select_tables(PLAN, Settings())
    assert names(selection) == ["users", "auth_users", "logs"]
    assert selection.skipped == {}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("auth.users", "auth_users"),
        ("auth_users", "auth_users"),
        ("users", "users"),
        ("logs", "logs"),
    ],
)
def test_a_table_is_found_by_its_relation_before_its_asset_before_its_bare_name(
    name: str, expected: str
) -> None:
    assert names(select_tables(PLAN, Settings(), named=[name])) == [expected]


def test_what_an_option_leaves_out_is_told_with_the_option() -> None:
    selection = select_tables(PLAN, Settings(), skip_large=True, skip_auth=True)
    assert names(selection) == ["users"]
    assert selection.skipped == {"auth.users": "--skip-auth", "public.logs": "--skip-large"}


def test_options_that_leave_nothing_are_an_error() -> None:
    with pytest.raises(SettingsError, match=r"leave no table to export: public\.logs skipped"):
        select_tables(PLAN, Settings(), named=["logs"], skip_large=True)
    with pytest.raises(SettingsError) as caught:
        select_tables(PLAN, Settings(), named=["logs"], skip_large=True)
    assert caught.value.hint == "leave out --skip-large."


def test_what_else_is_called_so_is_told_before_close_names() -> None:
    known = SettingsError("it is a view")
    with pytest.raises(SettingsError) as caught:
        select_tables(PLAN, Settings(), named=["Logs"], explain_unknown=lambda _: known)
    assert caught.value is known


def test_an_unknown_name_is_an_error_that_offers_a_close_one() -> None:
    with pytest.raises(SettingsError, match='no table "Logs"') as caught:
        select_tables(PLAN, Settings(), named=["Logs"])
    assert "did you mean logs?" in (caught.value.hint or "")


def test_a_table_is_large_by_setting_or_by_the_servers_estimate_above_the_threshold() -> None:
    threshold = Settings.of(streaming_threshold=100)
    found = [streams_by_estimate(table("t", rows=rows), threshold) for rows in (None, 100, 101)]
    assert found == [False, False, True]
    named = table("t", rows=None).model_copy(update={"is_large": True})
    assert streams_by_estimate(named, threshold)
