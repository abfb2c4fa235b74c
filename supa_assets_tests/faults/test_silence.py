"""Lines that stay open and deliver nothing any more: an export says so and ends, and at once when it is told to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import psycopg
import pytest

from supa_assets import export_database
from supa_assets.demo.server import EmbeddedServer
from supa_assets.errors import SourceError
from supa_assets_tests.support.databases import new_database
from supa_assets_tests.support.executors import EXECUTORS, begin_run
from supa_assets_tests.support.programs import run_program
from supa_assets_tests.support.project import Project
from supa_assets_tests.support.proxy import Proxy, silence_after
from supa_assets_tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

_NEVER = 10**9
_IN_THE_MIDDLE = 150_000
"""Bytes that a connection has had in the middle of `event_logs`, which alone makes a megabyte."""
_SECONDS = 20
"""In which a program that was told to end has ended; it takes two or three, and longer on a busy machine."""


@pytest.fixture
def proxy(server: EmbeddedServer) -> Iterator[Proxy]:
    """Nothing is wrong with it until a test says so."""
    with Proxy(server.port, silence_after(_NEVER)) as proxy:
        yield proxy


# By itself


@pytest.mark.parametrize(
    ("hushing", "doing"),
    [
        (b"pg_catalog.pg_attribute", "reading the catalogue"),
        (b"LOCK TABLE", "reading the catalogue"),
        (b"count(*), ARRAY", 'reading "public.badges"'),
    ],
)
def test_an_export_whose_line_falls_silent_ends_with_an_error_that_says_where(
    project: Project, proxy: Proxy, caplog: pytest.LogCaptureFixture, hushing: bytes, doing: str
) -> None:
    proxy.hushing = hushing
    with pytest.raises(SourceError) as raised:
        export(project, proxy)
    assert raised.value.message.startswith(f"the connection was lost while {doing}: nothing came")
    assert "silence_limit_s" in str(raised.value.hint)
    assert "no answer from the server for " in caplog.text
    assert project.entries() == {}
    assert project.staged() == []
    wait_until(lambda: project.open_transactions() == 0)


def test_each_of_several_streams_may_fall_silent_in_the_middle_of_a_chunk(
    project: Project, server: EmbeddedServer
) -> None:
    with (
        Proxy(server.port, silence_after(_IN_THE_MIDDLE)) as proxy,
        pytest.raises(SourceError, match=r'while reading "public.event_logs": nothing came'),
    ):
        export(project, proxy, streams=2)
    assert project.entries() == {}


def test_the_connection_that_holds_the_snapshot_may_fall_silent(
    project: Project, proxy: Proxy
) -> None:
    proxy.hushing = b"SELECT 1\0"
    with pytest.raises(SourceError, match=r"that holds the run's snapshot was lost: nothing came"):
        export(project, proxy)
    assert project.entries() == {}


def test_a_server_that_takes_a_connection_and_says_nothing_is_given_up(
    project: Project, proxy: Proxy
) -> None:
    proxy.is_deaf = True
    with pytest.raises(SourceError, match=r"cannot connect to .* timeout expired"):
        export(project, proxy)


def test_a_server_at_work_is_waited_for_beyond_the_limit_and_the_user_is_told(
    project: Project, tmp_path: Path
) -> None:
    said = "the server is still at work on it"
    log = tmp_path / "migration-data" / "export.log"

    def let_it_go_on() -> None:
        wait_until(lambda: log.exists() and said in log.read_text(), timeout_s=60)
        blocker.rollback()

    with psycopg.connect(project.superuser_url) as blocker:
        blocker.execute("REINDEX INDEX profiles_pkey")  # nobody plans a query of it meanwhile
        threading.Thread(target=let_it_go_on).start()
        done = run_program(
            *("supa-assets", "export", "--skip-auth"),
            folder=tmp_path,
            SUPA_ASSETS_LOCK_TIMEOUT_S="120",
            SUPA_ASSETS_SILENCE_LIMIT_S="1",
        )
    assert done.returncode == 0, done.stderr
    assert f' s while reading "public.profiles"; {said}' in done.stderr
    told = [line for line in done.stderr.splitlines() if "profiles" in line]
    assert len(told) == len(set(told))


def export(project: Project, proxy: Proxy, **settings: Any) -> None:
    export_database(
        url=proxy.lead(project.url),
        output=project.output,
        auth=False,
        silence_limit_s=1,
        connect_timeout_s=2,
        **settings,
    )


def test_dagsters_event_log_tells_of_the_silence_and_then_of_the_error(
    project: Project,
    server: EmbeddedServer,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Proxy(server.port, silence_after(_IN_THE_MIDDLE)) as proxy:
        silent = replace(project, url=proxy.lead(project.url))
        monkeypatch.setenv("SUPABASE_DB_URL", silent.url)
        result = silent.materialize(instance, silence_limit_s=1, retries=0)
    assert not result.success
    messages = [entry.user_message for entry in instance.all_logs(result.run_id)]
    assert any("no answer from the server for " in message for message in messages)
    failed = [message for message in messages if "the connection was lost while reading" in message]
    assert 'table "event_logs"' in failed[0]
    assert project.entries().keys() <= {"badges", "organizations", "profiles"}


# Told to end


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("hushing", [b"pg_catalog.pg_attribute", b"count(*), ARRAY", None])
def test_a_signal_ends_an_export_whose_line_is_silent(
    project: Project,
    server: EmbeddedServer,
    tmp_path: Path,
    signal_number: signal.Signals,
    hushing: bytes | None,
) -> None:
    silent_after = _NEVER if hushing else _IN_THE_MIDDLE
    with Proxy(server.port, silence_after(silent_after)) as proxy:
        proxy.hushing = hushing
        url = proxy.lead(project.url)
        with program("export", "--skip-auth", folder=tmp_path, SUPABASE_DB_URL=url) as process:
            end_in_silence(process, proxy, signal_number)
        wait_until(lambda: project.open_transactions() == 0)
    assert not (tmp_path / "migration-data" / "metadata.json").exists()


@pytest.mark.parametrize("is_deaf", [True, False], ids=["connecting", "writing"])
def test_a_signal_ends_a_restore_whose_line_is_silent(
    project: Project, server: EmbeddedServer, proxy: Proxy, tmp_path: Path, is_deaf: bool
) -> None:
    done = run_program("supa-assets", "export", "--skip-auth", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    proxy.is_deaf = is_deaf
    proxy.hushing = b"INSERT INTO"
    with new_database(server) as target:
        url = proxy.lead(target.superuser_url)
        command = ("restore", "--create", "--yes")
        with program(*command, folder=tmp_path, SUPA_ASSETS_TARGET_URL=url) as process:
            end_in_silence(process, proxy, signal.SIGTERM)
        wait_until(
            lambda: (
                target.fetch("SELECT FROM pg_stat_activity WHERE datname = current_database()")
                == [()]
            )
        )


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_signal_ends_a_run_of_dagsters_whose_line_is_silent(
    project: Project,
    server: EmbeddedServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    executor: str,
) -> None:
    with Proxy(server.port, silence_after(_IN_THE_MIDDLE)) as proxy:
        monkeypatch.setenv("SUPABASE_DB_URL", proxy.lead(project.url))
        with begin_run(project, EXECUTORS[executor], folder=tmp_path) as run:
            wait_until(proxy.has_silent_line, timeout_s=90)
            proxy.is_deaf = True
            run.process.send_signal(signal.SIGTERM)
            assert run.wait(timeout_s=2 * _SECONDS) != 0
        wait_until(lambda: project.open_transactions() == 0)
    assert project.entries() == {}


@contextmanager
def program(*arguments: str, folder: Path, **environment: str) -> Iterator[subprocess.Popen[str]]:
    code = "from supa_assets.cli.main import main; main()"
    with subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        cwd=folder,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def end_in_silence(
    process: subprocess.Popen[str], proxy: Proxy, signal_number: signal.Signals
) -> None:
    """Also the connections that would cancel get no answer."""
    wait_until(proxy.has_silent_line, timeout_s=60)
    proxy.is_deaf = True
    process.send_signal(signal_number)
    output, _ = process.communicate(timeout=_SECONDS)
    assert process.returncode == 130, output
    assert "interrupted" in output
    assert "Traceback" not in output
