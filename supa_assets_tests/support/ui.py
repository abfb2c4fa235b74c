"""Dagster's UI on a free port, spoken to by GraphQL as its pages do."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from supa_assets.orchestration.export_metadata import EXPORT_ASSET
from supa_assets_tests.support.executors import export_settings
from supa_assets_tests.support.project import Project

__all__ = ["Ui", "dagster_dev"]

_PROGRAMS = Path(sys.executable).parent


class Ui:
    """A program that serves the UI, and stops when this is closed."""

    def __init__(
        self, command: Sequence[str], *, folder: Path, log: Path, environment: Mapping[str, str]
    ) -> None:
        """Start the `command`, one of the venv's programs, in the folder, and wait until it has loaded assets."""
        port = _free_port()
        self.address = f"http://127.0.0.1:{port}"
        self._log = log.open("wb")
        self._process = subprocess.Popen(
            [_PROGRAMS / command[0], *command[1:], "--port", str(port)],
            cwd=folder,
            env=dict(environment),
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )
        self._wait_until_loaded(log)

    def close(self) -> None:
        os.killpg(self._process.pid, signal.SIGINT)
        try:
            self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._log.close()

    def ask(self, query: str, **variables: Any) -> Any:
        request = urllib.request.Request(
            f"{self.address}/graphql",
            data=json.dumps({"query": query, "variables": variables}).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as response:
            answer = json.load(response)
        assert "errors" not in answer, answer
        return answer["data"]

    def asset_names(self) -> set[str]:
        """Those of the loaded definitions."""
        nodes = self.ask("{ assetNodes { assetKey { path } } }")["assetNodes"]
        return {node["assetKey"]["path"][-1] for node in nodes}

    def launch_all(self) -> str:
        """What the button "Materialize all" sends; gives the run's id."""
        nodes = self.ask(
            "{ assetNodes { assetKey { path } jobNames repository { name location { name } } } }"
        )["assetNodes"]
        repository = nodes[0]["repository"]
        launched = self.ask(
            """mutation Launch($params: ExecutionParams!) {
                 launchPipelineExecution(executionParams: $params) {
                   __typename
                   ... on LaunchRunSuccess { run { runId } }
                   ... on PythonError { message }
                 } }""",
            params={
                "mode": "default",
                "runConfigData": "{}",
                "selector": {
                    "repositoryName": repository["name"],
                    "repositoryLocationName": repository["location"]["name"],
                    "pipelineName": "__ASSET_JOB",
                    "assetSelection": [{"path": node["assetKey"]["path"]} for node in nodes],
                },
            },
        )["launchPipelineExecution"]
        assert launched["__typename"] == "LaunchRunSuccess", launched
        return str(launched["run"]["runId"])

    def terminate(self, run_id: str) -> None:
        """What the button "Terminate" sends."""
        answer = self.ask(
            """mutation Terminate($id: String!) {
                 terminateRun(runId: $id) { __typename ... on TerminateRunFailure { message } } }""",
            id=run_id,
        )["terminateRun"]
        assert answer["__typename"] == "TerminateRunSuccess", answer

    def wait_for_end(self, run_id: str) -> str:
        """The run's status then."""
        query = "query Status($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"
        deadline = time.monotonic() + 180
        while time.monotonic() < deadline:
            status = str(self.ask(query, id=run_id)["runOrError"]["status"])
            if status in {"SUCCESS", "FAILURE", "CANCELED"}:
                return status
            time.sleep(0.5)
        pytest.fail("the run did not end")

    def row_counts(self) -> dict[str, int]:
        """Of each table among the loaded definitions, what its latest materialization says."""
        return {name: self.row_count(name) for name in self.asset_names() - {EXPORT_ASSET}}

    def row_count(self, name: str, *, run_id: str | None = None) -> int:
        """What the page of the asset shows, whether the definitions know it or not."""
        asset = self.ask(
            """query Asset($key: AssetKeyInput!) { assetOrError(assetKey: $key) { ... on Asset {
                 assetMaterializations(limit: 1) {
                   runId metadataEntries { label ... on IntMetadataEntry { intValue } } } } } }""",
            key={"path": [name]},
        )["assetOrError"]
        (latest,) = asset["assetMaterializations"]
        assert run_id in (None, latest["runId"])
        entries = {entry["label"]: entry.get("intValue") for entry in latest["metadataEntries"]}
        return int(entries["dagster/row_count"])

    def check_status(self, name: str, check: str) -> str:
        """Of the asset's check, how its latest execution ended."""
        executions = self.ask(
            """query Check($key: AssetKeyInput!, $check: String!) {
                 assetCheckExecutions(assetKey: $key, checkName: $check, limit: 1) { status } }""",
            key={"path": [name]},
            check=check,
        )["assetCheckExecutions"]
        return str(executions[0]["status"])

    def _wait_until_loaded(self, log: Path) -> None:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                pytest.fail(f"the UI ended:\n{log.read_text()}")
            try:
                if self.asset_names():
                    return
            except (OSError, http.client.HTTPException):
                pass  # it doesn't listen yet
            time.sleep(0.5)
        pytest.fail(f"the UI did not load:\n{log.read_text()}")


@contextmanager
def dagster_dev(project: Project, folder: Path) -> Iterator[Ui]:
    """`dagster dev` with the project's export, without a workspace of its own."""
    ui = Ui(
        ["dagster", "dev", "-m", "supa_assets.code_location"],
        folder=folder,
        log=folder / "ui.log",
        environment={**os.environ, **export_settings(project)},
    )
    with closing(ui):
        yield ui


def _free_port() -> int:
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
