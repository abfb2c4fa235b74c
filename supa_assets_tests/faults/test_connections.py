"""Connections that are cut, cut short or stop; a server that is killed and comes back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import dagster as dg
import psycopg
import pytest

from supa_assets.demo.server import EmbeddedServer
from supa_assets.orchestration.executor import observing_events
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
    url = psycopg.conninfo.conninfo_to_dict(project.url)
    address = (
        f"postgresql://{url['user']}:{project.password}@127.0.0.1:{proxy.port}/{url['dbname']}"
    )
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
    project.run(instance)
    before = project.files()
    with Proxy(server.port, make_fault(_BEFORE_THE_LAST_TABLE)) as proxy:
        result = through(project, proxy, monkeypatch).run(instance)

    assert not result.is_success
    error = result.tables["event_logs"].error or ""
    assert 'the connection was lost while reading "public.event_logs"' in error
    assert "\nHINT: " in error
    assert project.files() == before
    assert project.staged() == []
    monkeypatch.setenv("SUPABASE_DB_URL", project.url)
    assert project.run(instance).is_success


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

    def kill(_: str, event: dg.DagsterEvent) -> None:
        if event.is_step_success and event.step_key == "badges":
            fragile_server.kill()

    with observing_events(kill):
        result = fragile.run(instance, plan=plan)

    assert not result.is_success
    told = " ".join(filter(None, [result.error, *(t.error for t in result.tables.values())]))
    assert "was lost" in told
    assert fragile.files() == before
    assert fragile.staged() == []
    fragile_server.start()
    assert fragile.run(instance).is_success


RETRYING = """
import contextlib

import dagster as dg
import psycopg
import supa_assets
from supa_assets.export.source import SourceSession

stream, cut = SourceSession.stream, []


def stream_once_cut(self, table):
    if table.name == "profiles" and not cut:
        cut.append(table.name)
        with contextlib.suppress(psycopg.Error):
            self.connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        with psycopg.connect({superuser_url!r}) as writer:
            writer.execute("INSERT INTO profiles (organization_id) SELECT id FROM organizations LIMIT 1")
    return stream(self, table)


SourceSession.stream = stream_once_cut


@dg.definitions
def defs():
    retrying = dg.define_asset_job("retrying", op_retry_policy=dg.RetryPolicy(max_retries=1))
    return dg.Definitions.merge(supa_assets.defs(), dg.Definitions(jobs=[retrying]))
"""


def test_a_step_that_dagster_tries_again_reads_the_same_snapshot(
    project: Project, tmp_path: Path
) -> None:
    (tmp_path / "retrying.py").write_text(
        RETRYING.replace("{superuser_url!r}", repr(project.superuser_url))
    )
    before = project.fetch("SELECT count(*) FROM profiles")
    done = run_program(
        "dagster", "job", "execute", "-f", "retrying.py", "-j", "retrying",
        folder=tmp_path, SUPA_ASSETS_AUTH="false", SUPA_ASSETS_OUTPUT=str(project.output),
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert "STEP_RESTARTED" in done.stderr
    entries = project.entries()
    assert len({entry.snapshot.id for entry in entries.values()}) == 1
    assert [entries["profiles"].row_count] == before
