"""Every relation of the database, exported or not, and what the exporting role may do with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import errors

from supa_assets.files.metadata import NotIncludedEntry, RelationKind
from supa_assets.naming import Relation
from supa_assets.server.queries import fetch_query, fetch_row

__all__ = ["Survey", "SurveyedRelation", "survey"]


@dataclass(frozen=True)
class SurveyedRelation:
    """One relation, and what the exporting role may do with it."""

    relation: Relation
    kind: RelationKind
    extension: str | None
    has_usage: bool
    """Of its schema."""
    has_select: bool
    has_hidden_rows: bool
    """Row-level security counts for the role: with row_security=off the server refuses to read at all."""
    is_forced: bool
    """The role owns it, and FORCE ROW LEVEL SECURITY counts for owners, too."""
    schema_extension: str | None = None
    """The extension that its schema belongs to: what lies in there is hardly the user's own."""


@dataclass(frozen=True)
class Survey:
    """What the database holds, as the role sees it."""

    role: str
    relations: Mapping[Relation, SurveyedRelation]
    not_included: NotIncludedEntry


def survey(connection: psycopg.Connection[Any]) -> Survey:
    """Ask for every relation. The connection must be in a transaction with a snapshot."""
    relations = {}
    for row in fetch_query(connection, "survey_relations.sql"):
        relation = Relation(row.pop("schema_name"), row.pop("name"))
        relations[relation] = SurveyedRelation(relation, **row)
    session = fetch_row(connection, "survey_session.sql")
    objects = _count_storage_objects(connection, relations.get(Relation("storage", "objects")))
    return Survey(
        role=session["role"],
        relations=relations,
        not_included=NotIncludedEntry(
            large_object_count=session["large_object_count"], storage_object_count=objects
        ),
    )


def _count_storage_objects(
    connection: psycopg.Connection[Any], relation: SurveyedRelation | None
) -> int | None:
    """None where there are none, the role may not count them, or somebody holds the table."""
    if relation is None or not relation.has_select or not relation.has_usage:
        return None
    if relation.has_hidden_rows:
        return None
    try:
        with connection.transaction():
            row = connection.execute("SELECT pg_catalog.count(*) FROM storage.objects").fetchone()
    except errors.LockNotAvailable:
        return None
    assert row is not None
    return int(row[0])
