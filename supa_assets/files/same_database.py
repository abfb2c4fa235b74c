"""Whether two descriptions lead to one database: the same, another one, or what nobody can tell.

A physical copy (a promoted replica, a restored base backup, a copied data folder) has the system identifier, the OIDs
and the names of what it was copied from, and is a database of its own from then on. So "the same" needs the address as
well, and what isn't known is not said: docs/FORMAT.md, "Whether two are one database", has the verdicts as a table.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Literal

from supa_assets.files.metadata import SourceEntry

__all__ = ["Likeness", "compare_databases", "is_on_this_machine"]

_SHARED_POOLER = ".pooler.supabase.com"


@dataclass(frozen=True)
class Likeness:
    """The verdict on two databases, with what it rests on."""

    verdict: Literal["same", "other", "unknown"]
    reason: str
    """A clause, for a message that has named both."""


_RENAMED = Likeness(
    "unknown", "their names differ, their OIDs don't: it may have been renamed since"
)


def compare_databases(one: SourceEntry, other: SourceEntry) -> Likeness:
    """Whether both lead to one database; the order of the two doesn't matter.

    Where both name a Supabase project, that decides: projects may start from one disk image, and one project's
    identifier changes with its PostgreSQL.
    """
    if one.project and other.project:
        return _compare_in_projects(one, other)
    if _are_different(one.system_identifier, other.system_identifier):
        return Likeness("other", "the system identifiers of their servers differ")
    if _are_different(one.database_oid, other.database_oid):
        said = f"the OID of one is {one.database_oid}, of the other {other.database_oid}"
        return Likeness("other", said)
    if one.database != other.database:
        return _compare_renamed(one, other)
    return _compare_servers(one, other)


def is_on_this_machine(host: str, address: str | None) -> bool:
    """Whether a connection's host, or the address it was resolved to, is a Unix socket or a loopback address."""
    if host.startswith(("/", "@")) or host.lower() == "localhost":
        return True
    try:
        found = ipaddress.ip_address(address or host)
    except ValueError:
        return False
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return (mapped or found).is_loopback


def _compare_in_projects(one: SourceEntry, other: SourceEntry) -> Likeness:
    if one.project != other.project:
        return Likeness("other", "their Supabase projects differ")
    if one.database == other.database:
        return Likeness("same", f"both are of the Supabase project {one.project}")
    if _have_one_oid(one, other):
        return _RENAMED
    return Likeness("other", "they are two databases of one Supabase project")


def _compare_renamed(one: SourceEntry, other: SourceEntry) -> Likeness:
    """Names differ; the OID stays when a database is renamed, but the first ones of two servers often have the same."""
    is_one_server = _have_one_identifier(one, other) or _compare_addresses(one, other) == "same"
    if _have_one_oid(one, other) and is_one_server:
        return _RENAMED
    return Likeness("other", "their names differ")


def _compare_servers(one: SourceEntry, other: SourceEntry) -> Likeness:
    """Nothing about the databases differs; whether their servers are one is left."""
    addresses = _compare_addresses(one, other)
    if _have_one_identifier(one, other):
        return _compare_copies(one, other, addresses)
    if addresses == "same":
        return Likeness("same", "host, port and database are the same")
    if addresses == "alias" and (_is_of_older_version(one) or _is_of_older_version(other)):
        return Likeness("same", "both are on this machine's port, in a database of one name")
    if (one.project and _is_local(other)) or (other.project and _is_local(one)):
        return Likeness("other", "one is a Supabase project's, the other is on this machine")
    return Likeness(
        "unknown",
        "neither host and port nor a system identifier on both sides tells whether their servers are one",
    )


def _compare_copies(one: SourceEntry, other: SourceEntry, addresses: str) -> Likeness:
    """One identifier: one server, or a physical copy of it, whose timeline differs where it was promoted."""
    is_promoted = _are_different(one.timeline, other.timeline)
    if addresses == "same" or (addresses == "alias" and not is_promoted):
        return Likeness(
            "same", f"its server, too, has the system identifier {one.system_identifier}"
        )
    said = (
        f"both have the system identifier {one.system_identifier}, so that they are one database, or one is a physical"
        " copy of the other (a promoted replica, a restored base backup)"
    )
    if is_promoted:
        said += f"; their timelines, {one.timeline} and {other.timeline}, differ, so that one was promoted"
    return Likeness("unknown", said)


def _compare_addresses(
    one: SourceEntry, other: SourceEntry
) -> Literal["same", "alias", "different"]:
    """`alias`: two spellings of one machine, at one port. Many databases stand behind a shared pooler's address."""
    if one.port != other.port or _is_shared(one) or _is_shared(other):
        return "different"
    if _normalize(one.host) == _normalize(other.host):
        return "same"
    is_one_address = one.host_address is not None and one.host_address == other.host_address
    return "alias" if is_one_address or (_is_local(one) and _is_local(other)) else "different"


def _are_different(one: object, other: object) -> bool:
    return one is not None and other is not None and one != other


def _have_one_oid(one: SourceEntry, other: SourceEntry) -> bool:
    return one.database_oid is not None and one.database_oid == other.database_oid


def _have_one_identifier(one: SourceEntry, other: SourceEntry) -> bool:
    return one.system_identifier is not None and one.system_identifier == other.system_identifier


def _is_of_older_version(entry: SourceEntry) -> bool:
    """It had no OID, and wrote `localhost` where the URL named no host."""
    return entry.database_oid is None


def _is_shared(entry: SourceEntry) -> bool:
    return _normalize(entry.host).endswith(_SHARED_POOLER)


def _is_local(entry: SourceEntry) -> bool:
    return is_on_this_machine(entry.host, entry.host_address)


def _normalize(host: str) -> str:
    return host if host.startswith(("/", "@")) else host.rstrip(".").lower()
