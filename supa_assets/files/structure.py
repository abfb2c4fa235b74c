"""The part of metadata.json that a way back needs besides rows: types, sequences, keys, defaults, extensions.

It is what the restore room reads. It is no dump of the schema: policies, functions, triggers, grants, views and indexes
other than unique ones are not in it. Expressions and definitions are the server's own text (`pg_get_expr`,
`pg_get_constraintdef`), written under an empty search_path, so that every name in them is qualified.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Annotated, Literal

from pydantic import Field

from supa_assets.files.entry import Entry
from supa_assets.files.fields import AssetName, Expression, Flag, Int8Text, Name, Phrase, Time
from supa_assets.naming import Relation

__all__ = [
    "AttributeEntry",
    "CheckEntry",
    "ColumnReference",
    "ColumnStructure",
    "ConstraintEntry",
    "ExtensionEntry",
    "SequenceEntry",
    "StructureEntry",
    "TableStructure",
    "TypeEntry",
    "merge_structures",
]


class ExtensionEntry(Entry):
    """An extension of the source's database."""

    name: Name
    schema_name: Annotated[Name, Field(alias="schema")]
    version: Phrase
    is_used: Flag
    """Whether a column of an exported table is of one of its types, however deep."""

    @property
    def relation(self) -> Relation:
        """Extensions are no relations, but are named as these are."""
        return Relation(self.schema_name, self.name)


class AttributeEntry(Entry):
    """A field of a composite type."""

    name: Name
    type: Phrase
    collation: Phrase | None = None
    """Quoted and qualified, where it isn't the type's own."""


class CheckEntry(Entry):
    """A CHECK constraint of a domain."""

    name: Name
    definition: Expression


class TypeEntry(Entry):
    """A type of the source that columns of the export are made of; those of extensions come with them."""

    schema_name: Annotated[Name, Field(alias="schema")]
    name: Name
    kind: Literal["enum", "domain", "composite", "range", "base"]
    """`composite` is also the row type of a table or view; `base` is written in C, and can't be made from here."""
    labels: list[Name] = []
    """Of an enum, in its order."""
    base_type: Phrase | None = None
    """Of a domain."""
    is_nullable: Flag = True
    default: Expression | None = None
    collation: Phrase | None = None
    """Of a domain or range, where it isn't the base's own."""
    checks: list[CheckEntry] = []
    attributes: list[AttributeEntry] = []
    """Of a composite."""
    subtype: Phrase | None = None
    """Of a range."""
    multirange: Name | None = None
    """Name of a range's multirange type, in the same schema."""
    canonical: Phrase | None = None
    """Of a range: a function, and so not part of an export."""
    subtype_diff: Phrase | None = None

    @property
    def relation(self) -> Relation:
        return Relation(self.schema_name, self.name)


class ColumnReference(Entry):
    """A column of an exported table."""

    schema_name: Annotated[Name, Field(alias="schema")]
    table: Name
    column: Name

    @property
    def relation(self) -> Relation:
        return Relation(self.schema_name, self.table)


class SequenceEntry(Entry):
    """A sequence that feeds a column, or none, in a schema of the exported tables.

    A sequence isn't MVCC: its state is of the moment `readAt`, right after the snapshot was taken. What the rows of the
    snapshot drew from it, it had given by then. Numbers are strings, as every int8 of an export.
    """

    schema_name: Annotated[Name, Field(alias="schema")]
    name: Name
    type: Phrase
    start: Int8Text
    increment: Int8Text
    minimum: Int8Text
    maximum: Int8Text
    cache: Int8Text
    is_cycling: Flag
    owned_by: ColumnReference | None = None
    is_identity: Flag = False
    """Whether it is the inner part of an identity column, which `ownedBy` names."""
    used_by: list[ColumnReference] = []
    """Columns whose default draws from it."""
    last_value: Int8Text | None = None
    """Absent where the role may not read the sequence."""
    is_called: Flag | None = None
    """False: `lastValue` is the next number, not the last one."""

    @property
    def relation(self) -> Relation:
        return Relation(self.schema_name, self.name)


class ConstraintEntry(Entry):
    """A key or rule of a table; a unique index without a constraint counts, since foreign keys may lean on it."""

    name: Name
    kind: Literal["primary key", "unique", "exclusion", "check", "foreign key", "unique index"]
    definition: Expression
    """What stands after `ADD CONSTRAINT name`; of a unique index, the whole statement."""
    columns: list[Name] = []
    is_deferrable: Flag = False
    is_deferred: Flag = False
    """INITIALLY DEFERRED."""
    is_validated: Flag = True


class ColumnStructure(Entry):
    """What a column has besides its type."""

    name: Name
    default: Expression | None = None
    generation: Expression | None = None
    """The expression of a generated column."""
    collation: Phrase | None = None


class TableStructure(Entry):
    """What an exported table has besides columns and rows."""

    partition_key: Expression | None = None
    """Of a partitioned table, `RANGE (at)`."""
    columns: list[ColumnStructure] = []
    """Those that have something to tell."""
    constraints: list[ConstraintEntry] = []
    """In the order in which they can be added."""


class StructureEntry(Entry):
    """The source's structure, as far as the exported tables need it."""

    read_at: Time
    """The server's clock, in the run's snapshot; of a merged export, its latest run's."""
    extensions: list[ExtensionEntry] = []
    types: list[TypeEntry] = []
    """Oldest first."""
    sequences: list[SequenceEntry] = []
    tables: dict[AssetName, TableStructure] = {}
    """By asset name."""


def merge_structures(
    published: StructureEntry | None, new: StructureEntry | None, tables: Collection[str]
) -> StructureEntry | None:
    """What holds for an export of `tables` (asset names), some of them just written and others from earlier runs."""
    if published is None or new is None:
        return new or published
    known = published.tables | new.tables
    return new.model_copy(
        update={
            "extensions": _newer_first(published.extensions, new.extensions),
            "types": _newer_first(published.types, new.types),
            "sequences": _newer_first(published.sequences, new.sequences),
            "tables": {name: known[name] for name in sorted(tables) if name in known},
        }
    )


def _newer_first(
    published: list[ExtensionEntry] | list[TypeEntry] | list[SequenceEntry],
    new: list[ExtensionEntry] | list[TypeEntry] | list[SequenceEntry],
) -> list[Entry]:
    """Old ones stay, since a table that this run did not read may need them; their newer selves replace them."""
    merged: Mapping[Relation, Entry] = {entry.relation: entry for entry in (*published, *new)}
    return list(merged.values())
