"""A code location's plan: read once, and carried along to the processes of its runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click
import dagster as dg
import pytest
from dagster._core.definitions.definitions_load_context import (
    DefinitionsLoadContext,
    DefinitionsLoadType,
)
from dagster._core.definitions.repository_definition import RepositoryLoadData

from supa_assets.errors import SettingsError, SourceError
from supa_assets.orchestration.load import (
    PLAN_KEY,
    carried_plan,
    carry_plan,
    load_definitions,
    load_plan,
    one_line_errors,
)
from supa_assets.settings import Settings
from supa_assets_tests.support.databases import Database
from supa_assets_tests.support.exports import plan_export_of, plan_table

PLAN = plan_export_of(plan_table("orders"))


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Callable[..., DefinitionsLoadContext]:
    """Begin to load a code location as Dagster does; with `carried`, in a process of one of its runs."""

    def begin(carried: DefinitionsLoadContext | None = None) -> DefinitionsLoadContext:
        if carried is None:
            context = DefinitionsLoadContext(DefinitionsLoadType.INITIALIZATION)
        else:
            context = DefinitionsLoadContext(
                DefinitionsLoadType.RECONSTRUCTION,
                RepositoryLoadData(
                    reconstruction_metadata=carried.get_pending_reconstruction_metadata()
                ),
            )
        monkeypatch.setattr(DefinitionsLoadContext, "_instance", context)
        return context

    return begin


def test_a_plan_is_carried_from_the_code_location_to_its_runs_and_to_no_other(
    load: Callable[..., DefinitionsLoadContext],
) -> None:
    first = load()
    carry_plan("mine", PLAN)
    assert carried_plan("mine") is None  # it is the one who reads
    load(carried=first)
    assert carried_plan("mine") == PLAN
    assert carried_plan("another's") is None


def test_a_run_has_its_plan_without_asking_the_database(
    load: Callable[..., DefinitionsLoadContext],
) -> None:
    first = load()
    carry_plan(PLAN_KEY, PLAN)
    again = load(carried=first)
    assert load_plan(Settings()) == PLAN  # these settings name no database
    load(carried=again)
    assert load_plan(Settings()) == PLAN  # nor does a process that a run's process begins


def test_a_code_location_reads_the_catalogue_once(
    load: Callable[..., DefinitionsLoadContext], database: Database, tmp_path: Path
) -> None:
    load()
    database.execute("CREATE TABLE orders (id int PRIMARY KEY)")
    settings = database.settings(state=tmp_path)
    plan = load_plan(settings)
    database.execute("CREATE TABLE items (id int PRIMARY KEY)")
    assert [table.name for table in plan.tables] == ["orders"]
    assert load_plan(settings) == plan


def test_definitions_are_built_once_for_a_catalogue_and_an_executor(
    load: Callable[..., DefinitionsLoadContext],
    database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SUPABASE_DB_URL", database.url)
    monkeypatch.setenv("SUPA_ASSETS_AUTH", "false")
    database.execute("CREATE TABLE orders (id int PRIMARY KEY)")
    load()
    definitions = load_definitions()

    assert load_definitions() is definitions
    assert load_definitions(executor=dg.in_process_executor).executor is dg.in_process_executor
    assert definitions.executor is None
    monkeypatch.delenv("SUPABASE_DB_URL")
    with pytest.raises(click.ClickException, match="SUPABASE_DB_URL is not set"):
        load_definitions()


def test_an_error_of_ours_is_one_for_dagsters_command_line() -> None:
    with (
        pytest.raises(click.ClickException, match="cannot connect\nHINT: start it"),
        one_line_errors(),
    ):
        raise SourceError("cannot connect", hint="start it")
    with pytest.raises(click.ClickException), one_line_errors():
        load_plan(Settings())
    with pytest.raises(SettingsError):
        load_plan(Settings())
