"""Before the first row: what the database holds, what of it this run exports, and for each other relation why not.

Everything is asked in the run's own snapshot, in about ten queries however many tables there are. The tables are
planned anew from it: what the loaded definitions say may be hours old, and what is exported is the database as it is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import errors
from pydantic import BaseModel, ConfigDict

from supa_assets.errors import PermissionDenied, SchemaChanged, SourceError, SupaAssetsError
from supa_assets.export.catalog import AUTH_TABLES, fetch_query, read_catalog
from supa_assets.export.connection import Address, explain_query_error
from supa_assets.export.locks import explain_lock_failure
from supa_assets.export.metadata import (
    DriftEntry,
    NotExportedEntry,
    NotExportedReason,
    NotIncludedEntry,
    RelationKind,
)
from supa_assets.export.plan import ExportPlan, PlannedTable, plan_export
from supa_assets.export.publish import Findings
from supa_assets.export.read_structure import read_structure
from supa_assets.export.structure import StructureEntry
from supa_assets.naming import RelationName
from supa_assets.schema_classes import SchemaClass, classify_schema
from supa_assets.settings import Settings

if TYPE_CHECKING:
    from supa_assets.export.source import SnapshotHold

__all__ = [
    "Preflight",
    "Refusal",
    "Relation",
    "Survey",
    "explain_plain_text",
    "preflight",
    "read_tables",
    "renew",
    "survey",
]

_MOST_NAMED = 20


@dataclass(frozen=True)
class Relation:
    """One relation, and what the exporting role may do with it."""

    schema_name: str
    name: str
    kind: RelationKind
    extension: str | None
    has_usage: bool
    """Of its schema."""
    has_select: bool
    has_hidden_rows: bool
    """Row-level security counts for the role: with row_security=off the server refuses to read at all."""
    is_forced: bool
    """The role owns it, and FORCE ROW LEVEL SECURITY counts for owners, too."""


@dataclass(frozen=True)
class Survey:
    """What the database holds, as the role sees it."""

    role: str
    relations: Mapping[RelationName, Relation]
    not_included: NotIncludedEntry


class Refusal(BaseModel):
    """Why a table can't be read in this run; `error` gives it as it is raised."""

    model_config = ConfigDict(frozen=True)

    reason: NotExportedReason | None
    """None where the relation is no longer there."""
    message: str
    hint: str
    relation: str
    role: str
    grants: tuple[str, ...] = ()

    def error(self) -> SupaAssetsError:
        """The error of this table's own step."""
        return _ERRORS[self.reason](self.message, hint=self.hint, relation=self.relation)


_ERRORS: Mapping[NotExportedReason | None, type[SupaAssetsError]] = {
    None: SchemaChanged,
    "no privilege": PermissionDenied,
    "row-level security": PermissionDenied,
    "locked": SourceError,
}


class Preflight(BaseModel):
    """What a run will export, and all that it found that is worth telling."""

    model_config = ConfigDict(frozen=True)

    tables: dict[str, PlannedTable]
    """By asset name, the run's tables as the database has them now."""
    refusals: dict[str, Refusal]
    """By asset name, those that can't be read."""
    relations: list[NotExportedEntry]
    """All relations that this run won't export, each with its reason."""
    exported: list[NotExportedEntry]
    """The run's own, as they are to be named should they fail."""
    not_included: NotIncludedEntry
    drift: list[DriftEntry]
    structure: StructureEntry
    """Of the run's tables, for the way back."""

    @property
    def missing(self) -> list[str]:
        """`schema.table` of those that the settings select and the loaded definitions don't know."""
        return [
            f"{entry.schema_}.{entry.name}"
            for entry in self.relations
            if entry.reason == "created since the definitions were loaded"
        ]

    def findings(self) -> Findings:
        """For metadata.json."""
        relations = sorted(
            [*self.relations, *self.exported], key=lambda entry: (entry.schema_, entry.name)
        )
        return Findings(relations, self.not_included, self.drift, self.structure)

    def refuse(self) -> None:
        """Raise one error for all tables that can't be read, with all that would mend it; none, no error."""
        refusals = list(self.refusals.values())
        if len(refusals) == 1:
            raise refusals[0].error()
        if not refusals:
            return
        said = "; ".join(refusal.message for refusal in refusals[:_MOST_NAMED])
        if len(refusals) > _MOST_NAMED:
            said += f"; and {len(refusals) - _MOST_NAMED} more"
        kinds = {_ERRORS[refusal.reason] for refusal in refusals}
        error = kinds.pop() if len(kinds) == 1 else SupaAssetsError
        raise error(
            f"{len(refusals)} of {len(self.tables) + len(refusals)} tables can't be exported: {said}",
            hint=" ".join(_hints_of_all(refusals)),
        )


