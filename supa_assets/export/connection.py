"""One connection to the source: where to, with which guarantees, and what to say when it fails.

Nothing that leaves this module holds a credential: a URL that libpq can't parse is never quoted, and text that comes from
libpq or the server is searched for the password in every form it was given in.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import psycopg
from psycopg import conninfo, errors, pq, sql

from supa_assets.errors import (
    PermissionDenied,
    SchemaChanged,
    SettingsError,
    SourceError,
    SupaAssetsError,
    ValueNotExportable,
)
from supa_assets.export.metadata import SourceEntry
from supa_assets.settings import DATABASE_URL_VARIABLE

__all__ = [
    "Address",
    "connect",
    "explain_query_error",
    "lift_timeouts",
    "parse_url",
    "pin_session",
]

APPLICATION_NAME = "supa-assets"
OLDEST_SERVER = 150000


@dataclass(frozen=True)
class Address:
    """A parsed connection URL. Its repr has no password."""

    parameters: dict[str, str]

    def __repr__(self) -> str:
        entry = self.describe()
        return f"Address({entry.host}:{entry.port}/{entry.database})"

    def describe(self) -> SourceEntry:
        """Host, port and database as libpq would choose them; the first of several hosts."""
        host = self._get("host") or self._get("hostaddr") or "localhost"
        port = self._get("port") or "5432"
        database = self._get("dbname") or self._get("user") or "postgres"
        return SourceEntry(
            host=host.split(",")[0], port=int(port.split(",")[0] or 5432), database=database
        )

    def user(self) -> str:
        return self._get("user")

    def is_local(self) -> bool:
        """Whether the server is on this machine: a socket or a loopback address."""
        host = self.describe().host
        return host.startswith(("/", "@", "127.")) or host in {"localhost", "::1"}

    def redact(self, text: str) -> str:
        """`text` without the password, as it is or percent-encoded."""
        password = self._get("password")
        for form in {password, quote(password, safe=""), quote(password)} - {""}:
            text = text.replace(form, "***")
        return re.sub(r"(postgres(?:ql)?://[^:/@\s]*):[^@\s]*@", r"\1:***@", text)

    def _get(self, keyword: str) -> str:
        """The URL's value, else what libpq takes from the environment (PGHOST, PGPASSWORD, …)."""
        if keyword in self.parameters:
            return str(self.parameters[keyword])
        for default in pq.Conninfo.get_defaults():
            if default.keyword == keyword.encode():
                return (default.val or b"").decode("utf-8", "replace")
        return ""


def parse_url(url: str) -> Address:
    """Parse a `postgresql://` URL; raises SettingsError without quoting any part of it."""
    if not url.startswith(("postgresql://", "postgres://")):
        raise _malformed("it doesn't start with postgresql://")
    try:
        parameters = conninfo.conninfo_to_dict(url)
    except (psycopg.ProgrammingError, UnicodeError):
        raise _malformed("libpq can't parse it") from None
    address = Address({key: str(value) for key, value in parameters.items() if value is not None})
    # A password with an unescaped `@` or `/` moves the borders: its end would become a part of the host or database name.
    for keyword in ("host", "dbname", "port"):
        value = address.parameters.get(keyword, "")
        if "@" in value or (keyword == "port" and not re.fullmatch(r"[\d,]*", value)):
            raise _malformed(f"its {keyword} can't be told from its password")
    return address


def _malformed(reason: str) -> SettingsError:
    return SettingsError(
        f"the connection URL in {DATABASE_URL_VARIABLE} is malformed: {reason}",
        hint="it looks like postgresql://USER:PASSWORD@HOST:5432/postgres; percent-encode special characters in"
        " the password (`python3 -c \"from urllib.parse import quote; print(quote(input(), safe=''))\"`).",
    )


