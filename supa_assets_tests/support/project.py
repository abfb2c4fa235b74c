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
from supa_assets.orchestration.build import build_definitions
from supa_assets.orchestration.io_manager import IO_MANAGER_KEY, JsonFileIOManager
from supa_assets.orchestration.run import RunResult, run_export
from supa_assets.orchestration.step import EXPORT_STEP
from supa_assets.plan.export_plan import ExportPlan
from supa_assets.settings import Settings, load_settings
from supa_assets_tests.support.servers import Server

__all__ = ["SCHEMA", "Project", "refuse_connections"]

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

    def definitions(
        self,
        *,
        plan: ExportPlan | None = None,
        files: type[JsonFileIOManager] | None = None,
        **overrides: Any,
    ) -> dg.Definitions:
        """As a code location has them whose environment holds these settings; `files` is an IO manager of a test's."""
        settings = self.settings(**overrides)
        given = settings.values(only_given=True, as_json=True)
        built = build_definitions(
            plan or self.plan(**overrides),
            settings,
            overrides={name: value for name, value in given.items() if name != "database_url"},
        )
        if files is None:
            return built
        resources = {**(built.resources or {}), IO_MANAGER_KEY: files(output=str(self.output))}
        return dg.Definitions(
            assets=built.assets, jobs=built.jobs, schedules=built.schedules, resources=resources
        )

    def job(
        self,
        selection: dg.AssetSelection | None = None,
        *,
        beside: dg.Definitions | None = None,
        **options: Any,
    ) -> dg.JobDefinition:
        """Of what is selected, with what stands `beside` the definitions there; everything by default."""
        chosen = dg.define_asset_job("chosen", selection=selection or dg.AssetSelection.all())
        merged = dg.Definitions.merge(
            self.definitions(**options), beside or dg.Definitions(), dg.Definitions(jobs=[chosen])
        )
        return merged.resolve_job_def("chosen")

    def materialize(
        self,
        instance: dg.DagsterInstance,
        selection: dg.AssetSelection | None = None,
        *,
        keep_going: bool = True,
        **options: Any,
    ) -> dg.ExecuteInProcessResult:
        """Run a job of this project, as the UI would."""
        return self.job(selection, **options).execute_in_process(
            instance=instance,
            run_config={"ops": {EXPORT_STEP: {"config": {"keep_going": keep_going}}}},
            raise_on_error=False,
        )

    def run(
        self, instance: dg.DagsterInstance, *, plan: ExportPlan | None = None, **options: Any
    ) -> RunResult:
        """As the command line exports."""
        return run_export(self.settings(), plan or self.plan(), instance=instance, **options)

    def verify_job(self) -> dg.JobDefinition:
        """The checks alone, as the UI runs them."""
        return self.job(dg.AssetSelection.all_asset_checks())

    def verify(self, instance: dg.DagsterInstance) -> dict[str, dg.AssetCheckEvaluation]:
        """What the checks of the tables say, by asset name."""
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


def refuse_connections(project: Project, server: Server) -> None:
    """As a database that is down."""
    name = project.url.rsplit("/", 1)[1]
    with psycopg.connect(server.url(user=server.superuser), autocommit=True) as administrator:
        administrator.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false".encode())
