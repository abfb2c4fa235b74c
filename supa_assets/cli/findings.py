"""What was found besides the tables that are exported: what isn't, what can't be read, and what JSON doesn't keep."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping

from supa_assets.cli.report import build_console, format_number_of
from supa_assets.files.completeness import classify_reason, explain_own_left_out
from supa_assets.files.holes import describe_holes, list_holes
from supa_assets.files.metadata import NotExportedEntry, NotIncludedEntry, TableEntry
from supa_assets.naming import list_names
from supa_assets.notice import Notice

__all__ = ["print_holes", "print_not_exported", "print_warning"]

_MOST_NAMED = 8


def print_not_exported(
    relations: Collection[NotExportedEntry],
    not_included: NotIncludedEntry | None,
    *,
    schemas: Collection[str] = ("public",),
) -> None:
    """A line for each reason; metadata.json has one for each relation.

    The user's own tables that lie in none of the selected `schemas` are a warning, told apart from the rest.
    """
    by_reason: defaultdict[str, list[str]] = defaultdict(list)
    for entry in relations:
        if classify_reason(entry.reason) != "own":
            by_reason[entry.reason].append(f"{entry.relation}")
    out = build_console()
    for reason, names in by_reason.items():
        out.print(f"not exported, {reason}: {list_names(names)}", soft_wrap=True)
    for text in _not_included(not_included):
        out.print(f"not included: {text}", soft_wrap=True)
    print_warning(explain_own_left_out(relations, schemas))


def print_warning(notice: Notice | None) -> None:
    """Nothing where there is none."""
    if notice:
        build_console(to_stderr=True).print(f"warning: {notice}", soft_wrap=True)


def print_holes(tables: Mapping[str, TableEntry]) -> None:
    """A warning for each known hole that values of these tables have; docs/TYPES.md says how to find the rows."""
    for said in describe_holes(list_holes(tables), most_named=_MOST_NAMED):
        build_console(to_stderr=True).print(f"warning: {said}", soft_wrap=True)


def _not_included(found: NotIncludedEntry | None) -> list[str]:
    if found is None:
        return []
    texts = []
    if found.large_object_count:
        texts.append(format_number_of(found.large_object_count, "large object"))
    if found.storage_object_count:
        files = format_number_of(found.storage_object_count, "file")
        texts.append(f"{files} behind storage.objects, which are no rows of tables")
    return texts
