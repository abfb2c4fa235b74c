"""The proof that an export is what its source held, and that a database restored from it holds the same.

Each table is counted and summed up (`export.checksum`) by the source in the export's snapshot, from the file's lines,
and by the target; foreign keys and sequences are looked at in the target. What was not proved is listed with the rest:
a proof that doesn't say where it ends is worth little.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from typing import Any

import psycopg

from supa_assets.errors import ExportFault
from supa_assets.files.completeness import describe_losses, is_lost
from supa_assets.files.holes import Hole, list_holes
from supa_assets.files.line_sum import ALGORITHM, Checksum, LineSum
from supa_assets.files.metadata import (
    METADATA_FILE,
    ColumnEntry,
    ExportMetadata,
    SnapshotUse,
    SourceEntry,
    TableEntry,
)
from supa_assets.files.publish import read_metadata_bytes, require_metadata
from supa_assets.files.same_database import compare_databases
from supa_assets.files.storage import Files, Storage
from supa_assets.files.verify import verify_export
from supa_assets.plan.row_shape import RowShape
from supa_assets.restore.export_files import read_batches, select_entries
from supa_assets.restore.foreign_keys import CheckedKey, check_foreign_keys
from supa_assets.restore.row_shapes import list_shapes
from supa_assets.restore.sequences import match_sequences
from supa_assets.restore.target import (
    Target,
    TargetDatabase,
    read_target,
)
from supa_assets.server.explain import explain_write_error
from supa_assets.server.identity import identify_server
from supa_assets.stream.checksum import read_checksum
from supa_assets.stream.count import read_count
from supa_assets.visible import dump_json

__all__ = ["Proof", "SequenceProof", "TableProof", "prove_export"]

OnTable = Callable[[str], None]


@dataclass
class TableProof:
    """One table, three times; None where it was not looked at."""

    name: str
    relation: str
    source_row_count: int
    file_row_count: int | None = None
    target_row_count: int | None = None
    source_checksum: str | None = None
    file_checksum: str | None = None
    target_checksum: str | None = None
    differences: list[str] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        if self.differences:
            return "DIFFERS"
        sums = {self.source_checksum, self.file_checksum, self.target_checksum} - {None}
        compared = [self.source_checksum, self.file_checksum, self.target_checksum]
        is_compared = len(sums) == 1 and sum(value is not None for value in compared) > 1
        return "equal" if is_compared else "counts equal"


@dataclass(frozen=True)
class SequenceProof:
    name: str
    recorded: str
    found: str
    is_equal: bool


@dataclass
class Proof:
    """The report."""

    made_at: str
    folder: str
    metadata_sha256: str
    """Of metadata.json: what this report is about, to the byte."""
    exported_at: str
    source: SourceEntry
    source_version: str
    snapshots: list[SnapshotUse]
    target: SourceEntry | None
    target_version: str | None
    faults: list[str]
    """Of the export as a whole, then of its files."""
    tables: list[TableProof] = field(default_factory=list)
    keys: list[CheckedKey] = field(default_factory=list)
    sequences: list[SequenceProof] = field(default_factory=list)
    not_proved: list[str] = field(default_factory=list)

    @property
    def differences(self) -> list[str]:
        """Everything that isn't as it should be."""
        return [
            *self.faults,
            *(said for table in self.tables for said in table.differences),
            *(
                f'foreign key "{key.constraint}" of "{key.relation}": {key.orphan_count} rows reference what is not in'
                f' "{key.referenced}"'
                for key in self.keys
                if key.orphan_count
            ),
            *(
                f"sequence {proof.name} differs: the source stood at {proof.recorded}, the target at {proof.found}"
                for proof in self.sequences
                if not proof.is_equal
            ),
        ]

    def to_json(self) -> str:
        """For programs."""
        report = asdict(self)
        for name in ("source", "target"):
            entry = getattr(self, name)
            report[name] = entry.model_dump(by_alias=False, exclude_none=True) if entry else None
        report["snapshots"] = [
            snapshot.model_dump(by_alias=False, exclude_none=True) for snapshot in self.snapshots
        ]
        for table, proof in zip(report["tables"], self.tables, strict=True):
            table["verdict"] = proof.verdict
        report["differences"] = self.differences
        report["is_proved"] = not self.differences
        return dump_json(report, indent=2)