def preflight(
    hold: SnapshotHold, loaded: ExportPlan, settings: Settings, *, selected: Collection[str]
) -> Preflight:
    """Compare the loaded plan, of which the run exports `selected` (asset names), with the hold's snapshot."""
    try:
        return _Comparison(hold, loaded, settings, selected).result()
    except psycopg.Error as error:
        raise explain_query_error(error, hold.address) from None


def read_tables(hold: SnapshotHold, settings: Settings) -> dict[RelationName, PlannedTable]:
    """The tables as the database has them in the hold's snapshot."""
    source = hold.address.describe()
    try:
        catalog = read_catalog(hold.connection, settings, source=source)
    except psycopg.Error as error:
        raise explain_query_error(error, hold.address) from None
    return {(t.schema_name, t.table): t for t in plan_export(catalog, settings).tables}


def renew(loaded: PlannedTable, fresh: PlannedTable) -> PlannedTable:
    """The table as the database has it, under the name and the place that the graph gives it."""
    names = ("name", "file", "level", "depends_on")
    return fresh.model_copy(update={name: getattr(loaded, name) for name in names})


def explain_plain_text(connection: psycopg.Connection[Any], address: Address) -> SourceError | None:
    """A warning where rows and the password's proof travel unencrypted to another machine; not to be raised."""
    if connection.pgconn.ssl_in_use or address.is_local():
        return None
    return SourceError(
        f'the connection to "{address.describe().host}" is not encrypted',
        hint="add ?sslmode=require to the URL, or better sslmode=verify-full (docs/CONFIGURATION.md, TLS).",
    )


def survey(connection: psycopg.Connection[Any]) -> Survey:
    """Ask for every relation. The connection must be in a transaction with a snapshot."""
    relations = {
        (row["schema_name"], row["name"]): Relation(**row)
        for row in fetch_query(connection, "survey.sql")
    }
    row = connection.execute(
        "SELECT current_user::pg_catalog.text, (SELECT pg_catalog.count(*) FROM pg_catalog.pg_largeobject_metadata)"
    ).fetchone()
    assert row is not None
    objects = _count_storage_objects(connection, relations.get(("storage", "objects")))
    return Survey(
        role=row[0],
        relations=relations,
        not_included=NotIncludedEntry(large_object_count=row[1], storage_object_count=objects),
    )


