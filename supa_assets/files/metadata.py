"""metadata.json: what an export says of itself.

The models are the format; docs/FORMAT.md describes it for readers in other languages. Names in JSON are camelCase.
Unknown fields are kept when the file is rewritten, so that a newer minor writer loses nothing to an older one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, ValidationError, field_validator

from supa_assets.errors import ExportFault
from supa_assets.files.entry import Entry
from supa_assets.files.import_order import Broken
from supa_assets.files.structure import StructureEntry
from supa_assets.naming import Relation

__all__ = [
    "FORMAT_VERSION",
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


class HolesEntry(Entry):
    """How many of a column's values JSON, or a reader of it, doesn't keep; absent where the type can't have them."""

    json_null: int | None = None
    """The JSON scalar null, where SQL NULL may stand, too."""
    lower_bounds: int | None = None
    """Arrays that don't count from 1."""
    large_numbers: int | None = None
    """JSON numbers that a double can't hold."""
    refused_escapes: int | None = None
    r"""`json` with a lone surrogate or `\u0000`, which PostgreSQL can't read back."""
    times_beyond_rfc3339: int | None = None
    """Infinity, BC and years after 9999."""


class ColumnEntry(Entry):
    """One column, in attnum order."""

    name: str
    type: str
    """PostgreSQL's `format_type`, with its modifier: `numeric(5,2)`."""
    encoding: str
    """How the value stands in JSON; the words are listed in docs/TYPES.md."""
    casts: list[str] | None = None
    """What the server cast the value to, in turn, before it wrote it; absent in the files of older versions."""
    nullable: bool
    generated: Literal["stored", "virtual"] | None = None
    identity: Literal["always", "by default"] | None = None
    """`always` wants OVERRIDING SYSTEM VALUE on the way back."""
    holes: HolesEntry | None = None
    """Absent where the type can have none; in the files of older versions everywhere."""


class ReferenceEntry(Entry):
    """One FOREIGN KEY constraint of the table."""

    constraint: str
    columns: list[str]
    schema_name: Annotated[str, Field(alias="schema")]
    """Schema of the referenced table."""
    table: str
    referenced_columns: list[str]

    @property
    def relation(self) -> Relation:
        """The referenced table."""
        return Relation(self.schema_name, self.table)


class SnapshotEntry(Entry):
    """The MVCC snapshot a table was read in: `pg_export_snapshot()`'s name, and the server's clock at that moment."""

    id: str
    time: str
    wal_lsn: str | None = None
    """`pg_current_wal_insert_lsn()` at that moment; absent where the role or a replica doesn't give it."""


class ChecksumEntry(Entry):
    """The source's checksum over a table's rows, whatever their order; computed in the export's snapshot."""

    algorithm: str
    """`sha256-sum-128`: docs/FORMAT.md says how it is computed."""
    value: str
    duration_ms: int
    """What it cost the server."""


class TableEntry(Entry):
    """What is said of one table and its file."""

    name: Annotated[str, Field(exclude=True)]
    """Asset name. Not in the entry's own JSON: in metadata.json it is the key, of a staged entry the file's name."""
    schema_name: Annotated[str, Field(alias="schema")]
    table: str
    file: str
    row_count: int
    """Rows in the file, added up from the server's own count of each chunk."""
    source_row_count: int
    """The source's `count(*)`, a statement of its own in the same snapshot."""
    byte_count: int
    sha256: str
    columns: list[ColumnEntry]
    omitted_columns: list[str] = []
    """Columns the source has and the file hasn't, by setting (`auth.users`)."""
    primary_key: list[str]
    ordered_by: list[str]
    """Columns the rows are sorted by; empty for heap order."""
    strategy: str | None = None
    """How the table was cut into chunks while it was read: `key ranges`; it doesn't change what the file holds."""
    references: list[ReferenceEntry]
    snapshot: SnapshotEntry
    exported_at: str
    duration_ms: int
    run_id: str
    checksum: ChecksumEntry | None = None
    """Where the setting `checksums` asked for it."""

    @property
    def relation(self) -> Relation:
        return Relation(self.schema_name, self.table)


class ImportPosition(Entry):
    """A table's place on the way back, after all that it references; `level` is its longest chain of parents."""

    table: str
    """Key in `tables`."""
    level: int


