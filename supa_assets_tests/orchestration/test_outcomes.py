"""What became of a run's tables, for its log and for the UI."""

from __future__ import annotations

from pathlib import Path

import pytest

from supa_assets.errors import SourceError
from supa_assets.export.outcome import TableOutcome
from supa_assets.naming import Relation
from supa_assets.orchestration.outcomes import as_table, describe_outcomes
from supa_assets_tests.support.exports import new_folder, plan_table, some_rows, stage


@pytest.fixture
def outcomes(tmp_path: Path) -> list[TableOutcome]:
    """Of a table that was written, one that failed and one that wasn't begun."""
    entry = stage(new_folder(tmp_path), "run", plan_table("orders"), some_rows(3000))
    entry = entry.model_copy(update={"duration_ms": 1_250})
    return [
        TableOutcome("orders", Relation("public", "orders"), entry=entry, faults=()),
        TableOutcome("items", Relation("public", "items"), error=SourceError("gone", hint="wait")),
        TableOutcome("parts", Relation("public", "parts")),
    ]


def test_the_log_has_a_line_for_each_table_with_its_rows_and_its_time(
    outcomes: list[TableOutcome],
) -> None:
    assert outcomes[0].entry is not None
    assert describe_outcomes(outcomes, "nothing was published").splitlines() == [
        "tables that are whole: 1 of 3; nothing was published",
        f"  orders: 3,000 rows, {outcomes[0].entry.byte_count:,} bytes, 1.25 s",
        "  items: failed: gone",
        "  parts: not begun",
    ]


def test_a_table_whose_file_was_faulty_has_failed_whatever_was_written(
    outcomes: list[TableOutcome],
) -> None:
    faulty = TableOutcome(
        "orders", Relation("public", "orders"), outcomes[0].entry, error=SourceError("differs")
    )
    assert describe_outcomes([faulty], "nothing was published").splitlines()[1:] == [
        "  orders: failed: differs"
    ]
    (record,) = as_table([faulty]).records
    assert (record.data["outcome"], record.data["rows"]) == ("failed", 3000)


def test_the_ui_gets_a_record_for_each_table(outcomes: list[TableOutcome]) -> None:
    table = as_table(outcomes)
    assert outcomes[0].entry is not None
    assert [record.data for record in table.records] == [
        {
            "table": "orders",
            "outcome": "written",
            "rows": 3000,
            "bytes": outcomes[0].entry.byte_count,
            "seconds": 1.25,
            "error": None,
        },
        {
            "table": "items",
            "outcome": "failed",
            "rows": None,
            "bytes": None,
            "seconds": None,
            "error": "gone",
        },
        {
            "table": "parts",
            "outcome": "skipped",
            "rows": None,
            "bytes": None,
            "seconds": None,
            "error": None,
        },
    ]
    assert [column.name for column in table.schema.columns] == list(table.records[0].data)