def _count_storage_objects(
    connection: psycopg.Connection[Any], relation: Relation | None
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


# Comparing the loaded plan with the database


class _Comparison:
    """The loaded plan beside the database, relation by relation."""

    def __init__(
        self, hold: SnapshotHold, loaded: ExportPlan, settings: Settings, selected: Collection[str]
    ) -> None:
        self._hold = hold
        self._settings = settings
        self._selected = set(selected)
        self._loaded = {(t.schema_name, t.table): t for t in loaded.tables}
        self._fresh = read_tables(hold, settings)
        self._survey = survey(hold.connection)

    def result(self) -> Preflight:
        wanted = {
            relation: table
            for relation, table in self._loaded.items()
            if table.name in self._selected
        }
        refusals = self._refuse(wanted)
        readable = {relation: wanted[relation] for relation in wanted if relation not in refusals}
        return Preflight(
            tables={
                table.name: renew(table, self._fresh[relation])
                for relation, table in readable.items()
            },
            refusals={wanted[relation].name: refusal for relation, refusal in refusals.items()},
            relations=[
                self._describe(relation, refusals.get(key))
                for key, relation in self._survey.relations.items()
                if key not in readable
            ],
            exported=[
                _entry(self._survey.relations[key], "failed")
                for key in readable
                if key in self._survey.relations
            ],
            not_included=self._survey.not_included,
            drift=list(self._find_drift(wanted)),
            structure=read_structure(
                self._hold.connection, {table.name: key for key, table in readable.items()}
            ),
        )

    def _refuse(self, wanted: Mapping[RelationName, PlannedTable]) -> dict[RelationName, Refusal]:
        role = self._survey.role
        refusals = {}
        for key in wanted:
            relation = self._survey.relations.get(key)
            if relation is None or key not in self._fresh:
                refusals[key] = _refuse_missing(key, relation, role)
            elif not (relation.has_usage and relation.has_select):
                refusals[key] = _refuse_unprivileged(relation, role)
            elif relation.has_hidden_rows:
                refusals[key] = _refuse_filtered(relation, role)
        locked = explain_lock_failure(
            self._hold.connection,
            [key for key in self._hold.unlocked if key in wanted and key not in refusals],
            timeout_s=self._settings.lock_timeout_s,
            address=self._hold.address,
        )
        for key, error in locked.items():
            refusals[key] = Refusal(
                reason="locked",
                message=error.message,
                hint=error.hint or "",
                relation=".".join(key),
                role=role,
            )
        return refusals

    def _describe(self, relation: Relation, refusal: Refusal | None) -> NotExportedEntry:
        key = (relation.schema_name, relation.name)
        if refusal is not None and refusal.reason is not None:
            return _entry(relation, refusal.reason)
        if key in self._fresh:
            known = key in self._loaded
            return _entry(
                relation,
                "not selected in this run"
                if known
                else "created since the definitions were loaded",
            )
        return _explain_absence(relation, self._settings)

    def _find_drift(self, wanted: Mapping[RelationName, PlannedTable]) -> Iterator[DriftEntry]:
        """Of the run's tables; and tables that are new, whatever the run selects."""
        for key in sorted(self._fresh.keys() - self._loaded.keys()):
            yield DriftEntry(schema_=key[0], table=key[1], change="table added")
        for key, table in wanted.items():
            if key not in self._survey.relations:
                yield DriftEntry(schema_=key[0], table=key[1], change="table dropped")
            elif key in self._fresh:
                yield from _compare(table, self._fresh[key])


def _compare(loaded: PlannedTable, fresh: PlannedTable) -> Iterator[DriftEntry]:
    types, found = ({c.entry.name: c.entry.type for c in t.columns} for t in (loaded, fresh))
    where = {"schema_": fresh.schema_name, "table": fresh.table}
    for column in types | found:
        before, now = types.get(column), found.get(column)
        if before == now:
            continue
        change: Any = "column retyped"
        if before is None or now is None:
            change = "column added" if before is None else "column dropped"
        yield DriftEntry(**where, change=change, column=column, expected=before, found=now)
    if loaded.primary_key != fresh.primary_key:
        keys = (", ".join(t.primary_key) or "none" for t in (loaded, fresh))
        yield DriftEntry(
            **where, change="primary key changed", expected=next(keys), found=next(keys)
        )


# Why a relation is not exported


def _entry(
    relation: Relation, reason: NotExportedReason, detail: str | None = None
) -> NotExportedEntry:
    return NotExportedEntry(
        schema_=relation.schema_name,
        name=relation.name,
        kind=relation.kind,
        reason=reason,
        detail=detail,
    )


_OF_SCHEMA: Mapping[SchemaClass, NotExportedReason] = {
    "user": "schema not selected",
    "platform": "platform schema",
    "transient": "transient schema",
    "internal": "internal schema",
}


def _explain_absence(relation: Relation, settings: Settings) -> NotExportedEntry:
    """Why the settings, or the relation's own kind, leave it out. The first reason that counts is told."""
    schema_class = classify_schema(relation.schema_name)
    if schema_class == "internal":
        return _entry(relation, "internal schema")
    if relation.extension and relation.schema_name not in settings.platform_schemas:
        return _entry(relation, "extension", relation.extension)
    if relation.kind in ("view", "materialized view", "foreign table"):
        return _entry(relation, relation.kind)
    if (relation.schema_name, relation.name) in AUTH_TABLES and not settings.auth:
        return _entry(relation, "excluded by setting", "auth")
    if relation.schema_name not in (*settings.schemas, *settings.platform_schemas):
        return _entry(relation, _OF_SCHEMA[schema_class])
    return _entry(
        relation, "excluded by setting", settings.excluding(relation.schema_name, relation.name)
    )


# Refusals


def _refuse_missing(key: RelationName, relation: Relation | None, role: str) -> Refusal:
    name = ".".join(key)
    what = "is no longer in the database" if relation is None else "is no longer what it was"
    return Refusal(
        reason=None,
        message=f'"{name}" {what}',
        hint="it was dropped or altered since the definitions were loaded; run again (in the UI: reload definitions).",
        relation=name,
        role=role,
    )


def _refuse_unprivileged(relation: Relation, role: str) -> Refusal:
    name = f"{relation.schema_name}.{relation.name}"
    grants = []
    if not relation.has_usage:
        grants.append(f"GRANT USAGE ON SCHEMA {_quote(relation.schema_name)} TO {_quote(role)};")
    if not relation.has_select:
        grants.append(
            f"GRANT SELECT ON {_quote(relation.schema_name, relation.name)} TO {_quote(role)};"
        )
    return Refusal(
        reason="no privilege",
        message=f'role "{role}" may not read "{name}"',
        hint=f"{' '.join(grants)} Or leave it out (setting exclude; auth: --skip-auth).",
        relation=name,
        role=role,
        grants=tuple(grants),
    )


def _refuse_filtered(relation: Relation, role: str) -> Refusal:
    name = f"{relation.schema_name}.{relation.name}"
    mend = f"ALTER ROLE {_quote(role)} BYPASSRLS;"
    if relation.is_forced:
        mend += f" Or, since the role owns it: ALTER TABLE {_quote(relation.schema_name, relation.name)}"
        mend += " NO FORCE ROW LEVEL SECURITY;"
    return Refusal(
        reason="row-level security",
        message=f'"{name}" has row-level security that would hide rows from role "{role}"',
        hint=f"connect as a role with BYPASSRLS (Supabase's postgres), or: {mend}",
        relation=name,
        role=role,
    )


def _hints_of_all(refusals: Sequence[Refusal]) -> Iterator[str]:
    """Each thing to do once, whatever the number of tables that want it."""
    grants = {grant: None for refusal in refusals for grant in refusal.grants}
    if grants:
        yield " ".join(_merge_grants(grants))
        yield "Or leave them out (setting exclude; auth: --skip-auth)."
    yield from {refusal.hint: None for refusal in refusals if not refusal.grants}


def _merge_grants(grants: Iterable[str]) -> Iterator[str]:
    """One GRANT SELECT for all tables."""
    relations, role = [], ""
    for grant in grants:
        if not grant.startswith("GRANT SELECT ON "):
            yield grant
            continue
        relation, _, role = grant.removeprefix("GRANT SELECT ON ").rpartition(" TO ")
        relations.append(relation)
    if relations:
        yield f"GRANT SELECT ON {', '.join(relations)} TO {role}"


def _quote(*names: str) -> str:
    return ".".join('"' + name.replace('"', '""') + '"' for name in names)
