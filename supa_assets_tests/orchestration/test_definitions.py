"""The graph that Dagster loads, whatever the tables are called."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.utils import DISALLOWED_NAMES
from dagster._core.execution.api import create_execution_plan
from psycopg import sql

from supa_assets.errors import SettingsError
from supa_assets.naming import CHECK_SUFFIX
from supa_assets.orchestration.export_metadata import (
    HAS_NO_KNOWN_HOLES,
    IS_COMPLETE,
    IS_ONE_SNAPSHOT,
)
from supa_assets.orchestration.io_manager import IO_MANAGER_KEY
from supa_assets.orchestration.resource import SUPABASE_KEY
from supa_assets.orchestration.step import EXPORT_STEP
from supa_assets_tests.support.dagster_runs import materializations, step_failure
from supa_assets_tests.support.project import Project

ODD_NAMES = [
    *sorted(DISALLOWED_NAMES),
    "export_all",
    "export_nightly",
    "export_is_complete",
    "restore_export",
    "restore_tables",
    "metadata",
    "supabase",
    "supa_json_io_manager",
    "io_manager",
    "one_snapshot_executor",
    "users",
    "Users",
    "Foo Bar",
    "a/b",
    "../x",
    "my-table",
    "my_table",
    "smile 😀",
    "ü",
    'quote"d',
    "percent%s",
    "select",
    "con",
    "__ASSET_JOB",
    "x" * 63,
    EXPORT_STEP,
    CHECK_SUFFIX,
    f"users_{CHECK_SUFFIX}",
    f"my_table_{CHECK_SUFFIX}",
    "export_metadata",
    *(f"export_metadata_{name}" for name in (IS_COMPLETE, IS_ONE_SNAPSHOT, HAS_NO_KNOWN_HOLES)),
]
"""Tables that meet names of Dagster's, of this project and of the outputs of its step."""


def test_the_graph_is_the_schemas_own(project: Project) -> None:
    repository = project.definitions().get_repository_def()
    graph = repository.asset_graph

    assert {key.to_user_string() for key in graph.get_all_asset_keys()} == {
        "organizations",
        "profiles",
        "badges",
        "event_logs",
        "export_metadata",
    }
    assert graph.get(dg.AssetKey("profiles")).parent_keys == {dg.AssetKey("organizations")}
    assert graph.get(dg.AssetKey("badges")).parent_keys == set()


def test_the_asset_of_the_export_closes_the_graph_and_has_its_own_checks(project: Project) -> None:
    graph = project.definitions().get_repository_def().asset_graph
    whole = graph.get(dg.AssetKey("export_metadata"))

    assert whole.parent_keys == {
        dg.AssetKey(name) for name in ("organizations", "profiles", "badges", "event_logs")
    }
    assert (whole.group_name, whole.kinds) == ("export", {"json"})
    assert "metadata.json" in (whole.description or "")
    checks = {node.key: node.blocking for node in graph.asset_check_nodes}
    assert checks == {
        **{
            dg.AssetCheckKey(dg.AssetKey(name), CHECK_SUFFIX): True
            for name in ("organizations", "profiles", "badges", "event_logs")
        },
        **{
            dg.AssetCheckKey(dg.AssetKey("export_metadata"), name): False
            for name in (IS_COMPLETE, IS_ONE_SNAPSHOT, HAS_NO_KNOWN_HOLES)
        },
    }


@pytest.mark.parametrize(
    "selection",
    [
        dg.AssetSelection.all(),
        dg.AssetSelection.all().without_checks(),
        dg.AssetSelection.assets("badges", "profiles"),
        dg.AssetSelection.assets("badges") | dg.AssetSelection.assets("export_metadata"),
        dg.AssetSelection.all_asset_checks(),
        dg.AssetSelection.checks(dg.AssetCheckKey(dg.AssetKey("badges"), CHECK_SUFFIX)),
    ],
    ids=["all", "without checks", "two tables", "with the whole", "checks", "one check"],
)
def test_whatever_is_selected_is_one_step(project: Project, selection: dg.AssetSelection) -> None:
    plan = create_execution_plan(project.job(selection))

    assert plan.step_keys_to_execute == [EXPORT_STEP]


def test_the_job_of_all_tables_is_one_step(project: Project) -> None:
    plan = create_execution_plan(project.definitions().resolve_job_def("export_all"))

    assert plan.step_keys_to_execute == [EXPORT_STEP]


