"""Which tables of a plan one run exports: what the command line's `--table` and `--skip-…` mean."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from supa_assets.errors import SettingsError
from supa_assets.naming import find_by_name, find_close_names
from supa_assets.plan.export_plan import ExportPlan, PlannedTable
from supa_assets.settings import Settings

__all__ = ["Selection", "select_tables", "streams_by_estimate"]


@dataclass(frozen=True)
class Selection:
    tables: list[PlannedTable]
    """In import order."""
    skipped: dict[str, str]
    """Relations left out, with the option that did it."""


def select_tables(
    plan: ExportPlan,
    settings: Settings,
    *,
    named: Sequence[str] = (),
    skip_large: bool = False,
    skip_auth: bool = False,
    explain_unknown: Callable[[str], SettingsError | None] = lambda _: None,
) -> Selection:
    """The tables to export. A name may be `table`, `schema.table` or the asset's.

    Raises SettingsError for a name that no table has, and where nothing would be left. `explain_unknown` is asked what
    else is called so; where it knows nothing, close names are offered.
    """
    wanted = {_find(plan, name, explain_unknown) for name in named}
    selected: list[PlannedTable] = []
    skipped: dict[str, str] = {}
    for table in plan.tables:
        if named and table.name not in wanted:
            continue
        if skip_auth and table.relation.schema_name == "auth":
            skipped[f"{table.relation}"] = "--skip-auth"
        elif skip_large and streams_by_estimate(table, settings):
            skipped[f"{table.relation}"] = "--skip-large"
        else:
            selected.append(table)
    if not selected:
        raise _nothing_left(plan, settings, skipped)
    return Selection(selected, skipped)


def streams_by_estimate(table: PlannedTable, settings: Settings) -> bool:
    """Whether the table counts as large before its rows are counted.

    Where it was never analyzed, only `large_tables` can tell.
    """
    return (
        table.is_large
        or (table.statistics.estimated_row_count or 0) > settings.running.streaming_threshold
    )


def _find(
    plan: ExportPlan, given: str, explain_unknown: Callable[[str], SettingsError | None]
) -> str:
    """The asset name of the table that is called so."""
    relations = {table.name: table.relation for table in plan.tables}
    found = find_by_name(given, relations)
    if len(found) == 1:
        return found[0]
    if found:
        raise SettingsError(
            f'"{given}" is the name of {len(found)} tables: {", ".join(str(relations[n]) for n in found)}',
            hint="name the schema as well.",
        )
    if known := explain_unknown(given):
        raise known
    close = find_close_names(given, relations)
    meant = f"did you mean {' or '.join(close)}? " if close else ""
    raise SettingsError(
        f'there is no table "{given}" among the {len(plan.tables)} that can be exported',
        hint=f"{meant}`supa-assets tables` lists them; other schemas: SUPA_ASSETS_SCHEMAS.",
        found=given,
    )


def _nothing_left(plan: ExportPlan, settings: Settings, skipped: dict[str, str]) -> SettingsError:
    schemas = ", ".join(f'"{schema}"' for schema in settings.choice.schemas)
    if not plan.tables:
        excluding = " See the settings include and exclude, too." if _has_patterns(settings) else ""
        return SettingsError(
            f"there is no table to export in {schemas}",
            hint=f"name the schemas that hold your tables in SUPA_ASSETS_SCHEMAS.{excluding}",
        )
    return SettingsError(
        f"the options leave no table to export: {', '.join(skipped)} skipped",
        hint=f"leave out {' and '.join(sorted(set(skipped.values())))}.",
    )


def _has_patterns(settings: Settings) -> bool:
    return bool(settings.choice.include or settings.choice.exclude)
