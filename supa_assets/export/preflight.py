"""Before the first row: what the database holds, what of it this run exports, and for each other relation why not.

Everything is asked in the run's own snapshot, in about ten queries however many tables there are. The tables are
planned anew from it: what the loaded definitions say may be hours old, and what is exported is the database as it is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import psycopg
from pydantic import BaseModel, ConfigDict

from supa_assets.export.absence import describe_absence, explain_absence
from supa_assets.export.locks import explain_lock_failure
from supa_assets.export.refusals import (
    Refusal,
    refuse_all,
    refuse_filtered,
    refuse_missing,
    refuse_unprivileged,
)
from supa_assets.export.survey import SurveyedRelation, survey
from supa_assets.files.metadata import DriftEntry, NotExportedEntry, NotIncludedEntry
from supa_assets.files.publish import Findings
from supa_assets.files.structure import StructureEntry
from supa_assets.naming import Relation
from supa_assets.notice import Notice
from supa_assets.plan.export_plan import ExportPlan, PlannedTable, plan_export
from supa_assets.server.address import Address
from supa_assets.server.catalog import read_catalog
from supa_assets.server.explain import explain_query_error
from supa_assets.server.structure import read_structure
from supa_assets.settings import Settings

if TYPE_CHECKING:
    from supa_assets.export.source import SnapshotHold

__all__ = ["Preflight", "explain_plain_text", "preflight", "read_tables", "renew"]


class Preflight(BaseModel):
    """What a run will export, and all that it found that is worth telling."""

    model_config = ConfigDict(frozen=True)

    tables: dict[str, PlannedTable]
    """By asset name, the run's tables as the database has them now."""
    refusals: dict[str, Refusal]
    """By asset name, those that can't be read."""
    relations: list[NotExportedEntry]
    """All relations that this run won't export, each with its reason."""
    failed_unless_published: list[NotExportedEntry]
    """The run's own tables, as they are to be named should they fail."""
    not_included: NotIncludedEntry
    drift: list[DriftEntry]
    structure: StructureEntry
    """Of the run's tables, for the way back."""

    @property
    def missing(self) -> list[str]:
        """`schema.table` of those that the settings select and the loaded definitions don't know."""
        return [
            str(entry.relation)
            for entry in self.relations
            if entry.reason == "created since the definitions were loaded"
        ]

    def findings(self) -> Findings:
        """For metadata.json."""
        relations = sorted(
            [*self.relations, *self.failed_unless_published], key=lambda entry: entry.relation
        )
        return Findings(relations, self.not_included, self.drift, self.structure)

    def refuse(self) -> None:
        """Raise one error for all tables that can't be read, with all that would mend it; none, no error."""
        refuse_all(list(self.refusals.values()), table_count=len(self.tables) + len(self.refusals))


def preflight(
    hold: SnapshotHold, loaded: ExportPlan, settings: Settings, *, selected: Collection[str]
) -> Preflight:
    """Compare the loaded plan, of which the run exports `selected` (asset names), with the hold's snapshot."""
    try:
        return _Comparison(hold, loaded, settings, selected).result()
    except psycopg.Error as error:
        raise explain_query_error(error, hold.address) from None


def read_tables(hold: SnapshotHold, settings: Settings) -> dict[Relation, PlannedTable]:
    """The tables as the database has them in the hold's snapshot."""
    try:
        catalog = read_catalog(hold.connection, settings.choice, address=hold.address)
    except psycopg.Error as error:
        raise explain_query_error(error, hold.address) from None
    return {t.relation: t for t in plan_export(catalog, settings.choice).tables}


def renew(loaded: PlannedTable, fresh: PlannedTable) -> PlannedTable:
    """The table as the database has it, under the name and the place that the graph gives it."""
    names = ("name", "file", "level", "depends_on")
    return fresh.model_copy(update={name: getattr(loaded, name) for name in names})


def explain_plain_text(connection: psycopg.Connection[Any], address: Address) -> Notice | None:
    """A warning where rows and the password's proof travel unencrypted to another machine."""
    if connection.pgconn.ssl_in_use or address.is_local():
        return None
    return Notice(
        f'the connection to "{address.describe().host}" is not encrypted',
        hint="add ?sslmode=require to the URL, or better sslmode=verify-full (docs/CONFIGURATION.md, TLS).",
    )


# Comparing the loaded plan with the database


class _Comparison:
    """The loaded plan beside the database, relation by relation."""

    def __init__(
        self, hold: SnapshotHold, loaded: ExportPlan, settings: Settings, selected: Collection[str]
    ) -> None:
        self._hold = hold
        self._settings = settings
        self._selected = set(selected)
        self._loaded = {t.relation: t for t in loaded.tables}
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
            failed_unless_published=[
                describe_absence(self._survey.relations[key], "failed")
                for key in readable
                if key in self._survey.relations
            ],
            not_included=self._survey.not_included,
            drift=list(self._find_drift(wanted)),
            structure=read_structure(
                self._hold.connection, {table.name: key for key, table in readable.items()}
            ),
        )

    def _refuse(self, wanted: Mapping[Relation, PlannedTable]) -> dict[Relation, Refusal]:
        role = self._survey.role
        refusals = {}
        for key in wanted:
            relation = self._survey.relations.get(key)
            if relation is None or key not in self._fresh:
                refusals[key] = refuse_missing(key, relation)
            elif not (relation.has_usage and relation.has_select):
                refusals[key] = refuse_unprivileged(relation, role)
            elif relation.has_hidden_rows:
                refusals[key] = refuse_filtered(relation, role)
        locked = explain_lock_failure(
            self._hold.connection,
            [key for key in self._hold.unlocked if key in wanted and key not in refusals],
            timeout_s=self._settings.running.lock_timeout_s,
            address=self._hold.address,
        )
        for key, held in locked.items():
            refusals[key] = Refusal(held.text, key, held.hint, reason="locked")
        return refusals

    def _describe(self, relation: SurveyedRelation, refusal: Refusal | None) -> NotExportedEntry:
        key = relation.relation
        if refusal is not None and refusal.reason is not None:
            return describe_absence(relation, refusal.reason)
        if key in self._fresh:
            known = key in self._loaded
            return describe_absence(
                relation,
                "not selected in this run"
                if known
                else "created since the definitions were loaded",
            )
        return explain_absence(relation, self._settings.choice)

    def _find_drift(self, wanted: Mapping[Relation, PlannedTable]) -> Iterator[DriftEntry]:
        """Of the run's tables; and tables that are new, whatever the run selects."""
        for key in sorted(self._fresh.keys() - self._loaded.keys()):
            yield DriftEntry(schema_name=key[0], table=key[1], change="table added")
        for key, table in wanted.items():
            if key not in self._survey.relations:
                yield DriftEntry(schema_name=key[0], table=key[1], change="table dropped")
            elif key in self._fresh:
                yield from _compare(table, self._fresh[key])


def _compare(loaded: PlannedTable, fresh: PlannedTable) -> Iterator[DriftEntry]:
    types, found = ({c.name: c.type for c in t.rows.columns} for t in (loaded, fresh))
    where = {"schema_name": fresh.relation.schema_name, "table": fresh.relation.name}
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