def test_resources_have_names_of_their_own_and_no_executor_is_brought_along(
    project: Project,
) -> None:
    definitions = project.definitions()

    assert set(definitions.resources or {}) == {SUPABASE_KEY, IO_MANAGER_KEY}
    assert (SUPABASE_KEY, IO_MANAGER_KEY) == ("supabase", "supa_json_io_manager")
    assert definitions.executor is None
    (step,) = project.definitions().assets or ()
    assert isinstance(step, dg.AssetsDefinition)
    assert step.required_resource_keys >= {SUPABASE_KEY, IO_MANAGER_KEY}


def test_an_asset_says_what_the_catalogue_says(project: Project) -> None:
    (step,) = project.definitions().assets or ()
    assert isinstance(step, dg.AssetsDefinition)
    spec = step.get_asset_spec(dg.AssetKey("organizations"))

    assert spec.group_name == "public"
    assert spec.description == "Who pays."
    assert not spec.owners
    assert spec.kinds == {"supabase", "postgres", "json"}
    assert spec.metadata["dagster/table_name"] == "public.organizations"
    assert spec.metadata["dagster/uri"] == (project.output / "organizations.json").as_uri()
    columns = spec.metadata["dagster/column_schema"].columns
    assert [(column.name, column.type) for column in columns] == [
        ("id", "integer"),
        ("name", "text"),
        ("budget", "numeric(12,2)"),
    ]
    assert "primary key" in columns[0].constraints.other
    assert [column.constraints.nullable for column in columns] == [False, False, True]


@pytest.mark.slow
def test_tables_of_any_name_load_together_and_come_out(
    make_project: Callable[..., Project], instance: dg.DagsterInstance
) -> None:
    create = sql.SQL("CREATE TABLE {} (id int PRIMARY KEY); INSERT INTO {} VALUES ({});")
    statements = [
        create.format(sql.Identifier(name), sql.Identifier(name), sql.Literal(number)).as_string()
        for number, name in enumerate(ODD_NAMES)
    ]
    project = make_project("\n".join(statements))
    result = project.materialize(instance)

    assert result.success, step_failure(result)
    by_table = {entry.table: name for name, entry in project.entries().items()}
    assert set(by_table) == set(ODD_NAMES)
    for number, name in enumerate(ODD_NAMES):
        assert project.rows(by_table[name]) == [{"id": number}]
    assert set(by_table.values()) < set(materializations(instance, result.run_id))
    checks = {e.asset_key.path[-1]: e for e in result.get_asset_check_evaluations()}
    assert all(checks[name].passed for name in by_table.values())
    dg.Definitions.validate_loadable(project.definitions())


def test_a_schema_with_an_odd_name_is_a_group(make_project: Callable[..., Project]) -> None:
    project = make_project('CREATE SCHEMA "my-app"; CREATE TABLE "my-app".t (id int)')
    plan = project.plan(schemas=("my-app",))
    definitions = project.definitions(plan=plan)

    assets = {spec.key.to_user_string(): spec for spec in definitions.resolve_all_asset_specs()}
    (asset,) = [spec for name, spec in assets.items() if name != "export_metadata"]
    assert asset.group_name == "my_app"
    assert asset.metadata["dagster/table_name"] == "my-app.t"


def test_the_schedule_is_stopped_until_somebody_starts_it(project: Project) -> None:
    schedule = project.definitions().resolve_schedule_def("export_nightly")

    assert schedule.default_status is dg.DefaultScheduleStatus.STOPPED
    assert schedule.job_name == "export_all"


def test_launch_config_says_where_the_url_comes_from_and_shows_none(project: Project) -> None:
    job = project.definitions().resolve_job_def("export_all")

    with dg.DagsterInstance.ephemeral() as history:
        shown = str(history.create_run_for_job(job)) + str(job.run_config_schema)
    supabase = job.resource_defs["supabase"]
    config: Any = supabase.config_schema
    assert config.default_value["database_url"] is None
    field = config.as_field().config_type.fields["database_url"]
    assert "SUPABASE_DB_URL" in field.description
    assert project.password not in shown + str(config.default_value)


def test_a_database_without_tables_loads_and_has_nothing_to_export(
    make_project: Callable[..., Project], instance: dg.DagsterInstance
) -> None:
    project = make_project("SELECT 1")

    dg.Definitions.validate_loadable(project.definitions())
    with pytest.raises(SettingsError, match="no table to export"):
        project.run(instance)
