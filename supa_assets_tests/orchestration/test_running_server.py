"""A server that never reloads, and a database that doesn't stand still."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from supa_assets.naming import CHECK_SUFFIX
from supa_assets_tests.support.project import Project
from supa_assets_tests.support.ui import dagster_dev

pytestmark = pytest.mark.slow


def test_tables_that_come_and_go_while_the_server_runs_come_and_go_in_the_export(
    project: Project, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    with dagster_dev(project, tmp_path) as ui:
        loaded = ui.asset_names()
        project.execute(
            "CREATE TABLE newcomers (id int PRIMARY KEY, name text);"
            "INSERT INTO newcomers VALUES (1, 'Ada'), (2, 'Grace'), (3, NULL);"
            "DROP TABLE badges"
        )
        run_id = ui.launch_all()
        assert ui.wait_for_end(run_id) == "SUCCESS"

        assert ui.asset_names() == loaded
        assert "newcomers" not in loaded
        assert ui.row_count("newcomers", run_id=run_id) == 3
        assert ui.check_status("newcomers", CHECK_SUFFIX) == "SUCCEEDED"

    assert instance.get_runs()[0].run_id == run_id
    assert project.rows("newcomers") == [
        {"id": 1, "name": "Ada"},
        {"id": 2, "name": "Grace"},
        {"id": 3, "name": None},
    ]
    entries = project.entries()
    assert entries.keys() == {"event_logs", "newcomers", "organizations", "profiles"}
    assert {entry.run_id for entry in entries.values()} == {run_id}
    assert len({entry.snapshot.id for entry in entries.values()}) == 1
