"""Assets of any Dagster project that read exported tables: when they run, and what they read."""

from __future__ import annotations

from typing import Any

import dagster as dg
import pytest

from supa_assets.export.run import ExportRun
from supa_assets.files.table_rows import TableRows
from supa_assets.naming import CHECK_SUFFIX
from supa_assets.orchestration.io_manager import IO_MANAGER_KEY, JsonFileIOManager
from supa_assets.orchestration.step import EXPORT_STEP
from supa_assets_tests.support.dagster_runs import materializations, step_failure
from supa_assets_tests.support.exports import edit
from supa_assets_tests.support.interference import after_table, change_byte, cut_connections
from supa_assets_tests.support.project import Project


@dg.asset
def report(organizations: Any) -> int:
    assert isinstance(organizations, TableRows)
    assert len(organizations) == sum(1 for _ in organizations)  # and a second time
    return sum(1 for row in organizations if row["name"].startswith("Organization 1"))


@dg.asset(ins={"tables": dg.AssetIn("organizations", input_manager_key=IO_MANAGER_KEY)})
def report_by_key(tables: Any) -> int:
    return len(tables)


@dg.asset(deps=["export_metadata"])
def mail() -> str:
    """After an export, whatever it holds."""
    return "sent"


BESIDE = dg.Definitions(assets=[report, mail])


def steps_of(result: dg.ExecuteInProcessResult) -> list[str | None]:
    """Those that began, in this order."""
    return [event.step_key for event in result.all_events if event.is_step_start]


def test_a_downstream_asset_of_the_same_run_reads_what_the_run_has_published(
    project: Project, instance: dg.DagsterInstance
) -> None:
    published: list[set[str]] = []

    @dg.asset
    def look(organizations: Any) -> int:
        published.append({entry.run_id for entry in project.entries().values()})
        return len(organizations)

    beside = dg.Definitions(assets=[report, mail, look])
    result = project.materialize(instance, beside=beside)

    assert result.success, step_failure(result)
    assert steps_of(result)[0] == EXPORT_STEP
    assert result.output_for_node("report") == 11
    assert result.output_for_node("look") == 20
    assert result.output_for_node("mail") == "sent"
    assert published == [{result.run_id}]


@pytest.mark.slow
def test_a_downstream_asset_alone_reads_what_is_published_without_an_export(
    project: Project, instance: dg.DagsterInstance
) -> None:
    exported = project.run(instance)
    job = project.job(dg.AssetSelection.assets("report"), beside=BESIDE)
    result = job.execute_in_process(instance=instance)

    assert steps_of(result) == ["report"]
    assert result.output_for_node("report") == 11
    assert {entry.run_id for entry in project.entries().values()} == {exported.run_id}


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


# What keeps it from running


def hinder(project: Project) -> Any:
    """Let there be a folder where a file would be published to."""

    def make_folder(_: ExportRun) -> None:
        (project.output / "badges.json").mkdir()

    return make_folder


@pytest.mark.slow
@pytest.mark.parametrize("keep_going", [True, False])
def test_it_does_not_run_when_the_publication_fails(
    project: Project, instance: dg.DagsterInstance, keep_going: bool
) -> None:
    result = project.materialize(
        instance,
        keep_going=keep_going,
        beside=BESIDE,
        files=after_table("profiles", hinder(project)),
    )

    assert not result.success
    assert 'badges.json" is a folder; a file belongs there' in step_failure(result)
    assert steps_of(result) == [EXPORT_STEP]
    assert materializations(instance, result.run_id) == {}
    assert project.entries() == {}


def test_it_does_not_run_when_the_snapshot_is_lost_after_the_last_row(
    project: Project, instance: dg.DagsterInstance
) -> None:
    result = project.materialize(
        instance,
        beside=BESIDE,
        retries=0,
        files=after_table("profiles", cut_connections(project)),
    )

    assert step_failure(result).startswith("the connection that holds the run's snapshot was lost")
    assert steps_of(result) == [EXPORT_STEP]
    assert materializations(instance, result.run_id) == {}
    assert project.entries() == {}


@pytest.mark.slow
def test_it_does_not_run_where_the_folder_holds_the_export_of_another_database(
    make_project: Any, instance: dg.DagsterInstance
) -> None:
    other = make_project("CREATE TABLE organizations (id int PRIMARY KEY, name text)")
    assert other.run(instance).is_success
    project = make_project()
    result = project.materialize(instance, beside=BESIDE)

    assert "holds an export of" in step_failure(result)
    assert steps_of(result) == [EXPORT_STEP]
    assert project.rows("organizations") == []


@pytest.mark.slow
def test_it_does_not_run_when_the_check_of_its_table_fails(
    project: Project, instance: dg.DagsterInstance
) -> None:
    result = project.materialize(
        instance,
        beside=BESIDE,
        files=after_table("organizations", change_byte(project, "organizations")),
    )

    assert not result.success
    assert steps_of(result) == [EXPORT_STEP]
    assert sorted(project.entries()) == ["badges", "event_logs", "profiles"]


@pytest.mark.slow
def test_it_does_not_run_when_the_check_alone_fails_on_what_is_published(
    project: Project, instance: dg.DagsterInstance
) -> None:
    project.run(instance)
    edit(
        project.output / "organizations.json",
        lambda data: data.replace(b"Organization 1", b"Organization 2"),
    )
    check = dg.AssetCheckKey(dg.AssetKey("organizations"), CHECK_SUFFIX)
    selection = dg.AssetSelection.checks(check) | dg.AssetSelection.assets("report")
    result = project.materialize(instance, selection, beside=BESIDE)

    assert not result.success
    assert steps_of(result) == [EXPORT_STEP]


# What else stands in the project


class OtherIOManager(dg.IOManager):
    """A project's own default, which keeps what it gets in memory."""

    def __init__(self) -> None:
        self.kept: dict[dg.AssetKey, object] = {}

    def handle_output(self, context: dg.OutputContext, obj: object) -> None:
        self.kept[context.asset_key] = obj

    def load_input(self, context: dg.InputContext) -> object:
        return self.kept[context.asset_key]


@pytest.mark.slow
def test_an_io_manager_of_the_project_s_own_gets_its_own_assets_and_none_of_the_export_s(
    project: Project, instance: dg.DagsterInstance
) -> None:
    theirs = OtherIOManager()
    result = project.materialize(
        instance,
        beside=dg.Definitions(assets=[report_by_key], resources={"io_manager": theirs}),
    )

    assert result.success
    assert theirs.kept == {dg.AssetKey("report_by_key"): 20}


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
        'asset "number" returned int, this IO manager writes tables of an export only'
    )
