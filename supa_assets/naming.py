"""The door between PostgreSQL's names and Dagster's: which asset and file a table becomes.

PostgreSQL allows any text as a name; Dagster allows `[A-Za-z0-9_]` without its reserved words, and file systems differ
in what they forbid and whether case counts. A name that is fit for all of them stays as it is. Any other one is
escaped: what doesn't fit becomes `_`, and eight hex digits of the SHA-256 of the true name follow, so that two tables
never meet. The true name always stands in metadata.json, and in
`dagster/table_name` but for control characters, which are shown by their numbers.
"""

from __future__ import annotations

import hashlib
import keyword
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from types import MappingProxyType
from typing import NamedTuple

from supa_assets.visible import one_line

__all__ = [
    "CHECK_SUFFIX",
    "RESERVED_NAMES",
    "Relation",
    "assign_asset_names",
    "find_by_name",
    "find_close_names",
    "list_names",
]


class Relation(NamedTuple):
    """A relation's name as it stands in the catalogue, unquoted. `sql.Identifier(*relation)` quotes it.

    `str()` gives `schema.name`, for programs; it can't be taken apart again where a name has a dot. An f-string gives
    the same for messages: in one line, control characters by their numbers.
    """

    schema_name: str
    name: str

    def __str__(self) -> str:
        return f"{self.schema_name}.{self.name}"

    def __format__(self, format_spec: str) -> str:
        return format(one_line(str(self)), format_spec)


CHECK_SUFFIX = "file_matches_metadata"
"""Name of each table's asset check; Dagster calls the step's output for it `<asset>_<check>`."""
_CHECKS_OF_THE_EXPORT = "export_metadata_"
"""How the outputs for the checks of the export as a whole begin."""

_RESERVED_BY_DAGSTER = {
    "context", "conf", "config", "meta", "arg_dict", "dict", "input_arg_dict", "output_arg_dict",
    "int", "str", "float", "bool", "input", "output", "type",
}  # fmt: skip
_RESERVED_BY_WINDOWS = {"con", "prn", "aux", "nul"} | {
    f"{device}{n}" for device in ("com", "lpt") for n in range(1, 10)
}
_RESERVED_BY_THIS_PROJECT = {
    "metadata",  # metadata.json
    "export_all", "export_complete", "export_metadata", "export_nightly", "restore_export", "restore_tables",
    "supa_json_io_manager", "supabase",
}  # fmt: skip
RESERVED_NAMES = frozenset(
    name.casefold()
    for name in (
        _RESERVED_BY_DAGSTER
        | _RESERVED_BY_WINDOWS
        | _RESERVED_BY_THIS_PROJECT
        | set(keyword.kwlist)
    )
)

_FIT = re.compile(r"[A-Za-z0-9_]+")
_UNFIT_CHARACTER = re.compile(r"[^A-Za-z0-9_]")
_LONGEST_NAME = 100
_PRIVILEGED = {("auth", "users"): 0, ("auth", "identities"): 1}


def assign_asset_names(
    relations: Iterable[Relation], *, given: Mapping[Relation, str] = MappingProxyType({})
) -> dict[Relation, str]:
    """Give each relation its asset name: unique also when case is ignored, the same whatever the order of `relations`.

    Those that have a name in `given` keep it, and no other one gets a name that stands there.

    A table of `public` is called as it is, one of another schema `schema_table`. Where two would meet (`Users` beside
    `users`, `public.auth_users` beside `auth.users`), the one that sorts first keeps the plain name and the other is
    escaped: `auth.users` and `auth.identities` before everything, then `public`, then names without capitals.
    """
    relations = set(relations)
    assigned = {relation: given[relation] for relation in relations & given.keys()}
    taken = {name.casefold() for name in given.values()}
    for relation in sorted(relations - given.keys(), key=_precedence):
        name = _plain_name(relation)
        if not _is_fit(name) or name.casefold() in taken:
            name = next(n for n in _escaped_names(relation) if n.casefold() not in taken)
        assigned[relation] = name
        taken.add(name.casefold())
    return assigned


def find_by_name(given: str, relations: Mapping[str, Relation]) -> list[str]:
    """The asset names that `given` may mean, of `relations` by asset name; several only for a bare table's name.

    It is taken for `schema.table`, else for an asset's name, else for a table's name in any schema.
    """
    return (
        [name for name, relation in relations.items() if given == str(relation)]
        or [name for name in relations if given == name]
        or [name for name, relation in relations.items() if given == relation.name]
    )


def find_close_names(given: str, relations: Mapping[str, Relation]) -> list[str]:
    """Up to three names that `find_by_name` would take and that are written almost like `given`, closest first."""
    known = {
        form
        for name, relation in relations.items()
        for form in (name, relation.name, str(relation))
    }
    folded = {form.casefold(): form for form in sorted(known)}
    return [folded[form] for form in get_close_matches(given.casefold(), folded, n=3)]


def _precedence(relation: Relation) -> tuple[int, bool, bool, str, str]:
    schema, table = relation
    has_capitals = table != table.lower()
    return (
        _PRIVILEGED.get(relation, len(_PRIVILEGED)),
        schema != "public",
        has_capitals,
        schema,
        table,
    )


def _plain_name(relation: Relation) -> str:
    schema, table = relation
    return table if schema == "public" else f"{schema}_{table}"


def _is_fit(name: str) -> bool:
    return (
        _FIT.fullmatch(name) is not None
        and name.casefold() not in RESERVED_NAMES
        and not name.endswith(CHECK_SUFFIX)
        and not name.startswith(_CHECKS_OF_THE_EXPORT)
        and not name.startswith("__")
        and len(name) <= _LONGEST_NAME
    )


def _escaped_names(relation: Relation) -> Iterator[str]:
    """Candidates, shortest first: the longer ones serve where a table is itself called like another's escaped name."""
    digest = hashlib.sha256("\0".join(relation).encode("utf-8", "surrogateescape")).hexdigest()
    readable = _UNFIT_CHARACTER.sub("_", _plain_name(relation)).strip("_")[:_LONGEST_NAME]
    for digits in range(8, len(digest) + 1):
        yield f"{readable or 'table'}__{digest[:digits]}"


_MOST_NAMED = 8


def list_names(names: Sequence[str]) -> str:
    """The first names, and how many more there are: a line for people has room for some of them."""
    rest = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {rest} more" if rest > 0 else "")
