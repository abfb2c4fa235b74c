"""Before the first row: what the database holds, what of it this run exports, and for each other relation why not.

Everything is asked in the run's own snapshot, in about ten queries however many tables there are. The tables are
planned anew from it: what the loaded definitions say may be days old, and what is exported is the database as it is.
A run of everything takes every table of the snapshot, whether the definitions know it or not.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg

from supa_assets.export.absence import describe_absence, explain_absence
from supa_assets.export.locks import explain_lock_failure
from supa_assets.export.refusals import (
    Refusal,
    refuse_all,
    refuse_filtered,
    refuse_missing,
    refuse_unlocked,
    refuse_unprivileged,
)
from supa_assets.export.survey import SurveyedRelation, survey
from supa_assets.files.logins import explain_logins
from supa_assets.files.metadata import DriftEntry, NotExportedEntry, NotIncludedEntry
from supa_assets.files.publish import Findings
from supa_assets.files.structure import StructureEntry
from supa_assets.naming import Relation
from supa_assets.notice import Notice
from supa_assets.plan.export_plan import ExportPlan, PlannedTable, plan_export
from supa_assets.server.catalog import AUTH_USERS, read_catalog
from supa_assets.server.explain import explain_query_error
from supa_assets.server.identity import is_local
from supa_assets.server.structure import read_structure
from supa_assets.settings import Settings

if TYPE_CHECKING:
    from supa_assets.export.source import SnapshotHold

__all__ = ["Preflight", "explain_plain_text", "preflight", "read_tables"]


@dataclass(frozen=True)
class Preflight:
    """What a run will export, and all that it found that is worth telling."""

    exports_everything: bool
    """Whether every table that the snapshot has is meant, also those that the loaded definitions don't know."""
    tables: dict[str, PlannedTable]
    """By asset name in import order, the run's tables as the database has them now."""
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
    unlocked: list[PlannedTable]
    """Those that a run of everything means and that were made too late to be locked; each has a refusal."""

    @property
    def added(self) -> list[Relation]:
        """Tables that the loaded definitions don't know."""
        return [change.relation for change in self.drift if change.change == "table added"]

    @property
    def dropped(self) -> list[Relation]:
        """Tables of the loaded definitions that are no longer there."""
        return [change.relation for change in self.drift if change.change == "table dropped"]

    def explain_logins(self) -> Notice | None:
        """What users would miss who log in from this export; None where none are exported, or they miss nothing."""
        users = next((t for t in self.tables.values() if t.relation == AUTH_USERS), None)
        if users is None or users.statistics.estimated_row_count == 0:
            return None
        return explain_logins(users.rows.omitted_columns, self.relations)

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
    hold: SnapshotHold,
    loaded: ExportPlan,
    settings: Settings,
    *,
    selected: Collection[str] | None,
    takes_new: bool = False,
) -> Preflight:
    """Compare the loaded plan with the hold's snapshot.

    The run exports `selected` (asset names of the loaded plan), or where that is None every table of the snapshot. With
    `takes_new` those that the loaded plan doesn't know are meant, too.
    """
    try:
        return _Comparison(hold, loaded, settings, selected, takes_new).result()
    except psycopg.Error as error:
        raise explain_query_error(error, hold.address) from None


def read_tables(
    hold: SnapshotHold, settings: Settings, loaded: ExportPlan
) -> dict[Relation, PlannedTable]:
    """The tables as the database has them in the hold's snapshot, in import order, under the names they are loaded by.

    A table that was made since has a name that none of the loaded ones has, also where Dagster would call it otherwise
    when it loads the definitions anew.
    """
    try:
        catalog = read_catalog(hold.connection, settings.choice)
    except psycopg.Error as error:
        raise explain_query_error(error, hold.address) from None
    names = {table.relation: table.name for table in loaded.tables}
    return {t.relation: t for t in plan_export(catalog, settings.choice, names=names).tables}


def explain_plain_text(connection: psycopg.Connection[Any]) -> Notice | None:
    """A warning where rows and the password's proof travel unencrypted to another machine."""
    if connection.pgconn.ssl_in_use or is_local(connection):
        return None
    return Notice(
        f'the connection to "{connection.info.host}" is not encrypted',
        hint="set sslmode=require in the URL, or better sslmode=verify-full (docs/CONFIGURATION.md, TLS).",
    )