def connect(address: Address, *, timeout_s: int) -> psycopg.Connection[Any]:
    """Open a connection whose first statement begins a REPEATABLE READ, READ ONLY transaction.

    Each connection of an export is one transaction, so a transaction pooler serves as well as a session pooler; prepared
    statements are off for the same reason. Raises SourceError.
    """
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
    try:
        connection: psycopg.Connection[Any] = psycopg.connect(
            **{**defaults, **address.parameters, "client_encoding": "UTF8"},  # type: ignore[arg-type]
            prepare_threshold=None,
        )
    except psycopg.OperationalError as error:
        raise explain_connection_error(error, address) from None
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    connection.read_only = True
    if connection.info.server_version < OLDEST_SERVER:
        found = connection.info.parameter_status("server_version") or "unknown"
        connection.close()
        raise SourceError(
            f"the server is PostgreSQL {found}, this program reads 15 and newer",
            hint="upgrade the project (Dashboard, Settings, Infrastructure).",
            expected=15,
            found=found,
        )
    return connection


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
    "max_parallel_workers_per_gather": "0",  # small computes have two cores, and rows keep their order
}
_TRANSACTION_TIMEOUT_SINCE = 170000


def pin_session(connection: psycopg.Connection[Any], *, lock_timeout_s: int) -> None:
    """Pin the transaction's settings as SET LOCAL would, in one round trip; gone with the transaction."""
    settings = {**SESSION_SETTINGS, **_QUIET_SETTINGS, "lock_timeout": f"{lock_timeout_s}s"}
    if connection.info.server_version >= _TRANSACTION_TIMEOUT_SINCE:
        settings["transaction_timeout"] = "0"
    connection.execute(
        "SELECT pg_catalog.set_config(name, value, true)"
        " FROM unnest(%s::pg_catalog.text[], %s::pg_catalog.text[]) AS s(name, value)",
        [list(settings), list(settings.values())],
    )


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


@dataclass(frozen=True)
class _Symptom:
    """What libpq or the server says, and what to tell the operator."""

    pattern: str
    hint: str


_SUPABASE_DIRECT_HOST = re.compile(r"db\.[a-z0-9]+\.supabase\.co")
_SYMPTOMS = (
    _Symptom(
        "Tenant or user not found|ENOTFOUND",
        "the pooler's host or user is wrong: copy the whole string from Dashboard, Connect; on the pooler the user is"
        " postgres.<project ref>, and the host's number can't be guessed.",
    ),
    _Symptom(
        "EMAXCONNSESSION|max clients reached|MaxClientsInSessionMode|too many connections|remaining connection slots",
        "the pool is full: close other clients, raise the pool size (Dashboard, Database, Settings), or use the direct host.",
    ),
    _Symptom(
        "password authentication failed|no password supplied|empty password",
        "check user and password; special characters in the URL's password are percent-encoded; it can be reset in"
        " Dashboard, Database, Settings.",
    ),
    _Symptom(
        "certificate verify failed|root certificate file|self-signed",
        "verify-full needs the root certificate: download it from Dashboard, Database, Settings, SSL, and add"
        " ?sslmode=verify-full&sslrootcert=PATH.",
    ),
    _Symptom(
        "does not support SSL|SSL connection is required|SSL error|no encryption|sslmode|server certificate for",
        "check sslmode in the URL against what the server offers; Supabase takes sslmode=require and verify-full.",
    ),
    _Symptom(
        "could not translate host name|Name or service not known|failed to resolve host|nodename nor servname"
        "|Temporary failure in name resolution|No address associated",
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
        "No such file or directory", "no server listens on that socket; check the URL's host."
    ),
)
_IPV6_HINT = (
    "the direct host has only an IPv6 address unless the project bought the IPv4 add-on: use the session pooler's"
    " string (Dashboard, Connect, Session pooler)."
)


