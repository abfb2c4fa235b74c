"""One connection to the source: where to, with which guarantees, and what to say when it fails.

Nothing that leaves this module holds a credential: a URL that libpq can't parse is never quoted, and text that
comes from libpq or the server is searched for the password in every form it was given in.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

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


_SUPABASE_DIRECT_HOST = re.compile(r"db\.([a-z0-9]+)\.supabase\.co")
_SUPABASE_POOLER_HOST = re.compile(r"[a-z0-9-]+\.pooler\.supabase\.com")


@dataclass(frozen=True)
class Address:
    """A parsed connection URL. Its repr has no password."""

    parameters: dict[str, str]

    def __repr__(self) -> str:
        entry = self.describe()
        return f"Address({entry.host}:{entry.port}/{entry.database})"

    def describe(self) -> SourceEntry:
        """Host, port and database as libpq would choose them; the first of several hosts."""
        host = (self._get("host") or self._get("hostaddr") or "localhost").split(",")[0]
        port = self._get("port").split(",")[0]
        return SourceEntry(
            host=host,
            port=int(port) if _PORT.fullmatch(port) else 5432,
            database=self._get("dbname") or self._get("user") or "postgres",
            project=self._project(host.lower()),
        )

    def user(self) -> str:
        return self._get("user")

    def is_local(self) -> bool:
        """Whether the server is on this machine: a socket or a loopback address."""
        host = self.describe().host
        return host.startswith(("/", "@", "127.")) or host in {"localhost", "::1"}

    def redact(self, text: str) -> str:
        """`text` without the password, whichever of its characters are percent-encoded, and without that of any URL."""
        if password := self._get("password"):
            text = re.sub("".join(map(_in_any_form, password)), "***", text)
        return re.sub(r"(postgres(?:ql)?://[^:/@\s]*):[^@\s]*@", r"\1:***@", text)

    def _project(self, host: str) -> str | None:
        """The Supabase project's ref: in the direct host's name, or in the pooler's user `role.<ref>`."""
        if direct := _SUPABASE_DIRECT_HOST.fullmatch(host):
            return direct[1]
        if _SUPABASE_POOLER_HOST.fullmatch(host):
            return self.user().rpartition(".")[2] if "." in self.user() else None
        return None

    def _get(self, keyword: str) -> str:
        """The URL's value, else what libpq takes from the environment (PGHOST, PGPASSWORD, …)."""
        if keyword in self.parameters:
            return str(self.parameters[keyword])
        for default in pq.Conninfo.get_defaults():
            if default.keyword == keyword.encode():
                return (default.val or b"").decode("utf-8", "replace")
        return ""


def _in_any_form(character: str) -> str:
    """A pattern for the character percent-encoded or as it is; the longer form first, for the sake of `%`."""
    encoded = "".join(f"%{byte:02x}" for byte in character.encode("utf-8", "surrogateescape"))
    return f"(?:(?i:{encoded})|{re.escape(character)})"


_PORT = re.compile(r"[0-9]{1,5}")
_PORTS = re.compile(rf"(?:(?:{_PORT.pattern})?,)*(?:{_PORT.pattern})?")
_OTHER_TOOLS_PARAMETERS = (
    "pgbouncer", "connection_limit", "pool_timeout", "schema", "statement_cache_size", "prepareThreshold", "ssl",
)  # fmt: skip
_PLACEHOLDER = "[YOUR-PASSWORD]"


