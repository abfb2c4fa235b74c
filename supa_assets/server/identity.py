"""Which database a connection leads to, by the connection's own word, and which PostgreSQL serves it.

The URL doesn't tell: a service file, libpq's environment or a list of hosts decides, and a pooler may lead elsewhere.
"""

from __future__ import annotations

import re
from typing import Any

import psycopg

from supa_assets.files.metadata import ServerEntry, SourceEntry
from supa_assets.files.same_database import is_on_this_machine
from supa_assets.server.address import SUPABASE_DIRECT_HOST
from supa_assets.server.queries import fetch_row

__all__ = ["find_project", "identify_server", "identify_source", "is_local"]

_SUPABASE_POOLER_HOST = re.compile(r"[a-z0-9-]+\.pooler\.supabase\.com")
_POOLER_REFERENCE = re.compile(r"(?:^|[\s,])reference=([a-z0-9]+)")


def identify_source(connection: psycopg.Connection[Any]) -> SourceEntry:
    """The database that the server says it is, at the host and port that answered; in a transaction or not.

    The server's own identifier and its timeline are left out where the role may not ask for them.
    """
    info = connection.info
    found = fetch_row(connection, "identity_database.sql")
    if found.pop("may_ask"):
        found |= fetch_row(connection, "identity_system.sql")
    return SourceEntry(
        host=info.host,
        host_address=info.hostaddr or None,
        port=info.port,
        project=find_project(info.host.lower(), info.user, info.options),
        **found,
    )


def is_local(connection: psycopg.Connection[Any]) -> bool:
    """Whether the server that answered is on this machine: a socket or a loopback address."""
    return is_on_this_machine(connection.info.host, connection.info.hostaddr)


def find_project(host: str, user: str, options: str) -> str | None:
    """The Supabase project's ref: in the direct host's name; for the pooler in the user `role.<ref>`, or an option."""
    if direct := SUPABASE_DIRECT_HOST.fullmatch(host):
        return direct[1]
    if not _SUPABASE_POOLER_HOST.fullmatch(host):
        return None
    if "." in user:
        return user.rpartition(".")[2]
    given = _POOLER_REFERENCE.search(options)
    return given[1] if given else None


def identify_server(connection: psycopg.Connection[Any]) -> ServerEntry:
    """The version, as the server told it when the connection began; asks nothing."""
    return ServerEntry(
        version=connection.info.parameter_status("server_version") or "unknown",
        version_number=connection.info.server_version,
    )
