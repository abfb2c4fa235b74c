"""Make a run's staged tables the published export, and metadata.json true of what then lies beside it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone

from supa_assets.errors import ExportFault, OutputError
from supa_assets.files.completeness import keep_losses, list_not_renewed
from supa_assets.files.import_order import find_import_order, name_references
from supa_assets.files.layout import ARRAY
from supa_assets.files.metadata import (
    LONGEST_METADATA_BYTE_COUNT,
    METADATA_FILE,
    BrokenReference,
    ChecksumEntry,
    DriftEntry,
    ExportMetadata,
    ImportPosition,
    NotExportedEntry,
    NotIncludedEntry,
    ServerEntry,
    SnapshotUse,
    SourceEntry,
    TableEntry,
)
from supa_assets.files.same_database import compare_databases
from supa_assets.files.staged_entries import read_staged_entries
from supa_assets.files.storage import Files, Publication, Staging, Storage
from supa_assets.files.structure import StructureEntry, merge_structures
from supa_assets.naming import Relation

__all__ = [
    "Findings",
    "list_snapshots",
    "publish_run",
    "read_metadata",
    "read_metadata_bytes",
    "read_published",
    "refuse_other_export",
    "require_metadata",
    "without_replaced",
]


@dataclass(frozen=True)
class Findings:
    """What a run's preflight found, for metadata.json."""

    relations: Collection[NotExportedEntry]
    """What the run doesn't export; and its own tables, each listed as `failed` until its file is published."""
    not_included: NotIncludedEntry
    drift: Collection[DriftEntry]
    structure: StructureEntry | None = None
    checksums: Mapping[str, ChecksumEntry] = field(default_factory=dict)
    """By asset name, of the run's tables."""


def read_metadata(storage: Storage) -> ExportMetadata | None:
    """What is published, or decided to be; None where nothing is. Changes nothing.

    Raises ExportFault for a metadata.json that is broken or from a newer version.
    """
    if METADATA_FILE not in storage.published_files():
        return None
    return _parse(read_metadata_bytes(storage), storage)


def read_metadata_bytes(files: Files) -> bytes:
    """The bytes of metadata.json; of one that is longer than a reader takes, one more than that."""
    with files.open(METADATA_FILE) as file:
        return file.read(LONGEST_METADATA_BYTE_COUNT + 1)


def read_published(storage: Storage, run_id: str) -> dict[str, TableEntry]:
    """What lies in the place and is of this run, by asset name: what a run published, however it ended.

    Raises what `read_metadata` raises: then nobody can say whether something was published.
    """
    metadata = read_metadata(storage)
    tables = metadata.tables if metadata else {}
    return {name: entry for name, entry in tables.items() if entry.run_id == run_id}


def require_metadata(storage: Storage) -> ExportMetadata:
    """As `read_metadata`; raises ExportFault where nothing is published."""
    metadata = read_metadata(storage)
    if metadata is None:
        raise ExportFault(
            f'"{storage.location}" holds no export: it has no {METADATA_FILE}',
            hint="name the folder of an export, or export into this one first.",
            path=storage.location,
        )
    return metadata


def refuse_other_export(storage: Storage, source: SourceEntry) -> None:
    """Raise, before a run of `source` touches or reads anything, what `publish_run` would raise at its end.

    An export of another database is never replaced, for it may be the only one: OutputError. Nor is a metadata.json
    that is broken or from a newer version: ExportFault. Both count for an unfinished publication, too.
    """
    for data in storage.metadata_versions():
        _refuse_other_database(_parse(data, storage).source_database, source, storage)


def publish_run(
    staging: Staging,
    *,
    source: SourceEntry,
    server: ServerEntry,
    session: Mapping[str, str],
    kept: Collection[Relation] | None,
    tables: Collection[str] | None = None,
    findings: Findings | None = None,
) -> ExportMetadata:
    """Publish what the run staged, or of it only `tables`; gives the new metadata.json.

    Of the tables that the run did not stage, those in `kept` stay as they are, entry and file, also where a file was
    lost: `verify` goes on to tell. The others leave the export; with None all stay. Without `findings` what an earlier
    run found stays. Raises ExportFault or OutputError, with nothing published.
    """
    entries = _read_whole_entries(staging, tables)
    if not entries and kept is None:
        raise ExportFault(
            f'run "{staging.run_id}" staged no table',
            hint="see the run's errors; nothing was published.",
        )
    if findings is not None:
        entries = {
            name: entry.model_copy(update={"checksum": findings.checksums.get(name)})
            for name, entry in entries.items()
        }
    merged: list[ExportMetadata] = []

    def merge(data: bytes | None) -> Publication:
        published = None if data is None else _parse(data, staging)
        tables = dict(entries)
        if published is not None:
            _refuse_other_database(published.source_database, source, staging)
            tables |= _list_kept(published.tables, entries, kept)
        metadata = _compose(published, tables, entries, source, server, session, findings)
        merged.append(metadata)
        return Publication(
            metadata=metadata.to_json(),
            files=[entry.file for entry in entries.values()],
            removed_files=_removed_files(published, metadata),
        )

    staging.publish(merge)
    return merged[-1]


def _list_kept(
    published: Mapping[str, TableEntry],
    new: Mapping[str, TableEntry],
    kept: Collection[Relation] | None,
) -> dict[str, TableEntry]:
    others = without_replaced(published, new)
    return {n: e for n, e in others.items() if kept is None or e.relation in kept}


def _parse(data: bytes, files: Files) -> ExportMetadata:
    return ExportMetadata.from_json(data, path=f"{files.location}/{METADATA_FILE}")