def prove_export(
    storage: Storage,
    database: TargetDatabase | None = None,
    *,
    named: Collection[str] = (),
    on_table: OnTable = lambda _: None,
) -> Proof:
    """Compare source, files and target, if any. Raises where it can't look, never for what it finds."""
    metadata = require_metadata(storage)
    entries = select_entries(metadata, named)
    sha256 = hashlib.sha256(read_metadata_bytes(storage)).hexdigest()
    proof = Proof(
        made_at=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        folder=storage.location,
        metadata_sha256=sha256,
        exported_at=metadata.exported_at,
        source=metadata.source_database,
        source_version=metadata.server.version,
        snapshots=metadata.snapshots,
        target=None,
        target_version=None,
        faults=_list_faults(storage, metadata, entries),
    )
    for entry in entries.values():
        on_table(entry.name)
        proof.tables.append(_read_file(storage, entry))
    if database is not None:
        with database.open(writes=False) as connection:
            try:
                _Comparison(connection, database, metadata, entries, proof, on_table).run()
            except psycopg.Error as error:
                raise explain_write_error(error, database.address, action="reading") from None
    for table in proof.tables:
        table.differences += _compare(table, entries[table.name])
    proof.not_proved = list(_list_unproved(metadata, entries, proof))
    return proof


def _list_faults(
    storage: Storage, metadata: ExportMetadata, entries: Mapping[str, TableEntry]
) -> list[str]:
    """Tables that the export lacks by their reason, where none was named; then what is wrong with its files."""
    is_whole = len(entries) == len(metadata.tables)
    # A file with the source's own checksum needs no look at each of its values.
    found = verify_export(storage, full=not _has_checksums(entries))
    return [
        *(describe_losses(metadata) if is_whole else []),
        *(fault.message for fault in found if fault.what != "not exported"),
    ]


def _has_checksums(entries: Mapping[str, TableEntry]) -> bool:
    return all(
        entry.checksum and entry.checksum.algorithm == ALGORITHM for entry in entries.values()
    )


def _read_file(files: Files, entry: TableEntry) -> TableProof:
    """The file's own count and sum; a file that can't be read to its end is among the faults already."""
    proof = TableProof(
        name=entry.name,
        relation=str(entry.relation),
        source_row_count=entry.source_row_count,
    )
    if entry.checksum is not None and entry.checksum.algorithm == ALGORITHM:
        proof.source_checksum = entry.checksum.value
    lines = LineSum()
    try:
        for batch in read_batches(files, entry):
            lines.add(batch.lines)
    except ExportFault:
        proof.differences.append(f'the file of "{proof.relation}" is not the one that was written')
    found = lines.result()
    proof.file_row_count, proof.file_checksum = found.row_count, found.value
    return proof


_JSON_DIFFERS = (
    " (it has columns of json: white space around a value, and escapes of json inside of composites, don't come back to"
    " the byte)"
)


def _compare(proof: TableProof, entry: TableEntry) -> Iterator[str]:
    holds_json = any(
        column.encoding == "object" or (column.encoding == "json" and column.type != "jsonb")
        for column in entry.columns
    )
    reason = _JSON_DIFFERS if holds_json and proof.target_checksum != proof.file_checksum else ""
    for where, row_count, checksum in (
        ("file", proof.file_row_count, proof.file_checksum),
        ("target", proof.target_row_count, proof.target_checksum),
    ):
        if row_count is not None and row_count != proof.source_row_count:
            yield (
                f'row count of "{proof.relation}" differs: the source said {proof.source_row_count}, the {where} has'
                f" {row_count}"
            )
        elif checksum and proof.source_checksum and checksum != proof.source_checksum:
            why = reason if where == "target" else ""
            yield f"content of \"{proof.relation}\" differs: the {where}'s checksum is not the source's{why}"
        elif where == "target" and checksum and checksum != proof.file_checksum:
            yield f"content of \"{proof.relation}\" differs: the target's checksum is not the file's{reason}"


# The target


class _Comparison:
    """The target's side of a proof, in one snapshot of its own."""

    def __init__(
        self,
        connection: psycopg.Connection[Any],
        database: TargetDatabase,
        metadata: ExportMetadata,
        entries: Mapping[str, TableEntry],
        proof: Proof,
        on_table: OnTable,
    ) -> None:
        self._connection = connection
        self._metadata = metadata
        self._entries = entries
        self._proof = proof
        self._on_table = on_table
        proof.target = database.describe(connection)
        proof.target_version = identify_server(connection).version

    def run(self) -> None:
        target = read_target(self._connection, self._entries)
        for proof in self._proof.tables:
            self._on_table(proof.name)
            self._look_at_table(proof, self._entries[proof.name], target)
        self._proof.keys = list(check_foreign_keys(self._connection, target.tables.values()))
        self._proof.sequences = list(self._compare_sequences(target))

    def _look_at_table(self, proof: TableProof, entry: TableEntry, target: Target) -> None:
        table = target.tables.get(proof.name)
        if table is None:
            proof.differences.append(f'"{proof.relation}" is not in the target')
            return
        misfits = [
            f'column "{column.name}" of "{proof.relation}" is'
            f" {'of type ' + found.type if found else 'missing'} in the target, of type {column.type} in the export"
            for column in entry.columns
            if (found := table.columns.get(column.name)) is None or found.type != column.type
        ]
        if misfits:
            proof.differences += misfits
            return
        for shape in list_shapes(entry, table, target):
            checksum = read_checksum(self._connection, shape)
            proof.target_row_count, proof.target_checksum = checksum.row_count, checksum.value
            if checksum == Checksum(proof.file_row_count or 0, proof.file_checksum or ""):
                proof.differences += _compare_unseen(
                    entry, read_count(self._connection, _seek_unseen(shape)).columns
                )
                return

    def _compare_sequences(self, target: Target) -> Iterator[SequenceProof]:
        for recorded, found in match_sequences(self._metadata, self._entries, target.structure):
            if recorded.last_value is None:
                continue
            states = [
                "nothing known" if s is None or s.last_value is None else
                f"{s.last_value} ({'given' if s.is_called else 'next'})"
                for s in (recorded, found)
            ]  # fmt: skip
            name = f'"{recorded.relation}"'
            yield SequenceProof(name, states[0], states[1], states[0] == states[1])


