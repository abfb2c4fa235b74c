"""How a code location comes by its plan: read from the catalogue once, then carried along with every run."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import click
import dagster as dg

# The only way to give step processes what the code location read. Dagster documents it for definitions that are built
# from state, but leaves it out of its top level.
from dagster._core.definitions.definitions_load_context import (
    DefinitionsLoadContext,
    DefinitionsLoadType,
)

from supa_assets.errors import SupaAssetsError
from supa_assets.export.known_plan import KnownPlan, read_or_recall_plan
from supa_assets.orchestration.build import build_definitions
from supa_assets.plan.export_plan import ExportPlan
from supa_assets.settings import Settings, load_settings
from supa_assets.visible import escape_controls

__all__ = ["carried_plan", "carry_plan", "load_definitions", "load_plan", "one_line_errors"]

PLAN_KEY = "supa_assets/plan"

_log = logging.getLogger("supa_assets")


def load_definitions(*, executor: dg.ExecutorDefinition | None = None) -> dg.Definitions:
    """The definitions of a code location, or of a project that merges them with its own.

    Raises click's exception, which Dagster's command lines print as one line with a hint.
    """
    with one_line_errors():
        settings = load_settings()
        return _build_once(load_plan(settings).model_dump_json(), settings, executor)


@lru_cache(maxsize=2)
def _build_once(
    plan_json: str, settings: Settings, executor: dg.ExecutorDefinition | None
) -> dg.Definitions:
    """Dagster's command line asks for the definitions three times in one process."""
    return build_definitions(ExportPlan.model_validate_json(plan_json), settings, executor=executor)


def load_plan(settings: Settings) -> ExportPlan:
    """The plan of a code location: the one it was loaded with, in processes of its runs; else read now."""
    plan = carried_plan(PLAN_KEY) or _read_once(settings).plan
    carry_plan(PLAN_KEY, plan)
    return plan


def carried_plan(key: str) -> ExportPlan | None:
    """What `carry_plan` left in the process that started this one."""
    context = DefinitionsLoadContext.get()
    if context.load_type is not DefinitionsLoadType.RECONSTRUCTION:
        return None
    carried = context.reconstruction_metadata.get(key)
    return ExportPlan.model_validate_json(carried) if carried else None


def carry_plan(key: str, plan: ExportPlan) -> None:
    """Let the processes of this code location's runs have the plan without asking the database."""
    context = DefinitionsLoadContext.get()
    context.add_to_pending_reconstruction_metadata(key, plan.model_dump_json())


@lru_cache(maxsize=1)
def _read_once(settings: Settings) -> KnownPlan:
    """As often as the definitions are asked for."""
    known = read_or_recall_plan(settings)
    if known.is_recalled:
        _log.warning(
            "the database can't be reached, so its last known catalogue of %s is shown: %s",
            known.plan.read_at,
            escape_controls(known.reason or ""),
        )
    return known


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Let errors of ours reach Dagster's command line as click's own, which it prints without a traceback."""
    try:
        yield
    except SupaAssetsError as error:
        raise click.ClickException(escape_controls(str(error))) from None
