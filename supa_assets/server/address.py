"""A connection URL, parsed: where it leads, and how text is kept free of its password.

A URL that libpq can't parse is never quoted, and text that comes from libpq or the server is searched for the password
in every form it was given in.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import psycopg
from psycopg import conninfo, pq

from supa_assets.errors import SettingsError
from supa_assets.files.metadata import SourceEntry
from supa_assets.settings import DATABASE_URL_VARIABLE

__all__ = ["Address", "parse_url"]

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

    def is_supabase_direct(self) -> bool:
        """Whether it is a Supabase project's own host, which has an IPv6 address only."""
        return _SUPABASE_DIRECT_HOST.fullmatch(self.describe().host.lower()) is not None

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
