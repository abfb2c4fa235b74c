"""What a dry run tells of the database."""

from __future__ import annotations

import pytest

from supa_assets.cli.preflight import print_preflight
from supa_assets_tests.support.databases import Database


def test_a_preflight_is_passed_only_where_every_selected_table_can_be_read(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    database.execute(
        "CREATE TABLE badges (id int)",
        "CREATE TABLE orders (id int)",
        "CREATE VIEW totals AS SELECT count(*) FROM badges",
    )
    plan = database.plan()
    assert print_preflight(database.settings(), plan, plan.tables)
    captured = capsys.readouterr()
    assert "not exported, view: public.totals" in captured.out
    assert captured.err == ""

    database.execute("DROP TABLE orders")
    assert not print_preflight(database.settings(), plan, plan.tables)
    assert 'error: "public.orders" is no longer in the database' in capsys.readouterr().err
