"""Checks that are run alone: on what is published, without the database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from supa_assets.demo.server import EmbeddedServer
from supa_assets.naming import CHECK_SUFFIX
from supa_assets.orchestration.export_metadata import (
    EXPORT_KEY,
    HAS_NO_KNOWN_HOLES,
    IS_COMPLETE,
    IS_ONE_SNAPSHOT,
)
from supa_assets.orchestration.failures import failures
from supa_assets.orchestration.io_manager import JsonFileIOManager
from supa_assets.orchestration.step import EXPORT_STEP
from supa_assets.orchestration.verification import verify_export, verify_tables
from supa_assets_tests.support.dagster_runs import (
    evaluations,
    materializations,
    metadata_of,
    step_failure,
)
from supa_assets_tests.support.exports import (
    edit,
    export,
    new_folder,
    plan_export_of,
    plan_table,
    some_rows,
)
from supa_assets_tests.support.project import Project, refuse_connections
from supa_assets_tests.support.steps import run_in_step

TABLES = ["badges", "event_logs", "organizations", "profiles"]
OF_THE_EXPORT = [IS_COMPLETE, IS_ONE_SNAPSHOT, HAS_NO_KNOWN_HOLES]


def check_of(name: str) -> dg.AssetSelection:
    return dg.AssetSelection.checks(dg.AssetCheckKey(dg.AssetKey(name), CHECK_SUFFIX))


def test_checks_pass_alone_while_the_database_is_down_and_no_url_is_set(
    project: Project,
    server: EmbeddedServer,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    exported = project.run(instance)
    before = project.files()
    job = project.verify_job()
    monkeypatch.delenv("SUPABASE_DB_URL")
    refuse_connections(project, server)
    result = job.execute_in_process(instance=instance, raise_on_error=False)

    assert result.success, step_failure(result)
    assert {e.step_key for e in result.all_events if e.is_step_event} == {EXPORT_STEP}
    checks = evaluations(instance, result.run_id)
    assert set(checks) == {*TABLES, *OF_THE_EXPORT}
    assert all(check.passed for check in checks.values())
    assert [check.blocking for name, check in checks.items() if name in TABLES] == [True] * 4
    assert not any(checks[name].blocking for name in OF_THE_EXPORT)
    assert metadata_of(checks["badges"])["run_id"] == exported.run_id
    assert materializations(instance, result.run_id) == {}
    assert project.files() == before


@pytest.mark.slow
def test_one_check_alone_reads_its_file_and_no_other(
    project: Project, instance: dg.DagsterInstance
) -> None:
    project.run(instance)
    (project.output / "profiles.json").unlink()
    result = project.materialize(instance, check_of("badges"))

    assert result.success
    assert list(evaluations(instance, result.run_id)) == ["badges"]
    assert materializations(instance, result.run_id) == {}


@pytest.mark.slow
def test_a_check_of_a_table_that_was_never_exported_fails_the_step_after_all_the_others(
    project: Project, instance: dg.DagsterInstance
) -> None:
    project.run(instance, select=["organizations", "profiles"])
    result = project.materialize(instance, dg.AssetSelection.all_asset_checks())

    assert not result.success
    checks = evaluations(instance, result.run_id)
    assert set(checks) == {"organizations", "profiles", *OF_THE_EXPORT}
    assert checks["organizations"].passed
    assert not checks[IS_COMPLETE].passed
    said = step_failure(result)
    assert said.startswith("2 of 4 checks could not be made: ")
    assert 'holds no export of "badges"' in said
    assert 'holds no export of "event_logs"' in said
    assert "\nHINT: materialize the asset first" in said


@pytest.mark.slow
def test_where_nothing_was_exported_no_check_passes(
    project: Project, instance: dg.DagsterInstance
) -> None:
    for selection in (dg.AssetSelection.all_asset_checks(), check_of("badges")):
        result = project.materialize(instance, selection)

        assert not result.success
        assert evaluations(instance, result.run_id) == {}
        assert "holds no export" in step_failure(result)


@pytest.mark.slow
def test_a_fault_that_a_check_finds_fails_the_run_and_the_others_are_made(
    project: Project, instance: dg.DagsterInstance
) -> None:
    project.run(instance)
    edit(project.output / "badges.json", lambda data: data.replace(b"first", b"worst"))
    result = project.materialize(instance, dg.AssetSelection.all_asset_checks())

    assert not result.success
    checks = evaluations(instance, result.run_id)
    assert [name for name, check in checks.items() if not check.passed] == ["badges"]
    assert set(checks) == {*TABLES, *OF_THE_EXPORT}


@pytest.mark.slow
def test_the_asset_of_the_export_alone_tells_of_what_is_published(
    project: Project, instance: dg.DagsterInstance
) -> None:
    project.run(instance)
    before = project.files()
    result = project.materialize(
        instance, dg.AssetSelection.assets("export_metadata").without_checks()
    )

    assert result.success
    told = materializations(instance, result.run_id)
    assert list(told) == ["export_metadata"]
    assert metadata_of(told["export_metadata"])["rows"] == 15_072
    assert evaluations(instance, result.run_id) == {}
    assert project.files() == before


# Without a project


def verify(
    folder: Path, selection: dg.AssetSelection, history: dg.DagsterInstance
) -> dg.ExecuteInProcessResult:
    """What the step does about checks, in a step that can do nothing else."""
    plan = plan_export_of(plan_table("orders"), plan_table("items"))
    files = JsonFileIOManager(output=str(folder))

    def checks(context: dg.AssetExecutionContext) -> Iterator[Any]:
        with failures():
            yield from verify_export(context, files, plan)
            yield from verify_tables(context, files, plan)

    return run_in_step(checks, plan=plan, files=files, instance=history, selection=selection)


@pytest.fixture
def history() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as history:
        yield history


def test_what_is_not_selected_is_not_looked_at(tmp_path: Path, history: dg.DagsterInstance) -> None:
    export(new_folder(tmp_path), "run", {"orders": some_rows(2)})
    of_orders = verify(tmp_path, check_of("orders"), history)
    complete = dg.AssetSelection.checks(dg.AssetCheckKey(EXPORT_KEY, IS_COMPLETE))
    of_the_whole = verify(tmp_path, complete, history)

    assert of_orders.success
    assert list(evaluations(history, of_orders.run_id)) == ["orders"]
    (check,) = evaluations(history, of_the_whole.run_id).values()
    assert (check.check_name, check.passed) == (IS_COMPLETE, False)
    assert check.description == '"public.items" is missing: it was not exported yet'


def test_the_one_check_that_could_not_be_made_says_so_in_its_own_words(
    tmp_path: Path, history: dg.DagsterInstance
) -> None:
    export(new_folder(tmp_path), "run", {"orders": some_rows(2)})
    result = verify(tmp_path, check_of("items"), history)

    assert not result.success
    assert step_failure(result).startswith(f'"{tmp_path}" holds no export of "items"\nHINT: ')
    assert evaluations(history, result.run_id) == {}


@pytest.mark.parametrize(
    ("found", "instead", "message"),
    [
        (
            b'"importOrder": [',
            b'"importOrder": [{"table": "x", "level": 0}, ',
            'importOrder has "x"',
        ),
        (b'"tables": {', b'"tables": {}, "tables": {', 'the key "tables" twice'),
        (b'"rowCount": 2', b'"rowCount": -2', "tables.orders.rowCount: "),
        (b"{", b"[" * 100_000, "it nests too deeply"),
    ],
)
def test_of_a_damaged_export_every_check_says_what_is_wrong_and_none_passes(
    tmp_path: Path, history: dg.DagsterInstance, found: bytes, instead: bytes, message: str
) -> None:
    export(new_folder(tmp_path), "run", {"orders": some_rows(2), "items": []})
    edit(tmp_path / "metadata.json", lambda data: data.replace(found, instead, 1))
    for selection in (check_of("orders"), dg.AssetSelection.all_asset_checks()):
        result = verify(tmp_path, selection, history)
        assert not result.success
        assert message in step_failure(result)
        assert len(step_failure(result)) < 2_000
        assert evaluations(history, result.run_id) == {}