def _refuse_other_database(published: SourceEntry, source: SourceEntry, files: Files) -> None:
    """Only for what is surely the same database: an export may be the only one that is left of another."""
    likeness = compare_databases(published, source)
    if likeness.verdict == "same":
        return
    expected, found = _describe(published), _describe(source)
    hint = "name another folder (setting output, or --output-dir), or move that one away"
    doubt = ""
    if likeness.verdict == "unknown":
        doubt = ", which may be another database"
        if (published.host, published.port) != (source.host, source.port):
            hint += f"; if it is the same database, connect by {published.host}:{published.port}"
    raise OutputError(
        f'"{files.location}" holds an export of {expected}, this run reads {found}{doubt}: {likeness.reason}',
        hint=f"{hint}.",
        path=files.location,
        expected=expected,
        found=found,
    )


def _describe(source: SourceEntry) -> str:
    identity = f" (server {source.system_identifier})" if source.system_identifier else ""
    if source.project:
        identity = f" (project {source.project})"
    return f'"{source.database}" on {source.host}:{source.port}{identity}'


def _read_whole_entries(staging: Staging, tables: Collection[str] | None) -> dict[str, TableEntry]:
    """Entries by asset name, each with its staged file of the size it says."""
    entries = read_staged_entries(staging, tables)
    staged = set(staging.files())
    for entry in entries.values():
        found = staging.byte_count(entry.file) if entry.file in staged else None
        if found != entry.byte_count:
            raise ExportFault(
                f'staged file "{entry.file}" differs: its entry says {entry.byte_count} bytes,'
                f" it has {'none' if found is None else found}",
                hint="materialize the asset again; nothing was published.",
                path=entry.file,
                expected=entry.byte_count,
                found=found,
            )
    if missing := sorted(set(tables or ()) - set(entries)):
        raise ExportFault(
            f'run "{staging.run_id}" did not stage "{missing[0]}"',
            hint="materialize the asset again; nothing was published.",
        )
    return entries


def without_replaced(
    published: Mapping[str, TableEntry], new: Mapping[str, TableEntry]
) -> dict[str, TableEntry]:
    """Entries that stay: those of other relations, in other files (which may not tell capitals apart).

    A relation can come back under another name, when a table was made that takes its plain one.
    """
    relations = {entry.relation for entry in new.values()}
    files = {entry.file.casefold() for entry in new.values()}
    return {
        name: entry
        for name, entry in published.items()
        if entry.relation not in relations and entry.file.casefold() not in files
    }


def _removed_files(published: ExportMetadata | None, metadata: ExportMetadata) -> list[str]:
    """Files that only the old metadata.json names; where capitals don't count, a new file may be the same one."""
    if published is None:
        return []
    named = {entry.file.casefold() for entry in metadata.tables.values()}
    named.add(METADATA_FILE)
    old = {e.file for e in published.tables.values() if e.file == ARRAY.file_name(e.name)}
    return sorted(file for file in old if file.casefold() not in named)


def _compose(
    published: ExportMetadata | None,
    tables: Mapping[str, TableEntry],
    new: Collection[str],
    source: SourceEntry,
    server: ServerEntry,
    session: Mapping[str, str],
    findings: Findings | None,
) -> ExportMetadata:
    """The new metadata.json; what a newer minor version wrote into the old one stays."""
    unknown = {} if published is None else dict(published.model_extra or {})
    order = find_import_order(name_references(tables))
    snapshots = list_snapshots(tables)
    earlier = published.not_exported if published else []
    not_renewed = published.not_renewed if published else []
    if findings is None:
        findings = _earlier_findings(published)
    found = findings.relations if findings else []
    return ExportMetadata(
        exported_at=datetime.now(timezone.utc).isoformat(timespec="microseconds"),
        source_database=source,
        server=server,
        session=dict(session),
        is_one_snapshot=len(snapshots) <= 1,
        snapshots=snapshots,
        import_order=[
            ImportPosition(table=table, level=level) for table, level in order.levels.items()
        ],
        broken_references=[BrokenReference.of(broken) for broken in order.broken],
        tables={name: tables[name] for name in sorted(tables)},
        not_exported=_without_exported(keep_losses(found, earlier), tables),
        not_renewed=list_not_renewed(
            found,
            not_renewed,
            kept=[entry.relation for name, entry in tables.items() if name not in new],
        ),
        not_included=findings.not_included if findings else None,
        drift=list(findings.drift) if findings else [],
        structure=merge_structures(
            published.structure if published else None,
            findings.structure if findings else None,
            tables,
        ),
        **unknown,
    )


def list_snapshots(tables: Mapping[str, TableEntry]) -> list[SnapshotUse]:
    """The snapshots that the tables were read in, oldest first. A server may give one id again, never at one time."""
    uses: dict[tuple[str, str], SnapshotUse] = {}
    for entry in tables.values():
        key = (entry.snapshot.time, entry.snapshot.id)
        use = uses.get(key) or SnapshotUse(
            **entry.snapshot.model_dump(by_alias=False), run_ids=[], table_count=0
        )
        uses[key] = use.model_copy(
            update={
                "run_ids": sorted({*use.run_ids, entry.run_id}),
                "table_count": use.table_count + 1,
            }
        )
    return [uses[key] for key in sorted(uses)]


def _earlier_findings(published: ExportMetadata | None) -> Findings | None:
    if published is None:
        return None
    return Findings(
        published.not_exported, published.not_included or NotIncludedEntry(), published.drift
    )


def _without_exported(
    relations: Collection[NotExportedEntry], tables: Mapping[str, TableEntry]
) -> list[NotExportedEntry]:
    """A table that this run left out may stand in the export from an earlier one."""
    exported = {entry.relation for entry in tables.values()}
    return [entry for entry in relations if entry.relation not in exported]
