"""What keeps a connection from opening: libpq's and poolers' words for it, each with its fix, never a credential."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import psycopg
from psycopg.pq.abc import PGconn

from supa_assets.errors import SourceError, SourceUnavailable
from supa_assets.server.address import SUPABASE_DIRECT_HOST, Address

__all__ = ["explain_connection_error"]


@dataclass(frozen=True)
class _Symptom:
    """What libpq or the server says, and what to tell the operator."""

    pattern: str
    hint: str
    may_pass: bool = False
    """Whether the same attempt may succeed a little later."""
    is_done: Callable[[Address, PGconn | None], bool] = lambda *_: False
    """Whether the URL has already what the hint names; `other_hint` is given then."""
    other_hint: str = ""


_SYMPTOMS = (
    _Symptom(
        "Tenant or user not found|ENOTFOUND",
        "the pooler's host or user is wrong: copy the whole string from Dashboard, Connect; on the pooler the user is"
        " postgres.<project ref>, and the host's number can't be guessed.",
    ),
    _Symptom(
        "EMAX[A-Z]+|ECHECKOUTTIMEOUT|query_wait_timeout|max client(?:s| connections) reached|MaxClientsInSessionMode"
        "|no more connections allowed|too many (?:connections|clients)|remaining connection slots",
        "the pool is full: close other clients, raise the pool size (Dashboard, Database, Settings), or use the direct"
        " host.",
        may_pass=True,
        is_done=lambda address, tried: _leads_to_direct_host(address, tried),  # noqa: PLW0108 - defined below
        other_hint="all of the server's connections are taken: close other clients, or use the pooler's string"
        " (Dashboard, Connect, Session pooler).",
    ),
    _Symptom(
        "password authentication failed",
        "check user and password; special characters in the URL's password are percent-encoded, and the brackets of"
        " [YOUR-PASSWORD] don't belong to it; it can be reset in Dashboard, Database, Settings.",
    ),
    _Symptom(
        "no password supplied|empty password",
        "put the password into the URL (postgresql://USER:PASSWORD@HOST:5432/postgres), PGPASSWORD, or a passfile.",
    ),
    _Symptom(
        "certificate verify failed|root certificate file|self-signed",
        "verify-full needs the root certificate: download it from Dashboard, Database, Settings, SSL, and add"
        " ?sslmode=verify-full&sslrootcert=PATH.",
        is_done=lambda address, _: "sslrootcert" in address.parameters,
        other_hint="sslrootcert has to name the file with the certificate that signed the server's: download it from"
        " Dashboard, Database, Settings, SSL.",
    ),
    _Symptom(
        "server certificate for",
        "the certificate is another host's: use the host name that it names, as the Dashboard's string does.",
    ),
    _Symptom(
        "does not support SSL|SSL not in use",
        "the server offers no TLS; if the way to it is safe, write sslmode=disable into the URL. Supabase does offer"
        " it: check host and port.",
    ),
    _Symptom(
        "no encryption|SSL connection is required|SSL off",
        "the server takes only encrypted connections: set sslmode=require in the URL.",
    ),
    _Symptom(
        "no pg_hba.conf entry",
        "the server's pg_hba.conf lets this user, database or address in only after an administrator adds a line.",
    ),
    _Symptom(
        "invalid sslmode",
        "sslmode is one of disable, prefer, require, verify-ca, verify-full.",
    ),
    _Symptom(
        "SSL error|SSL negotiation|SSL SYSCALL",
        "TLS broke down: check that the port is PostgreSQL's, and sslmode in the URL.",
    ),
    _Symptom(
        "could not translate host name|Name or service not known|failed to resolve host|nodename nor servname"
        "|Temporary failure in name resolution|No address associated|'idna' codec",
        "check the host's spelling and this machine's DNS.",
    ),
    _Symptom("Connection refused", "check host and port, and that the server runs.", may_pass=True),
    _Symptom(
        "the database system is (?:starting up|shutting down|in recovery mode|not (?:yet )?accepting connections)",
        "wait until the server takes connections again.",
        may_pass=True,
    ),
    _Symptom(
        "Network is unreachable|No route to host|Address family not supported",
        "this machine has no way to the address; check the network, or use the pooler's host.",
    ),
    _Symptom(
        "timeout expired|timed out",
        "check host, port and firewalls (Dashboard, Network restrictions).",
        may_pass=True,
    ),
    _Symptom(r'database ".*" does not exist', "on Supabase the database is called postgres."),
    _Symptom(
        r'role ".*" does not exist',
        "on Supabase the user is postgres, or postgres.<project ref> on the pooler.",
    ),
    _Symptom(
        "server closed the connection",
        "check that host and port are PostgreSQL's, and that no proxy or ban (Dashboard, Database, Network bans) cuts"
        " it.",
        may_pass=True,
    ),
    _Symptom(
        "No such file or directory", "no server listens on that socket; check the URL's host."
    ),
)
_IPV6_HINT = (
    "the direct host has only an IPv6 address unless the project bought the IPv4 add-on: use the session pooler's"
    " string (Dashboard, Connect, Session pooler)."
)


def explain_connection_error(error: Exception, address: Address) -> SourceError:
    """What kept a connection from opening, with the fix where the cause is known."""
    tried = error.pgconn if isinstance(error, psycopg.Error) else None
    if tried is not None:
        address.remember(tried)
    raw = re.sub(r"^connection (?:failed|is bad): ", "", " ".join(str(error).split()))
    symptom = next((s for s in _SYMPTOMS if re.search(s.pattern, raw, re.IGNORECASE)), None)
    said = address.redact(raw)  # only what is shown; what it means is read from the whole
    hint = "see the message; `psql` with the same URL should fail alike."
    if symptom:
        hint = symptom.other_hint if symptom.is_done(address, tried) else symptom.hint
    is_routing = symptom is not None and (
        "host's spelling" in symptom.hint or "no way" in symptom.hint
    )
    if is_routing and _leads_to_direct_host(address, tried):
        hint = _IPV6_HINT
    kind = SourceUnavailable if symptom and symptom.may_pass else SourceError
    return kind(f'cannot connect to "{_describe(address, tried)}": {said}', hint=hint)


def _describe(address: Address, tried: PGconn | None) -> str:
    """Where the attempt went: a service or libpq's default may have named it. Of several hosts it is but the last."""
    if tried is None or not tried.host or len(address.hosts()) > 1:
        return address.describe()
    return f"{_decode(tried.host)}:{_decode(tried.port)}/{_decode(tried.db)}"


def _leads_to_direct_host(address: Address, tried: PGconn | None) -> bool:
    """Whether it is a Supabase project's own host, which has an IPv6 address only."""
    hosts = [host for host, _ in address.hosts()] or ([_decode(tried.host)] if tried else [])
    return any(SUPABASE_DIRECT_HOST.fullmatch(host.lower()) for host in hosts)


def _decode(value: bytes) -> str:
    return value.decode("utf-8", "replace")
