"""metadata.json: what an export says of itself.

The models are the format; docs/FORMAT.md describes it for readers in other languages. Names in JSON are camelCase.
Unknown fields are kept when the file is rewritten, so that a newer minor writer loses nothing to an older one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from supa_assets.errors import ExportFault
from supa_assets.files.entry import Entry
from supa_assets.files.fields import (
    WITHOUT_NUL,
    AssetName,
    Count,
    Expression,
    FileName,
    Flag,
    Name,
    Phrase,
    RunId,
    Sha256,
    Time,
    fault,
)
from supa_assets.files.import_order import Broken
from supa_assets.files.strict_json import read_object
from supa_assets.files.structure import StructureEntry
from supa_assets.naming import Relation

__all__ = [
    "FORMAT_VERSION",
    "LONGEST_METADATA_BYTE_COUNT",
    "METADATA_FILE",
    "BrokenReference",
    "ChecksumEntry",
    "ColumnEntry",
    "DriftEntry",
    "ExportMetadata",
    "HolesEntry",
    "ImportPosition",
    "NotExportedEntry",
    "NotExportedReason",
    "NotIncludedEntry",
    "ReferenceEntry",
    "RelationKind",
    "ServerEntry",
    "SnapshotEntry",
    "SnapshotUse",
    "SourceEntry",
    "TableEntry",
]

FORMAT_VERSION = 1
"""Raised when a reader of the version before would misread the files. History: docs/FORMAT.md."""

METADATA_FILE = "metadata.json"

LONGEST_METADATA_BYTE_COUNT = 256 * 1024 * 1024
"""Some 200 bytes a column: ten thousand tables of a hundred columns are within it."""

_LONGEST_PART = 60
_TAKE_A_COPY = "restore the file from a copy, or move it away and export again."


class HolesEntry(Entry):
    """How many of a column's values JSON, or a reader of it, doesn't keep; absent where the type can't have them."""

    json_null: Count | None = None
    """The JSON scalar null, where SQL NULL may stand, too."""
    lower_bounds: Count | None = None
    """Arrays that don't count from 1."""
    large_numbers: Count | None = None
    """JSON numbers that a double can't hold."""
    refused_escapes: Count | None = None
    r"""`json` with a lone surrogate or `\u0000`, which PostgreSQL can't read back."""
    times_beyond_rfc3339: Count | None = None
    """Infinity, BC and years after 9999."""


class ColumnEntry(Entry):
    """One column, in attnum order."""

    name: Name
    type: Phrase
    """PostgreSQL's `format_type`, with its modifier: `numeric(5,2)`."""
    encoding: Phrase
    """How the value stands in JSON; the words are listed in docs/TYPES.md."""
    casts: list[Phrase] | None = None
    """What the server cast the value to, in turn, before it wrote it; absent in the files of older versions."""
    nullable: Flag
    generated: Literal["stored", "virtual"] | None = None
    identity: Literal["always", "by default"] | None = None
    """`always` wants OVERRIDING SYSTEM VALUE on the way back."""
    holes: HolesEntry | None = None
    """Absent where the type can have none; in the files of older versions everywhere."""


class ReferenceEntry(Entry):
    """One FOREIGN KEY constraint of the table."""

    constraint: Name
    columns: list[Name]
    schema_name: Annotated[Name, Field(alias="schema")]
    """Schema of the referenced table."""
    table: Name
    referenced_columns: list[Name]

    @property
    def relation(self) -> Relation:
        """The referenced table."""
        return Relation(self.schema_name, self.table)


class SnapshotEntry(Entry):
    """The MVCC snapshot a table was read in: `pg_export_snapshot()`'s name, and the server's clock at that moment."""

    id: Phrase
    time: Time
    wal_lsn: Phrase | None = None
    """`pg_current_wal_insert_lsn()` at that moment; absent where the role or a replica doesn't give it."""


class ChecksumEntry(Entry):
    """The source's checksum over a table's rows, whatever their order; computed in the export's snapshot."""

    algorithm: Phrase
    """`sha256-sum-128`: docs/FORMAT.md says how it is computed."""
    value: Phrase
    duration_ms: Count
    """What it cost the server."""


