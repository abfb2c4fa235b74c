"""Connections that are cut, cut short or stop; a server that is killed and comes back."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest

from supa_assets.demo.server import EmbeddedServer
from supa_assets_tests.support.interference import run_interfered
from supa_assets_tests.support.programs import run_program
from supa_assets_tests.support.project import SCHEMA, Project
from supa_assets_tests.support.proxy import (
    Fault,
    Proxy,
    cut_after,
    stall_once_after,
    truncate_after,
)

pytestmark = pytest.mark.slow

_BEFORE_THE_LAST_TABLE = 150_000
"""Bytes that a connection has had in the middle of `event_logs`, which alone makes a megabyte."""


def through(project: Project, proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> Project:
    address = proxy.lead(project.url)
    monkeypatch.setenv("SUPABASE_DB_URL", address)
    return replace(project, url=address)


@pytest.mark.parametrize("make_fault", [cut_after, truncate_after])
def test_a_connection_that_ends_in_the_middle_fails_the_run_and_the_earlier_export_is_intact(
    project: Project,
    server: EmbeddedServer,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
    make_fault: Callable[[int], Fault],
) -> None:
    fault = make_fault(_BEFORE_THE_LAST_TABLE)
    is_faulty = False
    with Proxy(server.port, lambda line, sent: not is_faulty or fault(line, sent)) as proxy:
        proxied = through(project, proxy, monkeypatch)
        assert proxied.run(instance).is_success
        before = project.files()
        is_faulty = True
        result = proxied.run(instance)
        staged, after = project.staged(), project.files()
        is_faulty = False
        assert proxied.run(instance).is_success

    assert not result.is_success
    error = str(result.tables["event_logs"].error)
    assert 'the connection was lost while reading "public.event_logs"' in error
    assert "\nHINT: " in error
    assert after == before
    assert staged == []


def test_a_connection_that_stops_for_a_while_is_waited_for(
    project: Project,
    server: EmbeddedServer,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fault = stall_once_after(_BEFORE_THE_LAST_TABLE, seconds=2)
    with Proxy(server.port, fault) as proxy:
        result = through(project, proxy, monkeypatch).run(instance)

    assert result.is_success
    assert project.entries()["event_logs"].row_count == 15_000


@pytest.fixture
def fragile_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    server = EmbeddedServer(tmp_path_factory.mktemp("fragile"))
    server.start()
    yield server
    server.remove()


def test_a_server_killed_in_the_middle_fails_the_run_and_when_it_is_back_a_retry_succeeds(
    project: Project,
    fragile_server: EmbeddedServer,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    superuser_url = fragile_server.url(user=fragile_server.superuser)
    fragile = Project(
        fragile_server.url(), superuser_url, tmp_path / "out", fragile_server.password
    )
    fragile.execute("GRANT CREATE ON SCHEMA public TO postgres;" + SCHEMA)
    monkeypatch.setenv("SUPABASE_DB_URL", fragile.url)
    assert fragile.run(instance).is_success
    before = fragile.files()
    plan = fragile.plan()

    result = run_interfered(fragile, instance, plan=plan, after={"badges": fragile_server.kill})

    assert not result.is_success
    assert "was lost" in (result.error or "")
    assert fragile.files() == before
    assert fragile.staged() == []
    fragile_server.start()
    assert fragile.run(instance).is_success


CUTTING = """
import os

import dagster as dg
import psycopg
import supa_assets
from supa_assets.orchestration.io_manager import IO_MANAGER_KEY, JsonFileIOManager

CUT = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE application_name = 'supa-assets' AND datname = current_database()"
)
ADD = "INSERT INTO profiles (organization_id) SELECT id FROM organizations LIMIT 1"
cut = []


class Cutting(JsonFileIOManager):
    def drain(self, run, table, on_progress):
        if table.name == "profiles" and len(cut) < int(os.environ["CUTS"]):
            cut.append(table.name)
            with psycopg.connect({superuser_url!r}, autocommit=True) as administrator:
                administrator.execute(CUT)
                administrator.execute(ADD)
        return super().drain(run, table, on_progress)


@dg.definitions
def defs():
    found = supa_assets.defs()
    files = Cutting(output=found.resources[IO_MANAGER_KEY].output)
    return dg.Definitions(
        assets=found.assets,
        jobs=found.jobs,
        resources={**found.resources, IO_MANAGER_KEY: files},
        executor=dg.in_process_executor,
    )
"""


def run_cutting(
    project: Project, folder: Path, *, cuts: int, retries: int
) -> subprocess.CompletedProcess[str]:
    """A run whose connections are cut at `profiles`, which has a row more then, in its first attempts."""
    url = repr(project.superuser_url)
    (folder / "cutting.py").write_text(CUTTING.replace("{superuser_url!r}", url))
    return run_program(
        *("dagster", "job", "execute", "-f", "cutting.py", "-j", "export_all"),
        folder=folder,
        CUTS=str(cuts),
        SUPA_ASSETS_AUTH="false",
        SUPA_ASSETS_OUTPUT=str(project.output),
        SUPA_ASSETS_RETRIES=str(retries),
        SUPA_ASSETS_RETRY_DELAY_S="0",
    )


def test_a_run_whose_connections_were_cut_is_tried_again_on_a_new_snapshot(
    project: Project, tmp_path: Path
) -> None:
    (before,) = project.fetch("SELECT count(*) FROM profiles")
    done = run_cutting(project, tmp_path, cuts=1, retries=1)

    assert done.returncode == 0, done.stderr
    assert done.stderr.count("STEP_RESTARTED") == 1
    entries = project.entries()
    assert len({entry.snapshot.id for entry in entries.values()}) == 1
    assert entries.keys() == {"badges", "event_logs", "organizations", "profiles"}
    assert entries["profiles"].row_count == before + 1
    assert project.staged() == []


@pytest.mark.parametrize("retries", [0, 1])
def test_a_run_that_was_tried_often_enough_fails_and_publishes_nothing(
    project: Project, tmp_path: Path, retries: int
) -> None:
    done = run_cutting(project, tmp_path, cuts=retries + 1, retries=retries)

    assert done.returncode != 0
    assert done.stderr.count("STEP_RESTARTED") == retries
    assert "the connection that holds the run's snapshot was lost" in done.stderr
    assert project.entries() == {}
    assert project.staged() == []
