"""What to say when the server, or the way to it, fails: the relation, the reason and the fix, never a credential.

Only the primary message of an error is taken: DETAIL and CONTEXT may quote rows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import psycopg
from psycopg import errors

from supa_assets.errors import (
    PermissionDenied,
    SchemaChanged,
    SourceError,
    SupaAssetsError,
    ValueNotExportable,
)
from supa_assets.naming import Relation
from supa_assets.server.address import Address
from supa_assets.server.grants import grant_select, grant_usage, merge_grants, quote_name

__all__ = ["explain_connection_error", "explain_query_error"]


@dataclass(frozen=True)
class _Symptom:
    """What libpq or the server says, and what to tell the operator."""

    pattern: str
    hint: str


_SYMPTOMS = (
    _Symptom(
        "Tenant or user not found|ENOTFOUND",
        "the pooler's host or user is wrong: copy the whole string from Dashboard, Connect; on the pooler the user is"
        " postgres.<project ref>, and the host's number can't be guessed.",
    ),
    _Symptom(
        "EMAXCONNSESSION|query_wait_timeout|max clients reached|MaxClientsInSessionMode|too many connections"
        "|remaining connection slots",
        "the pool is full: close other clients, raise the pool size (Dashboard, Database, Settings), or use the direct"
        " host.",
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
        "the server takes only encrypted connections: add ?sslmode=require to the URL.",
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
    _Symptom("Connection refused", "check host and port, and that the server runs."),
    _Symptom(
        "Network is unreachable|No route to host|Address family not supported",
        "this machine has no way to the address; check the network, or use the pooler's host.",
    ),
    _Symptom(
        "timeout expired|timed out",
        "check host, port and firewalls (Dashboard, Network restrictions).",
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
    said = " ".join(address.redact(str(error)).split())
    said = re.sub(r"^connection (?:failed|is bad): ", "", said)
    entry = address.describe()
    symptom = next((s for s in _SYMPTOMS if re.search(s.pattern, said, re.IGNORECASE)), None)
    hint = (
        symptom.hint if symptom else "see the message; `psql` with the same URL should fail alike."
    )
    is_routing = symptom is not None and (
        "host's spelling" in symptom.hint or "no way" in symptom.hint
    )
    if address.is_supabase_direct() and is_routing:
        hint = _IPV6_HINT
    return SourceError(
        f'cannot connect to "{entry.host}:{entry.port}/{entry.database}": {said}', hint=hint
    )


@dataclass(frozen=True)
class _Cause:
    """SQLSTATEs that mean one thing to the operator."""

    states: type[psycopg.Error] | tuple[type[psycopg.Error], ...]
    kind: type[SupaAssetsError]
    message: str
    """Of `{where}` and the server's `{said}`."""
    hint: str


_CAUSES = (
    _Cause(
        (
            errors.UndefinedTable,
            errors.UndefinedColumn,
            errors.InvalidSchemaName,
            errors.UndefinedObject,
        ),
        SchemaChanged,
        "{where} is no longer as the catalogue said: {said}",
        "it was dropped or altered since the definitions were loaded; run again (in the UI: reload definitions).",
    ),
    _Cause(
        errors.LockNotAvailable,
        SourceError,
        "{where} could not be locked for reading: {said}",
        "another session alters the table; run again when it is done, or raise the setting lock_timeout_s.",
    ),
    _Cause(
        (errors.ProgramLimitExceeded, errors.OutOfMemory),
        ValueNotExportable,
        "{where} holds a value that the server can't write as text: {said}",
        "PostgreSQL has a limit of 1 GB for one text; exclude the column or split the value.",
    ),
    _Cause(
        (errors.CharacterNotInRepertoire, errors.UntranslatableCharacter),
        ValueNotExportable,
        "{where} holds text that isn't in the database's encoding: {said}",
        "mend the text at the source; JSON files are UTF-8, and the server can't translate it.",
    ),
    _Cause(
        errors.QueryCanceled,
        SourceError,
        "reading {where} was cancelled by the server: {said}",
        "an administrator or a replica's recovery cancelled it; run again, on the primary.",
    ),
    _Cause(
        (errors.AdminShutdown, errors.CrashShutdown, errors.ConnectionException),
        SourceError,
        "the connection was lost while reading {where}: {said}",
        "check the server and the network, then run again; nothing of this run was published.",
    ),
)
_LOST = _CAUSES[-1]
_UNKNOWN = _Cause(
    psycopg.Error,
    SourceError,
    "reading {where} failed: {said} (SQLSTATE {state})",
    "see docs for the SQLSTATE: https://www.postgresql.org/docs/current/errcodes-appendix.html",
)


def explain_query_error(
    error: psycopg.Error,
    address: Address,
    *,
    relation: Relation | None = None,
    role: str | None = None,
) -> SupaAssetsError:
    """Turn what failed while reading into an error that names the relation and the fix.

    Only the primary message is taken: DETAIL and CONTEXT may quote rows.
    """
    said = address.redact(error.diag.message_primary or " ".join(str(error).split()))
    if isinstance(error, errors.ProtocolViolation):
        # A pooler's own word, before it has a server for the connection.
        return explain_connection_error(error, address)
    if isinstance(error, errors.InsufficientPrivilege):
        return _explain_missing_privilege(said, relation, role or address.user() or "postgres")
    cause = next((cause for cause in _CAUSES if isinstance(error, cause.states)), None)
    cause = cause or (_UNKNOWN if error.sqlstate else _LOST)
    where = f'"{relation}"' if relation else "the catalogue"
    return cause.kind(
        cause.message.format(where=where, said=said, state=error.sqlstate),
        hint=cause.hint,
        relation=relation,
    )


def _explain_missing_privilege(said: str, relation: Relation | None, role: str) -> PermissionDenied:
    where = f'"{relation}"' if relation else "the catalogue"
    if "row-level security" in said:
        return PermissionDenied(
            f'{where} has row-level security that would hide rows from role "{role}"',
            hint="connect as a role with BYPASSRLS (Supabase's postgres), or:"
            f" ALTER ROLE {quote_name(role)} BYPASSRLS;",
            relation=relation,
        )
    if relation is None:
        return PermissionDenied(
            f'role "{role}" may not read the catalogue: {said}',
            hint="connect as a role that may read pg_catalog, as every role may by default.",
        )
    grants = merge_grants([grant_usage(relation, role), grant_select(relation, role)])
    return PermissionDenied(
        f'role "{role}" may not read {where}: {said}',
        hint=f"{' '.join(grants)} or leave it out (auth: --skip-auth).",
        relation=relation,
    )
