"""In which order tables can be loaded again: parents before children, whatever the foreign keys look like.

Pure: names and references in, positions out. It serves the plan (from the catalogue) and metadata.json (from the
entries); both first call each reference by the asset name of the table that it references.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from supa_assets.naming import Relation

__all__ = ["Broken", "ImportOrder", "Reference", "find_import_order", "name_references"]


@dataclass(frozen=True)
class Reference:
    """A foreign key from the table it is listed under to `referenced`; it counts for nothing if that isn't listed."""

    constraint: str
    referenced: str


@dataclass(frozen=True)
class Broken:
    table: str
    reference: Reference
    reason: Literal["self", "cycle"]


@dataclass(frozen=True)
class ImportOrder:
    levels: dict[str, int]
    """Every table with its level (longest chain of parents), in import order: by level, then by name."""
    broken: list[Broken]
    """References the order does not honour, in the order of their tables."""


class _ForeignKey(Protocol):
    """A foreign key that names the referenced table as PostgreSQL does."""

    @property
    def constraint(self) -> str: ...
    @property
    def relation(self) -> Relation: ...


class _ReferencingTable(Protocol):
    """A table as the catalogue, or metadata.json, describes it."""

    @property
    def relation(self) -> Relation: ...
    @property
    def references(self) -> Sequence[_ForeignKey]: ...


def name_references(tables: Mapping[str, _ReferencingTable]) -> dict[str, list[Reference]]:
    """By asset name, each table's references to tables of the mapping; those to others are left out."""
    names = {table.relation: name for name, table in tables.items()}
    return {
        name: [
            Reference(reference.constraint, names[reference.relation])
            for reference in table.references
            if reference.relation in names
        ]
        for name, table in tables.items()
    }


def find_import_order(references: Mapping[str, Sequence[Reference]]) -> ImportOrder:
    """Levels for all tables; deterministic, so the same schema gives the same order and the same broken references.

    A self-reference is always broken. Within a cycle, the tables are visited in the order of their names, and the
    reference that leads back to a table still being visited is broken.
    """
    broken: list[Broken] = []
    parents: dict[str, list[str]] = {}
    for table in sorted(references):
        parents[table] = []
        for reference in sorted(references[table], key=lambda r: (r.referenced, r.constraint)):
            if reference.referenced == table:
                broken.append(Broken(table, reference, "self"))
            elif reference.referenced in references:
                parents[table].append(reference.referenced)
    back_edges = _find_back_edges(parents)
    for table, found in parents.items():
        parents[table] = [parent for parent in found if (table, parent) not in back_edges]
        broken += [
            Broken(table, reference, "cycle")
            for reference in references[table]
            if (table, reference.referenced) in back_edges
        ]
    levels = _levels(parents)
    in_order = dict(sorted(levels.items(), key=lambda item: (item[1], item[0])))
    place = {table: position for position, table in enumerate(in_order)}
    broken.sort(key=lambda b: (place[b.table], b.reference.constraint))
    return ImportOrder(in_order, broken)


def _find_back_edges(parents: Mapping[str, Sequence[str]]) -> set[tuple[str, str]]:
    """Edges that close a cycle in a depth-first walk; without recursion, since a chain may have a thousand tables."""
    back_edges: set[tuple[str, str]] = set()
    finished: set[str] = set()
    for root in parents:
        open_tables: dict[str, int] = {root: 0} if root not in finished else {}
        while open_tables:
            table, next_parent = next(reversed(open_tables.items()))
            if next_parent == len(parents[table]):
                finished.add(table)
                del open_tables[table]
                continue
            open_tables[table] = next_parent + 1
            parent = parents[table][next_parent]
            if parent in open_tables:
                back_edges.add((table, parent))
            elif parent not in finished:
                open_tables[parent] = 0
    return back_edges


def _levels(parents: Mapping[str, Sequence[str]]) -> dict[str, int]:
    levels: dict[str, int] = {}
    for root in parents:
        pending = [root]
        while pending:
            table = pending[-1]
            missing = [parent for parent in parents[table] if parent not in levels]
            if missing:
                pending += missing
            else:
                levels[table] = max((levels[parent] + 1 for parent in parents[table]), default=0)
                pending.pop()
    return levels
