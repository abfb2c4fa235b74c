"""One connection: its guarantees, and the settings that are pinned in its transaction."""

from __future__ import annotations

from functools import partial
from typing import Any

import psycopg
from psycopg import sql

from supa_assets.errors import SourceError
from supa_assets.server.address import Address
from supa_assets.server.explain_connection import explain_connection_error
from supa_assets.server.identity import identify_server
from supa_assets.server.queries import fetch_row
from supa_assets.server.silence import Backend, Finding, LineWatch
from supa_assets.server.watched import WatchedConnection
from supa_assets.settings import Running

__all__ = [
    "APPLICATION_NAME",
    "SESSION_SETTINGS",
    "connect",
    "lift_timeouts",
    "pin_session",
    "watch_lines",
]

APPLICATION_NAME = "supa-assets"
OLDEST_SERVER = 150000


def connect(
    address: Address,
    *,
    timeout_s: int,
    watch: LineWatch | None = None,
    oldest_server: int = OLDEST_SERVER,
) -> WatchedConnection:
    """Open a connection whose first statement begins a REPEATABLE READ, READ ONLY transaction.

    Each connection of an export is one transaction, so a transaction pooler serves as well as a session pooler;
    prepared statements are off for the same reason. `watch`, which connections that belong together share, decides how
    long a silence may last. Raises SourceError, also for a server older than `oldest_server`.
    """
    try:
        connection = _open(address, timeout_s=timeout_s)
    except (psycopg.Error, UnicodeError) as error:
        # Not only OperationalError: psycopg refuses some parameters, and the resolver some names, in their own ways.
        raise explain_connection_error(error, address) from None
    address.remember(connection.pgconn)
    connection.watch = watch or watch_lines(address, Running())
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    connection.read_only = True
    if connection.info.server_version < oldest_server:
        found = identify_server(connection).version
        connection.close()
        raise _explain_age(found, oldest_server // 10000)
    return connection


def _open(address: Address, *, timeout_s: int) -> WatchedConnection:
    defaults = {
        "application_name": APPLICATION_NAME,
        "connect_timeout": timeout_s,
        # A pooler's or NAT's silent drop is noticed in about a minute instead of two hours.
        "keepalives": 1,
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
        "tcp_user_timeout": 60_000,
    }
    return WatchedConnection.connect(
        **{**defaults, **address.parameters, "client_encoding": "UTF8"},  # type: ignore[arg-type]
        prepare_threshold=None,
    )


def watch_lines(address: Address, running: Running) -> LineWatch:
    """What connections to one server share, so that one at a time asks it what another waits for."""
    return LineWatch(
        limit_s=running.silence_limit_s,
        ask=partial(_ask, address, timeout_s=min(running.connect_timeout_s, _ANSWER_TIMEOUT_S)),
    )


_ANSWER_TIMEOUT_S = 10


def _ask(address: Address, backend: Backend, *, timeout_s: int) -> Finding:
    """Over a connection of its own, for one short statement."""
    connection = _open(address, timeout_s=timeout_s)
    try:
        connection.watch = LineWatch(limit_s=timeout_s)
        connection.watch.listeners.clear()
        connection.autocommit = True
        finding: Finding = fetch_row(connection, "connection_backend.sql", **backend._asdict())[
            "finding"
        ]
    finally:
        connection.close()
    return finding


def _explain_age(found: str, oldest: int) -> SourceError:
    return SourceError(
        f"the server is PostgreSQL {found}, this program reads {oldest} and newer",
        hint="upgrade the project (Dashboard, Settings, Infrastructure).",
        expected=oldest,
        found=found,
    )


SESSION_SETTINGS = {
    "TimeZone": "UTC",  # timestamptz is written in UTC
    "DateStyle": "ISO, YMD",  # dates inside ranges and composites
    "IntervalStyle": "postgres",
    "extra_float_digits": "1",  # shortest digits that give the same float back
    "bytea_output": "hex",
    "lc_monetary": "C",
    "xmloption": "content",
    "search_path": "",  # names of types and reg* values come out qualified
    "quote_all_identifiers": "off",  # reg* values
    "row_security": "off",  # an error in place of rows that a policy would hide
    "standard_conforming_strings": "on",
}
"""Settings that the text of values depends on; metadata.json records them."""

_QUIET_SETTINGS = {
    "statement_timeout": "0",  # Supabase's default of 2 minutes would end a long table midway
    "idle_in_transaction_session_timeout": "0",  # a slow disk makes the transaction wait
    "client_connection_check_interval": "1s",  # a killed client's statement ends with it, its locks too
    "jit": "off",  # compiles for longer than a chunk takes
    "synchronize_seqscans": "off",  # heap order starts at the first page
    "constraint_exclusion": "off",  # plans by the leaves' CHECKs, and calls the functions in them for it
    "max_parallel_workers_per_gather": "0",  # small computes have two cores, and rows keep their order
}
_TRANSACTION_TIMEOUT_SINCE = 170000
_VIEW_RESTRICTION_SINCE = {15: 150008, 16: 160004}
"""By major version, for those that got it in a minor one."""


def pin_session(connection: psycopg.Connection[Any], *, lock_timeout_s: int) -> None:
    """Pin the transaction's settings as SET LOCAL would, in one round trip; gone with the transaction."""
    settings = {**SESSION_SETTINGS, **_QUIET_SETTINGS, "lock_timeout": f"{lock_timeout_s}s"}
    if connection.info.server_version >= _TRANSACTION_TIMEOUT_SINCE:
        settings["transaction_timeout"] = "0"
    if connection.read_only and _can_restrict_views(connection):
        # Against a table that somebody replaced by a view, whose functions would run as who reads. Not where a restore
        # writes: the target's own triggers may read views.
        settings["restrict_nonsystem_relation_kind"] = "view"
    row = connection.execute(
        "SELECT pg_catalog.set_config(name, value, true), pg_catalog.pg_backend_pid(),"
        " pg_catalog.extract('epoch', pg_catalog.now()),"
        " pg_catalog.extract('epoch', pg_catalog.pg_postmaster_start_time())"
        " FROM unnest(%s::pg_catalog.text[], %s::pg_catalog.text[]) AS s(name, value)",
        [list(settings), list(settings.values())],
    ).fetchone()
    assert row is not None
    if isinstance(connection, WatchedConnection):
        _, *found = row
        connection.backend = Backend(*found)
        connection.lock_timeout_s = lock_timeout_s


def _can_restrict_views(connection: psycopg.Connection[Any]) -> bool:
    version = connection.info.server_version
    return version >= _VIEW_RESTRICTION_SINCE.get(version // 10000, 0)


def lift_timeouts(connection: psycopg.Connection[Any], *, lock_timeout_s: float) -> None:
    """Of `pin_session` what waiting for a lock needs, by SET LOCAL: that takes no snapshot, as a SELECT would."""
    settings = {**_QUIET_SETTINGS, "lock_timeout": f"{lock_timeout_s * 1000:.0f}ms"}
    if connection.info.server_version >= _TRANSACTION_TIMEOUT_SINCE:
        settings["transaction_timeout"] = "0"
    statements = [
        sql.SQL("SET LOCAL {} = {}").format(sql.Identifier(name), sql.Literal(value))
        for name, value in settings.items()
    ]
    connection.execute(sql.SQL("; ").join(statements))
    if isinstance(connection, WatchedConnection):
        connection.lock_timeout_s = lock_timeout_s