class BrokenReference(Entry):
    """A reference that `importOrder` could not honour: to the table itself, or one that closed a cycle."""

    table: str
    constraint: str
    references: str
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

    host: str
    """The host that answered, as it was named; the folder of a socket."""
    host_address: str | None = None
    """What its name was resolved to; absent for a socket."""
    port: int
    database: str
    """`current_database()`: a pooler may call it otherwise."""
    database_oid: int | None = None
    """In its server. Where one of that name is made anew, it gets another one."""
    project: str | None = None
    """The Supabase project's ref, where host or user tell it: on a shared pooler it alone tells two databases apart."""
    system_identifier: str | None = None
    """`pg_control_system()`'s, made by initdb, kept by physical copies; absent where the role may not ask."""
    timeline: int | None = None
    """Of the WAL that the server wrote; raised when a copy is promoted. Absent where it wrote none."""


class ServerEntry(Entry):
    version: str
    """`server_version`: `17.4`."""
    version_number: int
    """`server_version_num`: `170004`."""


class SnapshotUse(SnapshotEntry):
    """One snapshot of those that the export's tables were read in."""

    run_ids: list[str]
    """Of the runs that read in it; retries of one run are of one snapshot."""
    table_count: int


RelationKind = Literal["table", "partitioned table", "foreign table", "materialized view", "view"]

NotExportedReason = Literal[
    "internal schema", "platform schema", "transient schema", "schema not selected", "extension",
    "view", "materialized view", "foreign table", "excluded by setting", "not selected in this run",
    "created since the definitions were loaded", "no privilege", "row-level security", "locked", "failed",
]  # fmt: skip


class NotExportedEntry(Entry):
    """A relation of the database that no file of this export holds, and why."""

    schema_name: Annotated[str, Field(alias="schema")]
    name: str
    kind: RelationKind
    reason: NotExportedReason
    detail: str | None = None
    """What the reason's word leaves open: the extension, the setting."""

    @property
    def relation(self) -> Relation:
        return Relation(self.schema_name, self.name)


class NotIncludedEntry(Entry):
    """What a project holds besides rows of tables, and no export of tables has; absent where it can't be counted."""

    large_object_count: int | None = None
    """`pg_largeobject_metadata`'s rows."""
    storage_object_count: int | None = None
    """Rows of `storage.objects`: each is a file in Supabase's object storage."""


class DriftEntry(Entry):
    """What had changed in the database since the definitions were loaded; the files are as the database was."""

    schema_name: Annotated[str, Field(alias="schema")]
    table: str
    change: Literal[
        "table added", "table dropped", "column added", "column dropped", "column retyped", "primary key changed"
    ]  # fmt: skip
    column: str | None = None
    expected: str | None = None
    """As the definitions say: a type, a key."""
    found: str | None = None

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

    format_version: int = FORMAT_VERSION
    exported_at: str
    source_database: SourceEntry
    server: ServerEntry
    session: dict[str, str] = {}
    """Settings pinned while reading, since the text of values depends on them."""
    is_one_snapshot: bool = True
    """Whether all tables were read in one snapshot: only then they match each other."""
    snapshots: list[SnapshotUse] = []
    """Those of the tables, oldest first."""
    import_order: list[ImportPosition] = []
    broken_references: list[BrokenReference] = []
    tables: dict[str, TableEntry] = {}
    """By asset name."""
    not_exported: list[NotExportedEntry] = []
    """Relations of the database that are not in `tables`, as the latest run found them."""
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

    def to_json(self) -> bytes:
        """The file's bytes: two-space indent, a newline at the end, the same for the same content."""
        return (self.model_dump_json(indent=2, exclude_none=True) + "\n").encode()

    @classmethod
    def from_json(cls, data: bytes, *, path: str) -> ExportMetadata:
        """Read the file's bytes; raises ExportFault, naming `path`, for no such file or one of a newer version."""
        _refuse_newer_version(data, path)
        try:
            return cls.model_validate_json(data)
        except ValidationError as error:
            raise ExportFault(
                f'"{path}" is not a metadata.json of this program: {_first_fault(error)}',
                hint="restore the file from a copy, or move it away and export again.",
                path=path,
            ) from None


class _Versioned(BaseModel):
    format_version: Annotated[int, Field(alias="formatVersion")]


def _refuse_newer_version(data: bytes, path: str) -> None:
    try:
        version = _Versioned.model_validate_json(data).format_version
    except ValidationError:
        return  # the full model says what is wrong
    if version < 1:
        raise ExportFault(
            f'"{path}" has formatVersion {version}, which no version of this program wrote',
            hint="restore the file from a copy, or move it away and export again.",
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


def _first_fault(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"{place}: {first['msg'].lower()}" if place else first["msg"].lower()