class TableEntry(Entry):
    """What is said of one table and its file."""

    name: Annotated[AssetName, Field(exclude=True)]
    """Asset name. Not in the entry's own JSON: in metadata.json it is the key, of a staged entry the file's name."""
    schema_name: Annotated[Name, Field(alias="schema")]
    table: Name
    file: FileName
    row_count: Count
    """Rows in the file, added up from the server's own count of each chunk."""
    source_row_count: Count
    """The source's `count(*)`, a statement of its own in the same snapshot."""
    byte_count: Count
    sha256: Sha256
    columns: list[ColumnEntry]
    omitted_columns: list[Name] = []
    """Columns the source has and the file hasn't, by setting (`auth.users`)."""
    primary_key: list[Name]
    ordered_by: list[Name]
    """Columns the rows are sorted by; empty for heap order."""
    strategy: Phrase | None = None
    """How the table was cut into chunks while it was read: `key ranges`; it doesn't change what the file holds."""
    references: list[ReferenceEntry]
    snapshot: SnapshotEntry
    exported_at: Time
    duration_ms: Count
    run_id: RunId
    checksum: ChecksumEntry | None = None
    """Where the setting `checksums` asked for it."""

    @property
    def relation(self) -> Relation:
        return Relation(self.schema_name, self.table)

    @model_validator(mode="after")
    def _refuse_contradictions(self) -> TableEntry:
        """Keys and references are of the table's own columns, so whoever looks one up finds it."""
        names = [column.name for column in self.columns]
        if twice := _find_twice(names):
            raise fault(f'columns has "{twice}" twice')
        known = {*names, *self.omitted_columns}
        listed = {"primaryKey": self.primary_key, "orderedBy": self.ordered_by}
        listed |= {"references": [name for r in self.references for name in r.columns]}
        for field, columns in listed.items():
            for name in columns:
                if name not in known:
                    raise fault(f'{field} has "{name}", which columns has not')
        return self


class ImportPosition(Entry):
    """A table's place on the way back, after all that it references; `level` is its longest chain of parents."""

    table: AssetName
    """Key in `tables`."""
    level: Count


class BrokenReference(Entry):
    """A reference that `importOrder` could not honour: to the table itself, or one that closed a cycle."""

    table: AssetName
    constraint: Name
    references: AssetName
    reason: Literal["self", "cycle"]

    @classmethod
    def of(cls, broken: Broken) -> BrokenReference:
        return cls(
            table=broken.table,
            constraint=broken.reference.constraint,
            references=broken.reference.referenced,
            reason=broken.reason,
        )


class SourceEntry(Entry):
    """Where from, as the connection told it. Never a user, never a password.

    The files of older versions have what the URL seemed to say, and neither `database_oid` nor `host_address`.
    """

    host: Phrase
    """The host that answered, as it was named; the folder of a socket."""
    host_address: Phrase | None = None
    """What its name was resolved to; absent for a socket."""
    port: Annotated[Count, Field(le=65535)]
    database: Name
    """`current_database()`: a pooler may call it otherwise."""
    database_oid: Count | None = None
    """In its server. Where one of that name is made anew, it gets another one."""
    project: Name | None = None
    """The Supabase project's ref, where host or user tell it: on a shared pooler it alone tells two databases apart."""
    system_identifier: Name | None = None
    """`pg_control_system()`'s, made by initdb, kept by physical copies; absent where the role may not ask."""
    timeline: Count | None = None
    """Of the WAL that the server wrote; raised when a copy is promoted. Absent where it wrote none."""


class ServerEntry(Entry):
    version: Phrase
    """`server_version`: `17.4`."""
    version_number: Count
    """`server_version_num`: `170004`."""


class SnapshotUse(SnapshotEntry):
    """One snapshot of those that the export's tables were read in."""

    run_ids: list[RunId]
    """Of the runs that read in it; retries of one run are of one snapshot."""
    table_count: Count


RelationKind = Literal["table", "partitioned table", "foreign table", "materialized view", "view"]

NotExportedReason = Literal[
    "internal schema", "platform schema", "transient schema", "schema not selected", "extension",
    "view", "materialized view", "foreign table", "excluded by setting", "not selected in this run",
    "created since the definitions were loaded", "no privilege", "row-level security", "locked", "failed",
]  # fmt: skip


class NotExportedEntry(Entry):
    """A relation of the database that no file of this export holds, and why."""

    schema_name: Annotated[Name, Field(alias="schema")]
    name: Name
    kind: RelationKind
    reason: NotExportedReason
    detail: Expression | None = None
    """What the reason's word leaves open: the extension, the setting."""

    @property
    def relation(self) -> Relation:
        return Relation(self.schema_name, self.name)


class NotIncludedEntry(Entry):
    """What a project holds besides rows of tables, and no export of tables has; absent where it can't be counted."""

    large_object_count: Count | None = None
    """`pg_largeobject_metadata`'s rows."""
    storage_object_count: Count | None = None
    """Rows of `storage.objects`: each is a file in Supabase's object storage."""


class DriftEntry(Entry):
    """What had changed in the database since the definitions were loaded; the files are as the database was."""

    schema_name: Annotated[Name, Field(alias="schema")]
    table: Name
    change: Literal[
        "table added", "table dropped", "column added", "column dropped", "column retyped", "primary key changed"
    ]  # fmt: skip
    column: Name | None = None
    expected: Expression | None = None
    """As the definitions say: a type, a key."""
    found: Expression | None = None

    @property
    def relation(self) -> Relation:
        return Relation(self.schema_name, self.table)

    def describe(self) -> str:
        """In one line."""
        column = f' "{self.column}"' if self.column else ""
        types = " -> ".join(filter(None, (self.expected, self.found)))
        return f'"{self.relation}": {self.change}{column}{f" ({types})" if types else ""}'


