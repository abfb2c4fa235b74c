"""Behind a pooler: in session mode and in transaction mode, as Supabase offers both."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import quote

import dagster as dg
import pytest

from supa_assets.demo.server import EmbeddedServer
from supa_assets.errors import SourceError
from supa_assets.export.doctor import run_doctor
from supa_assets.export.source import SourceDatabase
from supa_assets_tests.support.pgbouncer import PROGRAM, pgbouncer
from supa_assets_tests.support.project import Project

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PROGRAM.exists(), reason="Debian's package pgbouncer is not installed"),
]


def behind(project: Project, port: int, monkeypatch: pytest.MonkeyPatch) -> Project:
    name = project.url.rpartition("/")[2]
    url = f"postgresql://postgres:{quote(project.password, safe='')}@127.0.0.1:{port}/{name}"
    monkeypatch.setenv("SUPABASE_DB_URL", url)
    return replace(project, url=url)


@pytest.mark.parametrize("mode", ["session", "transaction"])
def test_an_export_behind_a_pooler_is_whole_and_of_one_snapshot(
    project: Project,
    server: EmbeddedServer,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
    mode: str,
) -> None:
    with pgbouncer(server.port, server.password, mode=mode) as port:
        pooled = behind(project, port, monkeypatch)
        result = pooled.run(instance)

        assert result.is_success, result.error
        metadata = pooled.metadata()
        assert metadata is not None
        assert metadata.is_one_snapshot
        assert metadata.tables["event_logs"].row_count == 15_000
        assert project.open_transactions() == 0 or mode == "transaction"


@pytest.mark.parametrize("mode", ["session", "transaction"])
def test_the_pinned_settings_do_not_outlive_the_transaction_on_a_pooled_connection(
    project: Project, server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    with pgbouncer(server.port, server.password, mode=mode, pool_size=1) as port:
        database = SourceDatabase(behind(project, port, monkeypatch).settings())
        database.read_plan()
        with database.open_session() as session:
            session.connection.rollback()
            row = session.connection.execute(
                "SELECT current_setting('row_security'), current_setting('jit')"
            ).fetchone()
        assert row == ("on", "on")


@pytest.mark.parametrize("mode", ["session", "transaction"])
def test_the_doctor_tells_the_poolers_mode(
    project: Project, server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    with pgbouncer(server.port, server.password, mode=mode) as port:
        doctor = run_doctor(behind(project, port, monkeypatch).settings())

    found = {finding.subject: finding for finding in doctor.findings}
    assert found["pooler"].text.startswith(f"{mode} mode")
    assert doctor.is_well, doctor.findings


def test_a_pool_that_is_exhausted_is_named_with_what_to_change(
    project: Project, server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pgbouncer(server.port, server.password, mode="session", pool_size=1) as port:
        database = SourceDatabase(behind(project, port, monkeypatch).settings())
        with (
            database.hold_snapshot() as hold,
            pytest.raises(SourceError) as caught,
        ):
            database.check_joinable(hold.snapshot)

    assert "pool size" in (caught.value.hint or "")
