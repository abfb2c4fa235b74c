"""Why a relation is not exported, as metadata.json tells it."""

from __future__ import annotations

from collections.abc import Mapping

from supa_assets.export.survey import SurveyedRelation
from supa_assets.files.metadata import NotExportedEntry, NotExportedReason
from supa_assets.schema_classes import SchemaClass, classify_schema
from supa_assets.server.catalog import AUTH_TABLES
from supa_assets.settings import Choice

__all__ = ["describe_absence", "explain_absence"]

_OF_SCHEMA: Mapping[SchemaClass, NotExportedReason] = {
    "user": "schema not selected",
    "platform": "platform schema",
    "transient": "transient schema",
    "internal": "internal schema",
}


def describe_absence(
    found: SurveyedRelation, reason: NotExportedReason, detail: str | None = None
) -> NotExportedEntry:
    """The relation's line in `notExported`."""
    return NotExportedEntry(
        schema_name=found.relation.schema_name,
        name=found.relation.name,
        kind=found.kind,
        reason=reason,
        detail=detail,
    )


def explain_absence(found: SurveyedRelation, choice: Choice) -> NotExportedEntry:
    """Why the settings, or the relation's own kind, leave it out. The first reason that counts is told."""
    schema = found.relation.schema_name
    schema_class = classify_schema(schema)
    if schema_class == "internal":
        return describe_absence(found, "internal schema")
    if extension := _find_extension(found, choice):
        return describe_absence(found, "extension", extension)
    if found.kind in ("view", "materialized view", "foreign table"):
        return describe_absence(found, found.kind)
    if found.relation in AUTH_TABLES and not choice.auth:
        return describe_absence(found, "excluded by setting", "auth")
    excluding = choice.excluding(found.relation)
    is_selected = schema in (*choice.schemas, *choice.platform_schemas)
    # A table of the user's own that a pattern leaves out is left out on purpose, whether its schema is selected or not.
    if is_selected or (schema_class == "user" and excluding):
        return describe_absence(found, "excluded by setting", excluding)
    return describe_absence(found, _OF_SCHEMA[schema_class])


def _find_extension(found: SurveyedRelation, choice: Choice) -> str | None:
    """The extension that the relation belongs to, or that its schema belongs to, where that isn't selected."""
    schema = found.relation.schema_name
    if found.extension and schema not in choice.platform_schemas:
        return found.extension
    is_own = schema in choice.schemas or classify_schema(schema) != "user"
    return None if is_own else found.schema_extension