class ExportMetadata(Entry):
    """The whole of metadata.json."""

    format_version: Count = FORMAT_VERSION
    exported_at: Time
    source_database: SourceEntry
    server: ServerEntry
    session: dict[Name, Phrase] = {}
    """Settings pinned while reading, since the text of values depends on them."""
    is_one_snapshot: Flag = True
    """Whether all tables were read in one snapshot: only then they match each other."""
    snapshots: list[SnapshotUse] = []
    """Those of the tables, oldest first."""
    import_order: list[ImportPosition] = []
    broken_references: list[BrokenReference] = []
    tables: dict[AssetName, TableEntry] = {}
    """By asset name."""
    not_exported: list[NotExportedEntry] = []
    """Relations of the database that are not in `tables`, as the latest run found them."""
    not_renewed: list[NotExportedEntry] = []
    """Tables that the latest run was to export and could not, and that are in `tables` from an earlier one."""
    not_included: NotIncludedEntry | None = None
    drift: list[DriftEntry] = []
    """What the latest run found changed since its definitions were loaded."""
    structure: StructureEntry | None = None
    """What a way back needs besides rows; absent where an older version wrote the export."""

    @field_validator("tables", mode="before")
    @classmethod
    def _tell_entries_their_names(cls, tables: Any) -> Any:
        if not isinstance(tables, Mapping):
            return tables
        return {
            name: {**entry, "name": name} if isinstance(entry, Mapping) else entry
            for name, entry in tables.items()
        }

    @model_validator(mode="after")
    def _refuse_contradictions(self) -> ExportMetadata:
        """Every table once, in one file of its own, at one place of the order; so whoever looks one up finds it."""
        entries = self.tables.values()
        listed = [position.table for position in self.import_order]
        for place, values in (
            ("tables", [entry.relation for entry in entries]),
            ("tables", [entry.file.casefold() for entry in entries]),
            ("importOrder", listed),
        ):
            if twice := _find_twice(values):
                raise fault(f'{place} has "{twice}" twice')
        broken = [name for b in self.broken_references for name in (b.table, b.references)]
        for place, names in (("importOrder", listed), ("brokenReferences", broken)):
            if strangers := sorted(set(names) - self.tables.keys()):
                raise fault(f'{place} has "{strangers[0]}", which tables has not')
        if missing := sorted(self.tables.keys() - set(listed)):
            raise fault(f'importOrder lacks "{missing[0]}"')
        return self

    def to_json(self) -> bytes:
        """The file's bytes: two-space indent, a newline at the end, the same for the same content.

        Raises ExportFault where they would be more than a reader takes.
        """
        data = (self.model_dump_json(indent=2, exclude_none=True) + "\n").encode()
        if len(data) > LONGEST_METADATA_BYTE_COUNT:
            raise _too_long(METADATA_FILE)
        return data

    @classmethod
    def from_json(cls, data: bytes, *, path: str) -> ExportMetadata:
        """Read the file's bytes; raises ExportFault, naming `path`, for no such file or one of a newer version."""
        if len(data) > LONGEST_METADATA_BYTE_COUNT:
            raise _too_long(path)
        try:
            _refuse_newer_version(read_object(data).get("formatVersion"), path)
            return cls.model_validate_json(data)
        except ValidationError as error:
            reason = _first_fault(error)
        except ValueError as error:
            reason = str(error)
        raise ExportFault(
            f'"{path}" is not a metadata.json of this program: {reason}',
            hint=_TAKE_A_COPY,
            path=path,
        )


def _refuse_newer_version(version: object, path: str) -> None:
    """What is no version at all, the full model tells."""
    if type(version) is not int:
        return
    if version < 1:
        raise ExportFault(
            f'"{path}" has formatVersion {version}, which no version of this program wrote',
            hint=_TAKE_A_COPY,
            path=path,
            expected=FORMAT_VERSION,
            found=version,
        )
    if version > FORMAT_VERSION:
        raise ExportFault(
            f'"{path}" has formatVersion {version}, this program knows {FORMAT_VERSION}',
            hint="upgrade supa-assets, or export into another folder.",
            path=path,
            expected=FORMAT_VERSION,
            found=version,
        )


def _too_long(path: str) -> ExportFault:
    return ExportFault(
        f'"{path}" is not a metadata.json of this program: it has more than {LONGEST_METADATA_BYTE_COUNT} bytes',
        hint=_TAKE_A_COPY,
        path=path,
        expected=LONGEST_METADATA_BYTE_COUNT,
    )


def _find_twice(values: Iterable[Hashable]) -> Hashable | None:
    return next((value for value, count in Counter(values).items() if count > 1), None)


def _first_fault(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(_shorten(str(part)) for part in first["loc"])
    said = first["msg"][:1].lower() + first["msg"][1:]
    if first.get("ctx", {}).get("pattern") == WITHOUT_NUL:
        said = "it holds U+0000"
    return f"{place}: {said}" if place else said


def _shorten(text: str) -> str:
    """A key may be as long as the file."""
    return text if len(text) <= _LONGEST_PART else f"{text[:_LONGEST_PART]}…"
