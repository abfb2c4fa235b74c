"""Assets of any Dagster project that read exported tables, and runs without an executor of ours."""

from __future__ import annotations

from typing import Any

import dagster as dg
import pytest

from supa_assets.files.table_rows import TableRows
from supa_assets.orchestration.io_manager import IO_MANAGER_KEY, JsonFileIOManager
from supa_assets_tests.support.project import Project


@dg.asset
def report(organizations: Any) -> int:
    assert isinstance(organizations, TableRows)
    assert len(organizations) == sum(1 for _ in organizations)  # and a second time
    return sum(1 for row in organizations if row["name"].startswith("Organization 1"))


@dg.asset(ins={"tables": dg.AssetIn("organizations", input_manager_key=IO_MANAGER_KEY)})
def report_by_key(tables: Any) -> int:
    return len(tables)


def test_a_downstream_asset_of_the_same_run_reads_what_the_run_staged(
    project: Project, instance: dg.DagsterInstance
) -> None:
    definitions = dg.Definitions.merge(project.definitions(), dg.Definitions(assets=[report]))
    job = definitions.resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(instance=instance)

    assert result.output_for_node("report") == 11


@pytest.mark.slow
def test_a_downstream_asset_of_another_project_reads_what_is_published(
    project: Project, instance: dg.DagsterInstance
) -> None:
    project.run(instance)
    files = JsonFileIOManager(output=str(project.output))
    result = dg.materialize(
        [dg.AssetSpec("organizations"), report_by_key],
        resources={IO_MANAGER_KEY: files},
        instance=instance,
    )

    assert result.output_for_node("report_by_key") == 20


@pytest.mark.slow
def test_an_input_without_settings_comes_from_the_default_io_manager(
    project: Project, instance: dg.DagsterInstance
) -> None:
    project.run(instance)

    @dg.asset(io_manager_key="memory")
    def count(organizations: Any) -> int:
        return len(list(organizations))

    files = JsonFileIOManager(output=str(project.output))
    result = dg.materialize(
        [dg.AssetSpec("organizations"), count],
        resources={"io_manager": files, "memory": dg.mem_io_manager},
        instance=instance,
    )
    assert result.output_for_node("count") == 20


@pytest.mark.slow
def test_without_the_executor_each_table_is_published_at_once_in_one_snapshot(
    project: Project, instance: dg.DagsterInstance
) -> None:
    job = project.definitions().resolve_job_def("export_all")
    result = job.execute_in_process(instance=instance)

    assert result.success
    entries = project.entries()
    assert set(entries) == {"organizations", "profiles", "badges", "event_logs"}
    assert len({entry.snapshot.id for entry in entries.values()}) == 1
    assert project.open_transactions() == 0


@pytest.mark.slow
def test_after_a_failed_table_the_others_go_on_in_the_same_snapshot(
    project: Project, instance: dg.DagsterInstance
) -> None:
    definitions = project.definitions()
    project.execute("DROP TABLE badges")
    job = definitions.resolve_job_def("export_all")
    result = job.execute_in_process(instance=instance, raise_on_error=False)

    assert not result.success
    entries = project.entries()
    assert set(entries) == {"organizations", "profiles", "event_logs"}
    assert len({entry.snapshot.id for entry in entries.values()}) == 1


def test_the_io_manager_rejects_what_is_no_table(project: Project) -> None:
    @dg.asset(io_manager_key=IO_MANAGER_KEY)
    def number() -> int:
        return 1

    files = JsonFileIOManager(output=str(project.output))
    result = dg.materialize([number], resources={IO_MANAGER_KEY: files}, raise_on_error=False)

    failure = result.failure_data_for_node("number")
    assert failure is not None
    assert failure.user_failure_data is not None
    assert failure.user_failure_data.description == (
        'asset "number" returned int, this IO manager writes tables only'
    )
