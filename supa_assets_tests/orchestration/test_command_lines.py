"""Dagster's own ways in: what its command lines do with the code location, and what they print when they can't."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.instance.ref import InstanceRef

from supa_assets.demo.server import EmbeddedServer
from supa_assets_tests.support.programs import REPOSITORY, make_checkout, run_program
from supa_assets_tests.support.project import Project, refuse_connections

pytestmark = pytest.mark.slow

MATERIALIZE = ("dagster", "asset", "materialize", "--select", "badges")
NOT_SET = "SUPABASE_DB_URL is not set\nHINT: set it to your project's connection string"


@pytest.mark.parametrize(
    "module", ["supa_assets", "supa_assets.definitions", "supa_assets.code_location"]
)
def test_materialize_finds_the_definitions_in(
    project: Project, tmp_path: Path, module: str
) -> None:
    done = run_program(*MATERIALIZE, "-m", module, folder=tmp_path, SUPA_ASSETS_AUTH="false")

    assert done.returncode == 0, done.stderr
    assert len(done.stderr + done.stdout) > 0
    assert (tmp_path / "migration-data" / "badges.json").exists()
    assert not (tmp_path / "migration-data" / "profiles.json").exists()


def test_one_variable_makes_the_bare_command_work(project: Project, tmp_path: Path) -> None:
    done = run_program(
        *MATERIALIZE,
        folder=tmp_path,
        DAGSTER_CLI_ASSET_MATERIALIZE_MODULE_NAME="supa_assets.definitions",
    )

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "migration-data" / "badges.json").exists()


@pytest.mark.parametrize(
    "command",
    [(*MATERIALIZE, "-m", "supa_assets.definitions"), ("dg", "launch", "--assets", "badges")],
    ids=["dagster asset materialize", "dg launch"],
)
def test_without_a_url_a_command_ends_with_one_line_and_a_hint(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    make_checkout(tmp_path)
    done = run_program(*command, folder=tmp_path, SUPABASE_DB_URL=None)

    assert done.returncode == 1
    assert NOT_SET in done.stderr
    assert "Traceback" not in done.stderr


def test_validate_passes_while_the_database_is_down_once_the_catalogue_was_read(
    project: Project, server: EmbeddedServer, tmp_path: Path
) -> None:
    make_checkout(tmp_path)
    validate = ("dagster", "definitions", "validate")
    assert run_program(*validate, folder=tmp_path).returncode == 0
    refuse_connections(project, server)
    done = run_program(*validate, folder=tmp_path)

    assert done.returncode == 0, done.stderr
    said = done.stdout + done.stderr
    assert "the database can't be reached, so its last known catalogue" in said
    assert project.password not in said


def test_validate_fails_with_the_reason_where_the_catalogue_was_never_read(
    project: Project, server: EmbeddedServer, tmp_path: Path
) -> None:
    make_checkout(tmp_path)
    refuse_connections(project, server)
    done = run_program("dagster", "definitions", "validate", folder=tmp_path)

    assert done.returncode == 1
    assert "ClickException: cannot connect to" in done.stdout
    assert "\nHINT: " in done.stdout
    assert project.password not in done.stdout + done.stderr


def test_history_outlives_the_command_without_dagster_home(
    project: Project, tmp_path: Path
) -> None:
    make_checkout(tmp_path)
    command = (*MATERIALIZE, "-m", "supa_assets.definitions")
    assert run_program(*command, folder=tmp_path, DAGSTER_HOME=None).returncode == 0

    ref = InstanceRef.from_dir(str(tmp_path), config_dir=str(tmp_path))
    with dg.DagsterInstance.from_ref(ref) as instance:
        event = instance.get_latest_materialization_event(dg.AssetKey("badges"))
    assert event is not None
    assert event.asset_materialization is not None
    assert event.asset_materialization.metadata["dagster/row_count"].value == 2


def test_workspace_yaml_is_enough_without_pyproject(project: Project, tmp_path: Path) -> None:
    shutil.copy(REPOSITORY / "workspace.yaml", tmp_path)
    done = run_program(
        "dagster", "definitions", "validate", "-w", "workspace.yaml", folder=tmp_path
    )

    assert done.returncode == 0, done.stdout


def test_the_deployed_dagster_yaml_keeps_the_history_in_postgres(
    project: Project, make_project: Callable[..., Project], tmp_path: Path
) -> None:
    history = make_project("SELECT 1")
    shutil.copy(REPOSITORY / "deploy" / "dagster.yaml", tmp_path / "home")
    done = run_program(
        *MATERIALIZE,
        "-m",
        "supa_assets.definitions",
        folder=tmp_path,
        SUPABASE_DB_URL=project.url,
        DAGSTER_POSTGRES_URL=history.url.replace("postgresql:", "postgresql+psycopg2:"),
    )

    assert done.returncode == 0, done.stderr
    assert history.fetch("SELECT status FROM runs") == ["SUCCESS"]
