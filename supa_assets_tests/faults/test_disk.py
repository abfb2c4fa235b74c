"""A disk that fills up under a run: while a file is written, and when the run publishes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest

from supa_assets_tests.support.disks import fill
from supa_assets_tests.support.interference import run_interfered
from supa_assets_tests.support.project import Project

pytestmark = pytest.mark.slow


def test_a_disk_that_fills_up_while_a_table_is_written_fails_the_run_and_keeps_the_earlier_export(
    project: Project, instance: dg.DagsterInstance, small_disk: Path
) -> None:
    small = replace(project, output=small_disk)
    project.execute("DELETE FROM event_logs WHERE id > 100")
    assert small.run(instance).is_success
    before = small.files()
    project.execute(
        "INSERT INTO event_logs (at, what) SELECT now(), repeat('x', 100)"
        " FROM generate_series(1, 15000)"
    )
    result = small.run(instance)

    error = str(result.tables["event_logs"].error)
    assert 'could not write "event_logs.json" in' in error
    assert "no space left on device" in error
    assert "What was exported earlier is intact." in error
    assert small.files() == before
    assert small.staged() == []


def test_a_disk_that_fills_up_before_the_publication_fails_the_run_and_keeps_the_earlier_export(
    project: Project, instance: dg.DagsterInstance, small_disk: Path
) -> None:
    small = replace(project, output=small_disk)
    project.execute("DELETE FROM event_logs WHERE id > 100")
    assert small.run(instance).is_success
    before = small.files()
    last = small.plan().tables[-1].name
    result = run_interfered(small, instance, after={last: lambda: fill(small_disk)})

    assert not result.is_success
    assert "no space left on device" in (result.error or "")
    (small_disk / ".filler").unlink()
    assert small.files() == before
    assert small.run(instance).is_success
