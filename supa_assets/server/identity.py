"""Which database a connection leads to, and which PostgreSQL serves it."""

from __future__ import annotations

from typing import Any

import psycopg

from supa_assets.files.metadata import ServerEntry, SourceEntry
from supa_assets.server.address import Address
from supa_assets.server.queries import fetch_row

__all__ = ["identify_server", "identify_source"]


def identify_source(connection: psycopg.Connection[Any], address: Address) -> SourceEntry:
    """What the address says, with the server's own identifier where the role may ask for it."""
    source = address.describe()
    if not fetch_row(connection, "identity_privilege.sql")["may_ask"]:
        return source
    return source.model_copy(update=fetch_row(connection, "identity_system.sql"))


def identify_server(connection: psycopg.Connection[Any]) -> ServerEntry:
    """The version, as the server told it when the connection began; asks nothing."""
    return ServerEntry(
        version=connection.info.parameter_status("server_version") or "unknown",
        version_number=connection.info.server_version,
    )
