"""What became of a table: written, failed or not begun, and what the reading back said of its file."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import pytest

from supa_assets.errors import ExportFault
from supa_assets.export.outcome import TableOutcome
from supa_assets.files.verify import verify_table
from supa_assets.naming import Relation
from supa_assets_tests.support.exports import edit, new_folder, run_id, some_rows, stage

ORDERS = TableOutcome("orders", Relation("public", "orders"))


def test_a_table_that_was_not_begun_is_skipped() -> None:
    assert (ORDERS.status, ORDERS.is_verified) == ("skipped", None)


def test_a_table_whose_file_was_found_whole_is_written(tmp_path: Path) -> None:
    storage = new_folder(tmp_path)
    entry = stage(storage, "run", "orders", some_rows(3))
    faults = tuple(verify_table(storage.staging(run_id("run")), entry))
    written = replace(ORDERS, entry=entry, faults=faults)
    assert (written.status, written.is_verified) == ("written", True)
    assert (replace(written, faults=None).status, replace(written, faults=None).is_verified) == (
        "written", None,
    )  # fmt: skip


def test_a_table_whose_file_is_not_what_was_written_has_failed(tmp_path: Path) -> None:
    storage = new_folder(tmp_path)
    entry = stage(storage, "run", "orders", some_rows(3))
    edit(tmp_path / ".supa-assets" / run_id("run") / "orders.json", lambda data: data[:-4])
    faults = tuple(verify_table(storage.staging(run_id("run")), entry))
    failed = replace(ORDERS, entry=entry, faults=faults, error=ExportFault("it differs"))
    assert faults
    assert (failed.status, failed.is_verified) == ("failed", False)


def test_a_table_that_can_not_be_read_has_failed_before_there_was_a_file() -> None:
    failed = replace(ORDERS, error=ExportFault("no"))
    assert (failed.status, failed.is_verified, failed.entry) == ("failed", None, None)


def test_an_outcome_stays_as_it_was_told() -> None:
    with pytest.raises(FrozenInstanceError):
        ORDERS.error = ExportFault("late")  # type: ignore[misc]
