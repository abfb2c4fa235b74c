"""What a run left in Dagster's event log, where the UI takes it from."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import dagster as dg

from supa_assets.orchestration.export_metadata import EXPORT_KEY
from supa_assets.orchestration.failures import explain_step_failure

__all__ = ["evaluations", "logged", "materializations", "metadata_of", "step_failure"]


def materializations(
    instance: dg.DagsterInstance, run_id: str
) -> dict[str, dg.AssetMaterialization]:
    """Of each asset that the run materialized, by its name; no asset may be materialized twice."""
    found: dict[str, dg.AssetMaterialization] = {}
    for event in _events(instance, run_id, dg.DagsterEventType.ASSET_MATERIALIZATION):
        materialization = event.step_materialization_data.materialization
        name = materialization.asset_key.to_user_string()
        assert name not in found
        found[name] = materialization
    return found


def evaluations(instance: dg.DagsterInstance, run_id: str) -> dict[str, dg.AssetCheckEvaluation]:
    """Of each check that the run evaluated: a table's by its asset, the export's by their own names."""
    found: dict[str, dg.AssetCheckEvaluation] = {}
    for event in _events(instance, run_id, dg.DagsterEventType.ASSET_CHECK_EVALUATION):
        evaluation = event.asset_check_evaluation_data
        is_exports = evaluation.asset_key == EXPORT_KEY
        name = evaluation.check_name if is_exports else evaluation.asset_key.to_user_string()
        assert name not in found
        found[name] = evaluation
    return found


def logged(instance: dg.DagsterInstance, run_id: str) -> list[str]:
    """What the steps of the run said, each line with its level; Dagster itself speaks of outputs that aren't there."""
    return [
        f"{logging.getLevelName(entry.level).lower()}: {entry.user_message}"
        for entry in instance.all_logs(run_id)
        if not entry.is_dagster_event and "did not yield or return" not in entry.user_message
    ]


def step_failure(result: dg.ExecuteInProcessResult) -> str:
    """Why the last step that failed did; empty where none failed."""
    events = result.get_step_failure_events()
    return explain_step_failure(events[-1]) if events else ""


def metadata_of(told: dg.AssetMaterialization | dg.AssetCheckEvaluation) -> dict[str, object]:
    """By name, the values that the UI shows."""
    return {name: value.value for name, value in told.metadata.items()}


def _events(
    instance: dg.DagsterInstance, run_id: str, kind: dg.DagsterEventType
) -> Iterator[dg.DagsterEvent]:
    for entry in instance.all_logs(run_id, of_type=kind):
        if entry.dagster_event is not None:
            yield entry.dagster_event