_UNSEEN: Mapping[Hole, tuple[str, str]] = {
    "json_null": ("the JSON scalar null apart from SQL NULL", "JSON scalar null"),
    "lower_bounds": ("lower bounds of arrays other than 1", "array that doesn't count from 1"),
}
"""Values that look in the file like others, so that no checksum over it tells them apart."""


def _seek_unseen(shape: RowShape) -> RowShape:
    """The shape with probes for nothing else."""
    columns = [
        column.model_copy(
            update={"probes": [probe for probe in column.probes if probe.hole in _UNSEEN]}
        )
        for column in shape.columns
    ]
    return shape.model_copy(update={"columns": columns})


def _compare_unseen(entry: TableEntry, target: list[ColumnEntry]) -> Iterator[str]:
    """Where the source had none, as it counted, the target must have none."""
    for column, found in zip(entry.columns, target, strict=True):
        for hole, (_, said) in _UNSEEN.items():
            count = getattr(found.holes, hole, None)
            if count and getattr(column.holes, hole, None) == 0:
                yield (
                    f'column "{column.name}" of "{entry.relation}" differs: the source had no {said},'
                    f" the target has {count}"
                )


# What was not proved


def _list_unproved(
    metadata: ExportMetadata, entries: Mapping[str, TableEntry], proof: Proof
) -> Iterator[str]:
    if len(entries) < len(metadata.tables):
        yield f"{len(metadata.tables) - len(entries)} tables of the export, which were not named"
    unsummed = [table.relation for table in proof.tables if table.source_checksum is None]
    if unsummed:
        yield (
            f"that the files hold the source's values ({len(unsummed)} tables): the source computed no checksum; its"
            " row counts were compared (export with the setting checksums)"
        )
    if proof.target is None:
        yield "that a database restored from the files holds the same: none was named (--against)"
    else:
        yield (
            "anything of the target but rows, foreign keys and sequences: policies, functions, triggers, grants, views,"
            " indexes, defaults and checks were not compared"
        )
        likeness = compare_databases(metadata.source_database, proof.target)
        if likeness.verdict != "other":
            yield f"that the target is another database than the source: {likeness.reason}"
    if not metadata.is_one_snapshot:
        yield "that the tables match each other: they were read in several snapshots"
    if metadata.structure is None:
        yield "sequences: metadata.json doesn't have them"
    for key in proof.keys:
        if key.orphan_count is None:
            yield f'foreign key "{key.constraint}" of "{key.relation}": {key.reason}'
    yield from _list_holes(entries)
    yield from _list_left_out(metadata, entries)
    yield (
        f"that {METADATA_FILE} itself is the one that was written: it isn't signed; its SHA-256 stands above, to be"
        " compared with one kept elsewhere"
    )


def _list_holes(entries: Mapping[str, TableEntry]) -> Iterator[str]:
    holes = list_holes(entries)
    for hole, (said, _) in _UNSEEN.items():
        if found := [one.describe() for one in holes if one.hole == hole]:
            yield f"{said}: {', '.join(found)}"


def _list_left_out(metadata: ExportMetadata, entries: Mapping[str, TableEntry]) -> Iterator[str]:
    for entry in entries.values():
        if entry.omitted_columns:
            names = ", ".join(entry.omitted_columns)
            yield f'columns of "{entry.relation}" that were not exported: {names}'
    tables = [
        e
        for e in metadata.not_exported
        if "table" in e.kind and e.reason != "internal schema" and not is_lost(e)
    ]
    if tables:
        names = ", ".join(f"{e.relation} ({e.reason})" for e in tables)
        yield f"{len(tables)} tables of the source that are not in the export: {names}"
    not_included = metadata.not_included
    if not_included and not_included.large_object_count:
        yield f"{not_included.large_object_count} large objects, which are not in the export"
    if not_included and not_included.storage_object_count:
        count = not_included.storage_object_count
        yield f"{count} files in Supabase's object storage, which are not in the export"
