"""What the tests of orchestration share: a database with its settings, plan and definitions."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import psycopg
from pydantic import SecretStr

from supa_assets.export.known_plan import read_or_recall_plan
from supa_assets.files.local_folder import INTERNAL_FOLDER, LocalFolder
from supa_assets.files.metadata import ExportMetadata, TableEntry
from supa_assets.files.publish import read_metadata
from supa_assets.naming import CHECK_SUFFIX
from supa_assets.orchestration.build import build_definitions
from supa_assets.orchestration.run import RunResult, run_export
from supa_assets.plan.export_plan import ExportPlan
from supa_assets.settings import Settings, load_settings
from supa_assets_tests.support.servers import Server

__all__ = ["SCHEMA", "Project", "check_step", "refuse_connections"]

APPLICATION_NAME = "supa-assets"

SCHEMA = """
CREATE TABLE organizations (id int PRIMARY KEY, name text NOT NULL, budget numeric(12,2));
CREATE TABLE profiles (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id int NOT NULL REFERENCES organizations,
    settings jsonb NOT NULL DEFAULT '{}'
);
CREATE TABLE badges (id int PRIMARY KEY, label text);
CREATE TABLE event_logs (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz NOT NULL, what text);
COMMENT ON TABLE organizations IS 'Who pays.';
INSERT INTO organizations SELECT n, 'Organization ' || n, n * 1.10 FROM generate_series(1, 20) n;
INSERT INTO profiles (organization_id) SELECT 1 + n % 20 FROM generate_series(1, 50) n;
INSERT INTO badges VALUES (1, 'first'), (2, NULL);
INSERT INTO event_logs (at, what) SELECT '2026-01-01 00:00:00+00'::timestamptz + n * interval '1 second', 'event'
FROM generate_series(1, 15000) n;
"""
"""Four tables: `profiles` references `organizations`, `event_logs` streams."""


@dataclass(frozen=True)
class Project:
    """A database, and the folder that its export goes to."""

    url: str
    superuser_url: str
    output: Path
    password: str

    def settings(self, **overrides: Any) -> Settings:
        return load_settings(
            output=self.output, auth=False, database_url=SecretStr(self.url), **overrides
        )

    def plan(self, **overrides: Any) -> ExportPlan:
        return read_or_recall_plan(self.settings(**overrides)).plan

    def definitions(self, *, plan: ExportPlan | None = None, **overrides: Any) -> dg.Definitions:
        return build_definitions(plan or self.plan(**overrides), self.settings(**overrides))

    def run(
        self, instance: dg.DagsterInstance, *, plan: ExportPlan | None = None, **options: Any
    ) -> RunResult:
        return run_export(self.settings(), plan or self.plan(), instance=instance, **options)

    def verify_job(self) -> dg.JobDefinition:
        """The checks alone, as the UI runs them."""
        jobs = [dg.define_asset_job("verify", selection=dg.AssetSelection.all_asset_checks())]
        both = dg.Definitions.merge(self.definitions(), dg.Definitions(jobs=jobs))
        return both.resolve_job_def("verify")

    def verify(self, instance: dg.DagsterInstance) -> dict[str, dg.AssetCheckEvaluation]:
        result = self.verify_job().execute_in_process(instance=instance, raise_on_error=False)
        return {e.asset_key.path[-1]: e for e in result.get_asset_check_evaluations()}

    def execute(self, statement: str) -> None:
        """As the superuser."""
        with psycopg.connect(self.superuser_url, autocommit=True) as connection:
            connection.execute(statement.encode())

    def fetch(self, query: str) -> list[Any]:
        """First column."""
        with psycopg.connect(self.superuser_url, autocommit=True) as connection:
            rows = connection.execute(query.encode()).fetchall()
        return [row[0] for row in rows]

    def open_transactions(self) -> int:
        """Connections of exports, besides those of other databases."""
        counts = self.fetch(
            "SELECT count(*) FROM pg_stat_activity"
            f" WHERE application_name = '{APPLICATION_NAME}' AND datname = current_database()"
        )
        return int(counts[0])

    def metadata(self) -> ExportMetadata | None:
        return read_metadata(LocalFolder(self.output)) if self.output.exists() else None

    def entries(self) -> dict[str, TableEntry]:
        metadata = self.metadata()
        return dict(metadata.tables) if metadata else {}

    def rows(self, name: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = json.loads((self.output / f"{name}.json").read_bytes())
        return rows

    def staged(self) -> list[Path]:
        """What runs left in their staging folders."""
        return [p for p in (self.output / INTERNAL_FOLDER).glob("*/*") if p.is_file()]

    def files(self) -> dict[str, bytes]:
        """What is published, byte by byte."""
        return {
            path.name: path.read_bytes()
            for path in self.output.iterdir()
            if path.is_file() and path.suffix == ".json"
        }


def check_step(name: str) -> str:
    return f"{name}_{CHECK_SUFFIX}"


def refuse_connections(project: Project, server: Server) -> None:
    """As a database that is down."""
    name = project.url.rsplit("/", 1)[1]
    with psycopg.connect(server.url(user=server.superuser), autocommit=True) as administrator:
        administrator.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false".encode())
