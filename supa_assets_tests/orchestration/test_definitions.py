"""The graph that Dagster loads, whatever the tables are called."""

from __future__ import annotations

from collections.abc import Callable

import dagster as dg
import pytest
from dagster._core.definitions.utils import DISALLOWED_NAMES
from psycopg import sql

from supa_assets.errors import SettingsError
from supa_assets.naming import CHECK_SUFFIX
from supa_assets_tests.support.project import Project, check_step

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
    CHECK_SUFFIX,
    check_step("users"),
    check_step("my_table"),
]


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


def test_an_asset_says_what_the_catalogue_says(project: Project) -> None:
    spec = project.definitions().resolve_assets_def("organizations").get_asset_spec()

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
    result = project.run(instance)

    assert result.is_success, {t.name: t.error for t in result.tables.values() if t.error}
    by_table = {entry.table: name for name, entry in project.entries().items()}
    assert set(by_table) == set(ODD_NAMES)
    for number, name in enumerate(ODD_NAMES):
        assert project.rows(by_table[name]) == [{"id": number}]
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


def test_launch_config_shows_where_the_url_comes_from_and_not_the_url(project: Project) -> None:
    job = project.definitions().resolve_job_def("export_all")

    shown = str(dg.DagsterInstance.ephemeral().create_run_for_job(job)) + str(job.run_config_schema)
    config = job.resource_defs["supabase"].config_schema.default_value
    assert config["database_url"] == {"env": "SUPABASE_DB_URL"}
    assert project.password not in shown


def test_a_database_without_tables_loads_and_has_nothing_to_export(
    make_project: Callable[..., Project], instance: dg.DagsterInstance
) -> None:
    project = make_project("SELECT 1")

    dg.Definitions.validate_loadable(project.definitions())
    with pytest.raises(SettingsError, match="no table to export"):
        project.run(instance)
