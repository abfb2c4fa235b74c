"""Whether an export is whole: what it was to hold and lacks, apart from what was left out on purpose.

What each reason of `notExported` means stands here, and nowhere else. Whole means what was asked for. A table that was
asked for and could not be read is lost: a fault of the export. What a setting, an option or the platform leaves out is
told, and no fault. Tables of the user's own in a schema that no setting names are between the two: told as a warning,
for nobody may have left them out on purpose.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Literal

from supa_assets.files.metadata import (
    ExportMetadata,
    NotExportedEntry,
    NotExportedReason,
    SnapshotUse,
    TableEntry,
)
from supa_assets.naming import Relation, list_names
from supa_assets.notice import Notice
from supa_assets.schema_classes import classify_schema
from supa_assets.settings import describe_setting

__all__ = [
    "Absence",
    "classify_reason",
    "describe_losses",
    "describe_snapshots",
    "explain_own_left_out",
    "find_selected_schemas",
    "is_lost",
    "keep_losses",
    "list_losses",
    "list_not_renewed",
]

Absence = Literal["lost", "chosen", "own", "platform"]
"""Lost: asked for, and could not be read. Chosen: left out by a setting or an option. Own: the user's, in a schema that
no setting names. Platform: nobody's rows, or rows of the platform, or no table."""

_ABSENCES: Mapping[NotExportedReason, Absence] = {
    "failed": "lost",
    "no privilege": "lost",
    "row-level security": "lost",
    "locked": "lost",
    "created since the definitions were loaded": "lost",
    "excluded by setting": "chosen",
    "not selected in this run": "chosen",
    "schema not selected": "own",
    "internal schema": "platform",
    "platform schema": "platform",
    "transient schema": "platform",
    "extension": "platform",
    "view": "platform",
    "materialized view": "platform",
    "foreign table": "platform",
}


def classify_reason(reason: NotExportedReason) -> Absence:
    """What a reason of `notExported` means for the export as a whole."""
    return _ABSENCES[reason]


def is_lost(entry: NotExportedEntry) -> bool:
    """Whether the export was to hold the relation, and could not."""
    return classify_reason(entry.reason) == "lost"


# What is lost


def list_losses(metadata: ExportMetadata) -> list[NotExportedEntry]:
    """Tables that the export was to hold and that no file holds, then those whose file is of an earlier run."""
    return [*filter(is_lost, metadata.not_exported), *metadata.not_renewed]


def describe_losses(metadata: ExportMetadata) -> list[str]:
    """A line for each reason, with the first of its tables; empty for a whole export."""
    stale = "could not be exported by the latest run, and are of an earlier one"
    return [
        *_describe("that this export was to hold are not in it", metadata.not_exported),
        *_describe(stale, metadata.not_renewed),
    ]


def _describe(what: str, entries: Iterable[NotExportedEntry]) -> Iterable[str]:
    by_reason: defaultdict[str, list[str]] = defaultdict(list)
    for entry in filter(is_lost, entries):
        by_reason[entry.reason].append(f"{entry.relation}")
    for reason, names in by_reason.items():
        yield f"tables {what} ({len(names)}, {reason}): {list_names(names)}"


def keep_losses(
    found: Iterable[NotExportedEntry], earlier: Iterable[NotExportedEntry]
) -> list[NotExportedEntry]:
    """What a run found, but where it selected other tables only: what an earlier run had lost is lost still."""
    lost = {entry.relation: entry for entry in earlier if is_lost(entry)}
    return [
        lost.get(entry.relation, entry) if entry.reason == "not selected in this run" else entry
        for entry in found
    ]


def list_not_renewed(
    found: Iterable[NotExportedEntry],
    earlier: Iterable[NotExportedEntry],
    *,
    kept: Collection[Relation],
) -> list[NotExportedEntry]:
    """Of the `kept` tables, whose files are of earlier runs, those that this run or one before it lost since."""
    lost = {entry.relation: entry for entry in (*earlier, *found) if is_lost(entry)}
    return [lost[relation] for relation in sorted(lost.keys() & set(kept))]


# What is told besides


def explain_own_left_out(
    relations: Iterable[NotExportedEntry], schemas: Collection[str]
) -> Notice | None:
    """A warning of the user's own tables that lie in none of the selected `schemas`, with what takes them in."""
    own = [entry.relation for entry in relations if classify_reason(entry.reason) == "own"]
    if not own:
        return None
    wanted = dict.fromkeys([*schemas, *(relation.schema_name for relation in own)])
    is_one = len(own) == 1
    return Notice(
        f"{'a table' if is_one else f'{len(own)} tables'} of your own {'is' if is_one else 'are'} not exported, in"
        f" schemas that are not selected: {list_names([f'{relation}' for relation in own])}",
        hint=f"{describe_setting('schemas', [*wanted])} takes {'it' if is_one else 'them'} in; the setting exclude"
        " leaves tables out without a warning.",
    )


def find_selected_schemas(metadata: ExportMetadata) -> list[str]:
    """The user's schemas that the export was made of, as far as its tables show them."""
    relations = [entry.relation for entry in metadata.tables.values()]
    relations += [
        entry.relation
        for entry in metadata.not_exported
        if is_lost(entry) or entry.reason == "not selected in this run"
    ]
    names = {relation.schema_name for relation in relations}
    return sorted(name for name in names if classify_schema(name) == "user") or ["public"]


def describe_snapshots(tables: Mapping[str, TableEntry], snapshots: Collection[SnapshotUse]) -> str:
    """Each snapshot with its tables; empty where there is one."""
    if len(snapshots) <= 1:
        return ""
    names: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for name, entry in tables.items():
        names[entry.snapshot.time, entry.snapshot.id].append(name)
    lines = [
        f"  snapshot {use.id} of {use.time}: {list_names(sorted(names[use.time, use.id]))}"
        for use in snapshots
    ]
    return "\n".join(
        [f"the tables are of {len(lines)} instants and need not match each other", *lines]
    )