def explain_connection_error(error: psycopg.Error, address: Address) -> SourceError:
    """What kept a connection from opening, with the fix where the cause is known."""
    said = " ".join(address.redact(str(error)).split())
    entry = address.describe()
    symptom = next((s for s in _SYMPTOMS if re.search(s.pattern, said, re.IGNORECASE)), None)
    hint = (
        symptom.hint
        if symptom
        else "see the server's message; `psql` with the same URL should fail alike."
    )
    is_routing = symptom is not None and (
        "host's spelling" in symptom.hint or "no way" in symptom.hint
    )
    if _SUPABASE_DIRECT_HOST.fullmatch(entry.host) and is_routing:
        hint = _IPV6_HINT
    return SourceError(
        f'cannot connect to "{entry.host}:{entry.port}/{entry.database}": {said}', hint=hint
    )


def explain_query_error(
    error: psycopg.Error, address: Address, *, relation: str | None = None, role: str | None = None
) -> SupaAssetsError:
    """Turn what failed while reading into an error that names the relation and the fix.

    Only the primary message is taken: DETAIL and CONTEXT may quote rows.
    """
    said = address.redact(error.diag.message_primary or " ".join(str(error).split()))
    where = f'"{relation}"' if relation else "the catalogue"
    role = role or address.user() or "postgres"
    if isinstance(error, errors.InsufficientPrivilege):
        return _explain_missing_privilege(said, relation, role)
    if isinstance(
        error,
        errors.UndefinedTable
        | errors.UndefinedColumn
        | errors.InvalidSchemaName
        | errors.UndefinedObject,
    ):
        return SchemaChanged(
            f"{where} is no longer as the catalogue said: {said}",
            hint="it was dropped or altered since the definitions were loaded; run again (in the UI: reload definitions).",
            relation=relation,
        )
    if isinstance(error, errors.LockNotAvailable):
        return SourceError(
            f"{where} could not be locked for reading: {said}",
            hint="another session alters the table; run again when it is done, or raise the setting lock_timeout_s.",
            relation=relation,
        )
    if isinstance(error, errors.ProgramLimitExceeded | errors.OutOfMemory):
        return ValueNotExportable(
            f"{where} holds a value that the server can't write as text: {said}",
            hint="PostgreSQL has a limit of 1 GB for one text; exclude the column or split the value.",
            relation=relation,
        )
    if isinstance(error, errors.QueryCanceled):
        return SourceError(
            f"reading {where} was cancelled by the server: {said}",
            hint="an administrator or a replica's recovery cancelled it; run again, on the primary.",
            relation=relation,
        )
    if error.sqlstate is None or isinstance(
        error, errors.AdminShutdown | errors.CrashShutdown | errors.ConnectionException
    ):
        return SourceError(
            f"the connection was lost while reading {where}: {said}",
            hint="check the server and the network, then run again; nothing of this run was published.",
            relation=relation,
        )
    return SourceError(
        f"reading {where} failed: {said} (SQLSTATE {error.sqlstate})",
        hint="see docs for the SQLSTATE: https://www.postgresql.org/docs/current/errcodes-appendix.html",
        relation=relation,
    )


def _explain_missing_privilege(said: str, relation: str | None, role: str) -> PermissionDenied:
    where = f'"{relation}"' if relation else "the catalogue"
    if "row-level security" in said:
        return PermissionDenied(
            f'{where} has row-level security that would hide rows from role "{role}"',
            hint=f'connect as a role with BYPASSRLS (Supabase\'s postgres), or: ALTER ROLE "{role}" BYPASSRLS;',
            relation=relation,
        )
    schema = relation.partition(".")[0] if relation else "public"
    quoted = ".".join(f'"{part}"' for part in relation.split(".", 1)) if relation else ""
    return PermissionDenied(
        f'role "{role}" may not read {where}: {said}',
        hint=f'GRANT USAGE ON SCHEMA "{schema}" TO "{role}"; GRANT SELECT ON {quoted} TO "{role}";'
        " or leave it out (auth: --skip-auth).",
        relation=relation,
    )
