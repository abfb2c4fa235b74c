"""A run shown while it goes on, from its export.log alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from supa_assets.cli.progress import ProgressDisplay
from supa_assets.errors import SourceError
from supa_assets.files.export_log import LOG_FILE, ExportLog


def test_a_pipe_gets_a_line_for_each_table_of_the_run_and_of_no_other(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / LOG_FILE
    with ExportLog(path, "earlier") as log:
        log.table_started("old", estimated_rows=None)
        log.table_written("old", 1, 10)
    with (
        ProgressDisplay(path, "this", table_count=2),
        ExportLog(path, "this") as log,
        ExportLog(path, "another") as other,
    ):
        log.table_started("orders", estimated_rows=None)
        log.silence("no answer for 10 s")
        log.table_written("orders", 15_000, 2_000_000)
        other.table_started("foreign", estimated_rows=None)
        other.table_written("foreign", 1, 10)
        log.table_failed("items", SourceError("gone"))

    assert capfd.readouterr().err.splitlines() == [
        "warning: no answer for 10 s",
        "[1/2] orders: 15,000 rows, 2.0 MB",
        "[2/2] items: failed",
    ]


def test_a_written_table_whose_check_fails_is_counted_once(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / LOG_FILE
    with (
        ProgressDisplay(path, "run", table_count=2),
        ExportLog(path, "run") as log,
    ):
        log.table_started("orders", estimated_rows=None)
        log.table_written("orders", 1, 10)
        log.table_failed("orders", SourceError("its file was changed"))

    assert capfd.readouterr().err.splitlines()[-1] == "[1/2] orders: failed"
