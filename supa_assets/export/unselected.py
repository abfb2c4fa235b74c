"""A name that no table of the plan has: what of the database is called so, and how an export takes it in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import psycopg

from supa_assets.errors import SettingsError
from supa_assets.export.absence import explain_absence
from supa_assets.export.source import SourceDatabase
from supa_assets.export.survey import SurveyedRelation, survey
from supa_assets.files.metadata import NotExportedEntry, NotExportedReason
from supa_assets.naming import Relation
from supa_assets.schema_classes import PLATFORM_SCHEMAS
from supa_assets.server.explain import explain_query_error
from supa_assets.server.queries import fetch_query
from supa_assets.settings import Choice, Settings

__all__ = ["explain_unselected"]

_OF_KIND: Mapping[NotExportedReason, tuple[str, str]] = {
    "view": (
        "is a view, which has no rows of its own",
        "name the tables that it reads.",
    ),
    "materialized view": (
        "is a materialized view, whose rows are made from others",
        "name the tables that it is made from.",
    ),
    "foreign table": (
        "is a foreign table, whose rows are another server's",
        "export them there, or copy them into a table here.",
    ),
    "internal schema": (
        "lies in a schema of PostgreSQL's or Supabase's own",
        "no setting takes it in; copy its rows into a table of yours.",
    ),
}


def explain_unselected(settings: Settings, given: str) -> SettingsError | None:
    """What in the database is called `given` (`schema.name`, or the name alone) and isn't exported; None for nothing.

    Connects to the database, and reads its catalogue alone.
    """
    with SourceDatabase(settings).hold_snapshot() as hold:
        try:
            partitions = fetch_query(hold.connection, "unselected_partitions.sql", given=given)
            relations = survey(hold.connection).relations
        except psycopg.Error as error:
            raise explain_query_error(error, hold.address) from None
    if partitions:
        row = partitions[0]
        leaf = Relation(row["schema_name"], row["name"])
        return _explain_partition(leaf, Relation(row["root_schema"], row["root_name"]))
    return _explain_first(_find(given, relations.values()), settings.choice)


def _find(given: str, relations: Iterable[SurveyedRelation]) -> list[SurveyedRelation]:
    known = list(relations)
    whole = [found for found in known if given == str(found.relation)]
    return whole or [found for found in known if given == found.relation.name]


def _explain_partition(leaf: Relation, root: Relation) -> SettingsError:
    return SettingsError(
        f'"{leaf}" is a partition of "{root}"',
        hint=f'its rows are exported with it: name "{root}".',
        relation=leaf,
    )


def _explain_first(found: list[SurveyedRelation], choice: Choice) -> SettingsError | None:
    """Several have the same name in different schemas: the first is told, the others with it."""
    if not found:
        return None
    entry = explain_absence(found[0], choice)
    said, hint = _OF_KIND.get(entry.reason) or _explain_choice(entry, choice)
    others = "".join(f', as there is "{other.relation}"' for other in found[1:])
    return SettingsError(f'"{entry.relation}" {said}{others}', hint=hint, relation=entry.relation)


def _explain_choice(entry: NotExportedEntry, choice: Choice) -> tuple[str, str]:
    schema = entry.schema_name
    if schema in PLATFORM_SCHEMAS and entry.reason in ("platform schema", "extension"):
        taken_in = ",".join([*choice.platform_schemas, schema])
        return (
            f'lies in the platform\'s schema "{schema}", which is not selected',
            f"SUPA_ASSETS_PLATFORM_SCHEMAS={taken_in} takes it in.",
        )
    if entry.reason == "extension":
        return (
            f'belongs to the extension "{entry.detail}"',
            "no setting takes it in; copy its rows into a table of yours.",
        )
    if entry.reason != "excluded by setting":
        taken_in = ",".join([*choice.schemas, schema])
        return (
            f'lies in the schema "{schema}", which is not selected',
            f"SUPA_ASSETS_SCHEMAS={taken_in} takes it in.",
        )
    return _explain_exclusion(entry.detail)


def _explain_exclusion(setting: str | None) -> tuple[str, str]:
    if setting == "auth":
        return "is left out by the setting auth", "SUPA_ASSETS_AUTH=true takes it in."
    if setting == "include":
        return "is none of those that the setting include names", "add it there."
    return f"is left out by the setting {setting}", "take the pattern out of it."
