"""A connection URL, parsed: what it says of where it leads, and how text is kept free of its password.

A URL that libpq can't parse is never quoted. Text that comes from libpq or the server loses what stands where a
password does, in a URL or a connection string, and the password itself, unless it could be one of the text's own words.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg import conninfo, pq
from psycopg.pq.abc import PGconn

from supa_assets.errors import SettingsError
from supa_assets.settings import DATABASE_URL_VARIABLE

__all__ = ["SUPABASE_DIRECT_HOST", "Address", "parse_url"]

SUPABASE_DIRECT_HOST = re.compile(r"db\.([a-z0-9]+)\.supabase\.co")


@dataclass(frozen=True)
class Address:
    """A parsed connection URL. Its repr has no password.

    Which database it leads to, only a connection tells: `supa_assets.server.identity`.
    """

    parameters: dict[str, str]
    _used: dict[str, str] = field(default_factory=dict, compare=False, repr=False)
    """User and password that libpq took, wherever it found them."""

    def __repr__(self) -> str:
        return f"Address({self.describe()})"

    def describe(self) -> str:
        """What is known before there is a connection, in one line: all hosts, or else the service that names them."""
        if self._is_by_service():
            given = [self.parameters.get(name) for name in ("host", "dbname")]
            return "/".join(filter(None, [f"service {self.parameters['service']}", *given]))
        hosts = ",".join(f"{host}:{port}" for host, port in self.hosts())
        database = self._get("dbname") or self._get("user") or "postgres"
        return f"{hosts or f'[local]:{self._port(0)}'}/{database}"

    def hosts(self) -> list[tuple[str, int]]:
        """Those that the URL, or else the environment, names, with their ports; none where a service's file does."""
        named = self._named("host") or self._named("hostaddr")
        return [(host, self._port(n)) for n, host in enumerate(named.split(","))] if named else []

    def fingerprint(self) -> str:
        """Where libpq is sent, in one text that differs for another place; without a credential."""
        told = {name: self._get(name) for name in _DIRECTIONS}
        return json.dumps([told, _read_services(self.parameters) if told["service"] else []])

    def remember(self, pgconn: PGconn) -> None:
        """Keep the user and password that libpq took, from a service file, say: for hints, and to redact."""
        self._used["user"] = pgconn.user.decode("utf-8", "replace")
        self._used["password"] = pgconn.password.decode("utf-8", "surrogateescape")

    def user(self) -> str:
        """That of the connection; before there is one, what URL and environment say."""
        return self._used.get("user") or self._get("user")

    def redact(self, text: str) -> str:
        """`text` without passwords: that of any URL and connection string in it, and this address's own.

        Neither libpq nor PostgreSQL quotes a password elsewhere. Where the own one might be a word of theirs, such as
        `postgres`, it isn't looked for: stars in the place of a word tell it to whoever knows the message.
        """
        text = _URL_CREDENTIALS.sub(r"\1:***@", text)
        text = _STRING_CREDENTIALS.sub(r"\1***", text)
        passwords = {self._get("password"), self._used.get("password", "")}
        for password in sorted(filter(self._is_unmistakable, passwords), key=len, reverse=True):
            text = re.sub("".join(map(_in_any_form, password)), "***", text)
        return text

    def _is_unmistakable(self, password: str) -> bool:
        """Whether no message holds it by chance: a part without spaces mixes letters with digits or rare signs.

        And isn't of what a message may quote: the address, or a protocol's name.
        """
        quoted = [self._get("dbname"), self.user()]
        quoted += [str(part) for host in self.hosts() for part in host]
        quoted += [value for name, value in self.parameters.items() if name not in _SECRETS]
        known = [*_PROTOCOL_NAMES, *(value.lower() for value in quoted if value)]
        tokens = _PROTOCOLS.sub(" ", password.lower()).split()
        return any(_is_unlike(token, known) for token in tokens)

    def _is_by_service(self) -> bool:
        """A service in the environment is among libpq's defaults already."""
        return "service" in self.parameters

    def _named(self, keyword: str) -> str:
        """As `_get`; but the environment gives way to the service that the URL names."""
        return self.parameters.get(keyword, "") if self._is_by_service() else self._get(keyword)

    def _port(self, number: int) -> int:
        """Of the host with this number: a single port is that of all hosts."""
        ports = self._named("port").split(",")
        port = ports[number] if number < len(ports) else ports[0]
        return int(port) if _PORT.fullmatch(port) else 5432

    def _get(self, keyword: str) -> str:
        """The URL's value, else what libpq takes from the environment (PGHOST, PGPASSWORD, …)."""
        if keyword in self.parameters:
            return str(self.parameters[keyword])
        for default in pq.Conninfo.get_defaults():
            if default.keyword == keyword.encode():
                return (default.val or b"").decode("utf-8", "replace")
        return ""


def _read_services(parameters: Mapping[str, str]) -> list[str]:
    """The lines of the service files that libpq may read, but passwords."""
    folder = os.environ.get("PGSYSCONFDIR")
    files = [
        parameters.get("servicefile") or os.environ.get("PGSERVICEFILE") or "~/.pg_service.conf",
        *([f"{folder}/pg_service.conf"] if folder else []),
    ]
    lines: list[str] = []
    for file in files:
        with suppress(OSError, RuntimeError):  # no such file, no home folder
            lines += Path(file).expanduser().read_text("utf-8", "replace").splitlines()
    return [line for line in lines if "password" not in line.lower()]


_LEAST_LENGTH = 6
_PUNCTUATION = ".,:;/()[]'\"*?=-"
_SECRETS = ("password", "sslpassword")
_URL_CREDENTIALS = re.compile(r"(postgres(?:ql)?://[^:/@\s]*):[^@\s]*@")
_STRING_CREDENTIALS = re.compile(r"(\b(?:ssl)?password\s*=\s*)(?:'(?:[^'\\]|\\.)*'|[^\s&']+)")
_MIXED = re.compile(
    rf"""(?=.*[^\W\d_])(?=.*[^\w.,:;/()\[\]'"*?=-]|.*\d).{{{_LEAST_LENGTH},}}""", re.DOTALL
)
_PROTOCOL_NAMES = (
    "scram-sha-256-plus",
    "tlsv1.0",
    "tlsv1.1",
    "tlsv1.2",
    "tlsv1.3",
    "sslv2",
    "sslv3",
    "x.509",
)
"""Of which a password may be a piece: `HA-256`."""
_PROTOCOLS = re.compile(
    r"tls ?v?1\S*|ssl ?v[23]\S*|scram\S*|sha-?\d+\S*|x\.?509|ipv[46]|utf-?8", re.IGNORECASE
)


def _is_unlike(token: str, known: Sequence[str]) -> bool:
    """Whether a part of a password is neither of what is known nor made of it, and no word."""
    for value in sorted(known, key=len, reverse=True):
        if token.strip(_PUNCTUATION) in value:
            return False
        if len(value) >= _LEAST_LENGTH:
            token = token.replace(value, "")
    return _MIXED.fullmatch(token) is not None


def _in_any_form(character: str) -> str:
    """A pattern for the character percent-encoded or as it is; the longer form first, for the sake of `%`."""
    encoded = "".join(f"%{byte:02x}" for byte in character.encode("utf-8", "surrogateescape"))
    return f"(?:(?i:{encoded})|{re.escape(character)})"


_DIRECTIONS = (
    "host", "hostaddr", "port", "dbname", "user", "service", "target_session_attrs", "options",
)  # fmt: skip
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
