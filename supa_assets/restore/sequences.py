"""Sequences: where they stood at the source, there they go on in the target."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from supa_assets.files.metadata import ExportMetadata, TableEntry
from supa_assets.files.structure import ColumnReference, SequenceEntry, StructureEntry
from supa_assets.naming import Relation
from supa_assets.notice import Notice
from supa_assets.server.queries import fetch_query

__all__ = [
    "PlannedSequences",
    "SequenceState",
    "match_sequences",
    "plan_sequences",
    "set_sequences",
]


@dataclass(frozen=True)
class SequenceState:
    """A sequence of the target, and where the source's stood."""

    name: Relation
    last_value: str
    is_called: bool


@dataclass(frozen=True)
class PlannedSequences:
    states: list[SequenceState]
    problems: list[Notice]
    notes: list[Notice]


def match_sequences(
    metadata: ExportMetadata, entries: Mapping[str, TableEntry], target: StructureEntry
) -> list[tuple[SequenceEntry, SequenceEntry | None]]:
    """The recorded sequences of these tables with the target's: by the column that owns it, else by name.

    Those that no table has to do with go along where all tables do.
    """
    recorded = metadata.structure.sequences if metadata.structure else []
    tables = {entry.relation for entry in entries.values()}
    by_owner = {_key(s.owned_by): s for s in target.sequences if s.owned_by}
    by_name = {s.relation: s for s in target.sequences}
    is_whole = len(entries) == len(metadata.tables)
    matched = []
    for sequence in recorded:
        if _concerns(sequence, tables, is_whole=is_whole):
            found = by_owner.get(_key(sequence.owned_by)) if sequence.owned_by else None
            matched.append((sequence, found or by_name.get(sequence.relation)))
    return matched


def plan_sequences(
    connection: psycopg.Connection[Any],
    metadata: ExportMetadata,
    entries: Mapping[str, TableEntry],
    target: StructureEntry,
) -> PlannedSequences:
    """Which sequences will be set, and what keeps one from it."""
    notes = []
    if metadata.structure is None:
        text = (
            "metadata.json has no sequences: set those of the target by hand, or export again with"
            " `supa-assets export`"
        )
        notes.append(Notice(text))
    states: list[SequenceState] = []
    problems: list[Notice] = []
    for recorded, found in match_sequences(metadata, entries, target):
        if recorded.last_value is None or recorded.is_called is None:
            notes.append(_tell_unset(recorded, "the exporting role could not read it"))
        elif found is None:
            notes.append(_tell_unset(recorded, "the target has none for it"))
        else:
            state = SequenceState(found.relation, recorded.last_value, recorded.is_called)
            states.append(state)
            problems += _find_out_of_bounds(state, found)
    return PlannedSequences(states, [*problems, *_find_forbidden(connection, states)], notes)


def _find_out_of_bounds(state: SequenceState, found: SequenceEntry) -> Iterator[Notice]:
    """What `setval` would refuse, when those before it are set already and no rollback takes that back."""
    if not int(found.minimum) <= int(state.last_value) <= int(found.maximum):
        text = (
            f'sequence "{state.name}" goes from {found.minimum} to {found.maximum},'
            f" the export's stood at {state.last_value}"
        )
        yield Notice(text, state.name)


def _tell_unset(sequence: SequenceEntry, reason: str) -> Notice:
    return Notice(f'sequence "{sequence.relation}" is not set: {reason}', sequence.relation)


def set_sequences(connection: psycopg.Connection[Any], states: Sequence[SequenceState]) -> None:
    """`setval` outlives a rollback, so it comes last."""
    for state in states:
        connection.execute(
            "SELECT pg_catalog.setval(pg_catalog.format('%%I.%%I', %s::text, %s::text)::pg_catalog.regclass, %s, %s)",
            [*state.name, int(state.last_value), state.is_called],
        )


def _find_forbidden(
    connection: psycopg.Connection[Any], states: Sequence[SequenceState]
) -> list[Notice]:
    rows = fetch_query(
        connection,
        "sequences_privileges.sql",
        schemas=[state.name[0] for state in states],
        names=[state.name[1] for state in states],
    )
    forbidden = [Relation(r["schema_name"], r["name"]) for r in rows if not r["has_update"]]
    return [Notice(f'the role may not set sequence "{name}" (UPDATE)', name) for name in forbidden]


def _concerns(sequence: SequenceEntry, tables: Collection[Relation], *, is_whole: bool) -> bool:
    columns = [*sequence.used_by, *([sequence.owned_by] if sequence.owned_by else [])]
    if not columns:
        return is_whole
    return any(column.relation in tables for column in columns)


def _key(column: ColumnReference | None) -> tuple[str, str, str] | None:
    return (column.schema_name, column.table, column.column) if column else None
