"""What the README shows of Dagster, run as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import dagster as dg
import pytest

from supa_assets_tests.support.programs import run_program
from supa_assets_tests.support.project import Project

pytestmark = pytest.mark.slow

README = Path(__file__).parents[2] / "README.md"


def test_the_downstream_asset_and_the_row_count_work_as_printed(
    project: Project, tmp_path: Path
) -> None:
    _, count, reports = re.findall(
        r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL
    )
    (tmp_path / "count.py").write_text(count)
    (tmp_path / "reports.py").write_text(reports)

    done = run_program(
        "dagster", "asset", "materialize", "-f", "reports.py", "--select", "organizations,report",
        folder=tmp_path, SUPA_ASSETS_AUTH="false",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    with dg.DagsterInstance.get() as instance:
        assert instance.get_latest_materialization_event(dg.AssetKey("report"))
    assert run_program("python", "count.py", folder=tmp_path).stdout == "20\n"


def test_another_project_reads_an_export_as_configuration_shows(
    project: Project, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    page = README.parent / "docs" / "CONFIGURATION.md"
    (program,) = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "reports.py").write_text(program)
    project.run(instance)
    project.output.rename(tmp_path / "migration-data")

    done = run_program(
        "dagster", "asset", "materialize", "-f", "reports.py", "--select", "report",
        folder=tmp_path, SUPABASE_DB_URL=None,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert instance.get_latest_materialization_event(dg.AssetKey("report"))