# Comparing the loaded plan with the database


class _Comparison:
    """The loaded plan beside the database, relation by relation."""

    def __init__(
        self,
        hold: SnapshotHold,
        loaded: ExportPlan,
        settings: Settings,
        selected: Collection[str] | None,
        takes_new: bool,
    ) -> None:
        self._takes_new = takes_new or selected is None
        self._hold = hold
        self._settings = settings
        self._selected = selected
        self._loaded = {t.relation: t for t in loaded.tables}
        self._current = read_tables(hold, settings, loaded)
        self._survey = survey(hold.connection)

    def result(self) -> Preflight:
        wanted = self._wanted()
        unlocked = self._find_unlocked()
        refusals = self._refuse(wanted, {table.relation for table in unlocked})
        readable = {key: table for key, table in wanted.items() if key not in refusals}
        return Preflight(
            exports_everything=self._selected is None,
            tables={table.name: table for key, table in self._current.items() if key in readable},
            refusals={wanted[key].name: refusal for key, refusal in refusals.items()},
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
            unlocked=unlocked,
        )

    def _wanted(self) -> Mapping[Relation, PlannedTable]:
        """Tables that the run means: as they are now, but for one that is gone."""
        if self._selected is None:
            return self._current
        return {
            key: self._current.get(key, table)
            for key, table in self._loaded.items()
            if table.name in self._selected
        } | self._new()

    def _new(self) -> dict[Relation, PlannedTable]:
        if not self._takes_new:
            return {}
        return {key: table for key, table in self._current.items() if key not in self._loaded}

    def _find_unlocked(self) -> list[PlannedTable]:
        """What nobody knew to lock: in a run of everything also a known one that is back under its name."""
        wanted = self._current if self._selected is None else self._new()
        locked = {table.relation for table in self._hold.tables}
        return [table for key, table in wanted.items() if key not in locked]

    def _refuse(
        self, wanted: Collection[Relation], unlocked: Collection[Relation]
    ) -> dict[Relation, Refusal]:
        refusals = {}
        for key in wanted:
            if refusal := self._refuse_unreadable(key):
                refusals[key] = refusal
            elif key in unlocked:
                refusals[key] = refuse_unlocked(key)
        return refusals | self._refuse_locked([key for key in wanted if key not in refusals])

    def _refuse_unreadable(self, key: Relation) -> Refusal | None:
        relation = self._survey.relations.get(key)
        if relation is None or key not in self._current:
            return refuse_missing(key, relation)
        if not (relation.has_usage and relation.has_select):
            return refuse_unprivileged(relation, self._survey.role)
        if relation.has_hidden_rows:
            return refuse_filtered(relation, self._survey.role)
        return None

    def _refuse_locked(self, wanted: Collection[Relation]) -> dict[Relation, Refusal]:
        """Those that another session holds."""
        locked = explain_lock_failure(
            self._hold.connection,
            [key for key in self._hold.unlocked if key in wanted],
            timeout_s=self._settings.running.lock_timeout_s,
            address=self._hold.address,
        )
        return {
            key: Refusal(held.text, key, held.hint, held.cause, reason="locked")
            for key, held in locked.items()
        }

    def _describe(self, relation: SurveyedRelation, refusal: Refusal | None) -> NotExportedEntry:
        key = relation.relation
        if refusal is not None and refusal.reason is not None:
            return describe_absence(relation, refusal.reason)
        if key in self._current:
            known = key in self._loaded
            return describe_absence(
                relation,
                "not selected in this run"
                if known
                else "created since the definitions were loaded",
            )
        return explain_absence(relation, self._settings.choice)

    def _find_drift(self, wanted: Collection[Relation]) -> Iterator[DriftEntry]:
        """Tables that are new or gone, whatever the run selects; and what changed in those that it exports."""
        for key in sorted(self._current.keys() - self._loaded.keys()):
            yield DriftEntry(schema_name=key[0], table=key[1], change="table added")
        for key, table in self._loaded.items():
            if key not in self._current:
                yield DriftEntry(schema_name=key[0], table=key[1], change="table dropped")
            elif key in wanted:
                yield from _compare(table, self._current[key])


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
