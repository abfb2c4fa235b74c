"""Fixtures: a small Supabase project on a real server, and a real Dagster instance in a folder of its own."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import psycopg
import pytest
from psycopg import sql

from supa_assets.demo.server import EmbeddedServer
from supa_assets_tests.support.project import SCHEMA, Project

__all__ = ["instance", "make_project", "project"]


@pytest.fixture
def make_project(
    server: EmbeddedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Project]]:
    """Make a database from SQL, and settings, output folder and Dagster instance for it."""
    names: list[str] = []
    monkeypatch.chdir(tmp_path)
    home = tmp_path / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    monkeypatch.setenv("SUPA_ASSETS_STATE", str(tmp_path / "state"))
    with psycopg.connect(server.url(user=server.superuser), autocommit=True) as administrator:

        def make(schema: str = SCHEMA, *, user: str = "postgres") -> Project:
            name = f"test_{uuid.uuid4().hex[:12]}"
            names.append(name)
            administrator.execute(
                sql.SQL("CREATE DATABASE {} OWNER postgres").format(sql.Identifier(name))
            )
            superuser_url = server.url(name, user=server.superuser)
            with psycopg.connect(superuser_url, autocommit=True) as connection:
                connection.execute(schema)
            url = server.url(name, user=user)
            monkeypatch.setenv("SUPABASE_DB_URL", url)
            return Project(url, superuser_url, tmp_path / "out", server.password)

        yield make
        for name in names:
            administrator.execute(
                sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name))
            )


@pytest.fixture
def project(make_project: Callable[..., Project]) -> Project:
    """With the tables of `SCHEMA`."""
    return make_project()


@pytest.fixture
def instance(make_project: Callable[..., Project]) -> Iterator[dg.DagsterInstance]:
    """The instance of DAGSTER_HOME."""
    with dg.DagsterInstance.get() as instance:
        yield instance