def parse_url(url: str) -> Address:
    """Parse a `postgresql://` URL; raises SettingsError without quoting any part that could be of the password."""
    _, separator, rest = url.partition("://")
    if not separator or not url.startswith(("postgresql://", "postgres://")):
        raise _malformed("it doesn't start with postgresql://")
    if "\0" in url:
        raise _malformed("it holds a NUL character")
    _refuse_unescaped_password(rest)
    try:
        parameters = conninfo.conninfo_to_dict(url)
    except (psycopg.ProgrammingError, UnicodeError):
        _refuse_other_tools_parameter(rest)
        raise _malformed("libpq can't parse it") from None
    address = Address({key: str(value) for key, value in parameters.items() if value is not None})
    ports = address.parameters.get("port", "")
    if not _PORTS.fullmatch(ports) or any(
        int(port or 1) not in range(1, 65536) for port in ports.split(",")
    ):
        raise _malformed(
            "its port can't be told from its password, or is no number from 1 to 65535"
        )
    if address.parameters.get("password") == _PLACEHOLDER:
        raise SettingsError(
            f"the connection URL in {DATABASE_URL_VARIABLE} still holds {_PLACEHOLDER}",
            hint="put the database's password in its place, without the brackets; it can be reset in Dashboard,"
            " Database, Settings.",
        )
    return address


def _refuse_unescaped_password(rest: str) -> None:
    """An unescaped `@` or `/` in a password moves the borders: its end would count as host, database or parameter.

    To libpq the first `@` ends the password, unless a `/` comes before it. So a later `@` is suspect, but in a password
    that stands among the parameters.
    """
    credentials, at, after = rest.partition("@")
    if not at or "/" in credentials:
        after = rest
    if "@" in re.sub(r"[?&]password=[^&]*", "", after):
        raise _malformed("its host can't be told from its password")


def _refuse_other_tools_parameter(rest: str) -> None:
    for name in _OTHER_TOOLS_PARAMETERS:
        if re.search(rf"[?&]{name}=", rest):
            raise SettingsError(
                f'the connection URL in {DATABASE_URL_VARIABLE} has the parameter "{name}", which PostgreSQL\'s libpq'
                " doesn't know",
                hint=f"remove {name} from the part after the `?`: it belongs to another tool, such as Prisma.",
            )


def _malformed(reason: str) -> SettingsError:
    return SettingsError(
        f"the connection URL in {DATABASE_URL_VARIABLE} is malformed: {reason}",
        hint="it looks like postgresql://USER:PASSWORD@HOST:5432/postgres; percent-encode special characters in"
        " the password (`python3 -c \"from urllib.parse import quote; print(quote(input(), safe=''))\"`).",
    )


def connect(address: Address, *, timeout_s: int) -> psycopg.Connection[Any]:
    """Open a connection whose first statement begins a REPEATABLE READ, READ ONLY transaction.

    Each connection of an export is one transaction, so a transaction pooler serves as well as a session pooler;
    prepared statements are off for the same reason. Raises SourceError.
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
    except (psycopg.Error, UnicodeError) as error:
        # Not only OperationalError: psycopg refuses some parameters, and the resolver some names, in their own ways.
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
    if _SUPABASE_DIRECT_HOST.fullmatch(entry.host.lower()) and is_routing:
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
    error: psycopg.Error, address: Address, *, relation: str | None = None, role: str | None = None
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


def _explain_missing_privilege(said: str, relation: str | None, role: str) -> PermissionDenied:
    where = f'"{relation}"' if relation else "the catalogue"
    if "row-level security" in said:
        return PermissionDenied(
            f'{where} has row-level security that would hide rows from role "{role}"',
            hint=f"connect as a role with BYPASSRLS (Supabase's postgres), or: ALTER ROLE {_quoted(role)} BYPASSRLS;",
            relation=relation,
        )
    if relation is None:
        return PermissionDenied(
            f'role "{role}" may not read the catalogue: {said}',
            hint="connect as a role that may read pg_catalog, as every role may by default.",
        )
    schema, _, table = relation.partition(".")
    on_schema, to = _quoted(schema), _quoted(role)
    return PermissionDenied(
        f'role "{role}" may not read {where}: {said}',
        hint=f"GRANT USAGE ON SCHEMA {on_schema} TO {to}; GRANT SELECT ON {on_schema}.{_quoted(table)} TO {to};"
        " or leave it out (auth: --skip-auth).",
        relation=relation,
    )


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
