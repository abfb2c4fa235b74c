"""What the tests of orchestration share: a database with its settings, plan and definitions."""

from __future__ import annotations

import json
import os
import subprocess
import sys
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

APPLICATION_NAME = "supa-assets"


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


def run_program(
    *arguments: str, folder: Path, **environment: str | None
) -> subprocess.CompletedProcess[str]:
    """Run one of the venv's programs; a variable that is None is unset."""
    variables = {**os.environ, "PYTHONWARNINGS": "ignore", **environment}
    return subprocess.run(
        [Path(sys.executable).parent / arguments[0], *arguments[1:]],
        cwd=folder,
        env={name: value for name, value in variables.items() if value is not None},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
