"""Connect, and say what works, what doesn't and how to mend it: everything that an export would meet, before it does.

Nothing that is diagnosed is raised: it is a finding. It reads no table.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import psycopg

from supa_assets.causes import group_by_cause
from supa_assets.errors import SettingsError, SupaAssetsError
from supa_assets.export.preflight import Preflight, explain_plain_text, preflight
from supa_assets.export.refusals import merge_hints
from supa_assets.export.source import SourceDatabase
from supa_assets.files.completeness import explain_own_left_out
from supa_assets.files.same_database import is_on_this_machine
from supa_assets.notice import Notice
from supa_assets.plan.export_plan import ExportPlan
from supa_assets.server.address import Address, parse_url
from supa_assets.server.connection import connect, watch_lines
from supa_assets.server.explain import explain_query_error
from supa_assets.server.grants import advise_bypass
from supa_assets.server.identity import identify_server, identify_source
from supa_assets.server.queries import fetch_row
from supa_assets.settings import Settings

__all__ = ["Doctor", "Finding", "Level", "run_doctor"]

Level = Literal["ok", "warning", "problem"]


@dataclass(frozen=True, kw_only=True)
class Finding(Notice):
    """One thing that was looked at."""

    level: Level
    """A problem keeps an export from its end; a warning doesn't."""
    subject: str


@dataclass
class Doctor:
    """All findings, in the order they were made, and what the export would be."""

    findings: list[Finding] = field(default_factory=list)
    plan: ExportPlan | None = None
    preflight: Preflight | None = None

    @property
    def is_well(self) -> bool:
        """Whether nothing keeps an export from its end."""
        return all(finding.level != "problem" for finding in self.findings)

    def note(self, level: Level, subject: str, text: str, hint: str | None = None) -> None:
        self.findings.append(Finding(text, hint=hint, level=level, subject=subject))


def run_doctor(settings: Settings) -> Doctor:
    """Look at everything; what a finding makes impossible to look at is left out."""
    doctor = Doctor()
    with _as_finding(doctor, "settings"):
        address = parse_url(settings.places.require_database_url())
        _check_addresses(doctor, address)
        with _as_finding(doctor, "connection"):
            _examine(doctor, address, settings)
    return doctor


def _examine(doctor: Doctor, address: Address, settings: Settings) -> None:
    with _connected(address, settings) as connection:
        entry = identify_source(connection)
        doctor.note("ok", "connection", f"{entry.host}:{entry.port}/{entry.database} answers")
        found = _fetch_session(connection)
        doctor.note("ok", "server", f"PostgreSQL {identify_server(connection).version}")
        _check_tls(doctor, connection)
        for check in (_check_role, _check_replica, _check_timeouts):
            check(doctor, found)
        _check_free_connections(doctor, found, wanted=1 + settings.running.streams)
        with _as_finding(doctor, "pooler"):
            _check_pooler(doctor, connection, found, address, settings)
    with _as_finding(doctor, "tables"):
        _check_tables(doctor, settings)


def _check_addresses(doctor: Doctor, address: Address) -> None:
    """Direct hosts have IPv6 addresses alone, and many networks none: the commonest reason for no connection."""
    for host, port in address.hosts():
        if not is_on_this_machine(host, None) and _has_only_ipv6(host, port):
            doctor.note(
                "warning",
                "network",
                f'"{host}" has only an IPv6 address',
                "where there is no IPv6, use the session pooler's string (Dashboard, Connect), or buy the IPv4 add-on.",
            )


def _has_only_ipv6(host: str, port: int) -> bool:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        return False  # the connection's own error says it
    return {family for family, *_ in found} == {socket.AF_INET6}


def _check_tls(doctor: Doctor, connection: psycopg.Connection[Any]) -> None:
    if warning := explain_plain_text(connection):
        doctor.note("warning", "TLS", warning.text, warning.hint)
    elif not connection.pgconn.ssl_in_use:
        doctor.note("ok", "TLS", "none, on this machine")
    elif connection.info.get_parameters().get("sslmode") == "verify-full":
        doctor.note("ok", "TLS", "encrypted, and the server's certificate was verified")
    else:
        doctor.note(
            "ok",
            "TLS",
            "encrypted; whose server it is was not verified",
            "sslmode=verify-full&sslrootcert=PATH, with the certificate of Dashboard, Database, Settings.",
        )


def _check_role(doctor: Doctor, found: dict[str, Any]) -> None:
    role = found["role"]
    if found["is_superuser"]:
        doctor.note(
            "warning",
            "role",
            f'"{role}" is a superuser: functions that owners of tables put into their indexes run with all its rights',
            "export as a role that can only read; docs/SECURITY.md shows how to make one.",
        )
    elif found["bypasses_rls"]:
        doctor.note("ok", "role", f'"{role}" reads past row-level security')
    else:
        doctor.note(
            "warning",
            "role",
            f"\"{role}\" has no BYPASSRLS: tables with row-level security that it doesn't own can't be exported",
            advise_bypass(role),
        )


def _check_replica(doctor: Doctor, found: dict[str, Any]) -> None:
    if found["is_replica"]:
        doctor.note(
            "warning",
            "replica",
            "the server is a read replica: its recovery may cancel a long read",
            "export from the primary, or where there is little traffic.",
        )


def _check_timeouts(doctor: Doctor, found: dict[str, Any]) -> None:
    names = {
        "statement_timeout": "statement",
        "idle_timeout": "idle in transaction",
        "transaction_timeout": "transaction",
    }
    limits = [f"{label} {found[name]}" for name, label in names.items() if found[name] != "0"]
    doctor.note(
        "ok",
        "timeouts",
        f"{', '.join(limits)}; switched off inside the export's transactions" if limits else "none",
    )


def _check_free_connections(doctor: Doctor, found: dict[str, Any], *, wanted: int) -> None:
    """One holds the snapshot, `streams` read."""
    free = found["free_connections"]
    message = f"{free} more are free on the server, an export takes {wanted}"
    if free >= wanted:
        doctor.note("ok", "connections", message)
    else:
        doctor.note(
            "warning", "connections", message, "close other clients, or raise max_connections."
        )


def _check_pooler(
    doctor: Doctor,
    connection: psycopg.Connection[Any],
    found: dict[str, Any],
    address: Address,
    settings: Settings,
) -> None:
    """A pooler gives its clients process numbers of its own. In transaction mode a second one gets the same backend."""
    if connection.info.backend_pid == found["backend_pid"]:
        doctor.note("ok", "pooler", "none, the connection is direct")
        return
    connection.rollback()
    with _connected(address, settings) as other:
        backend_pid = _fetch_session(other)["backend_pid"]
        again = _fetch_session(connection)["backend_pid"]
        connection.rollback()
    if found["backend_pid"] in (backend_pid, again) and backend_pid != found["backend_pid"]:
        doctor.note("ok", "pooler", "session mode, or a transaction pooler with nobody else on it")
    else:
        doctor.note(
            "ok", "pooler", "transaction mode; each connection of an export is one transaction"
        )


def _check_tables(doctor: Doctor, settings: Settings) -> None:
    database = SourceDatabase(settings)
    doctor.plan = plan = database.read_plan()
    names = [table.name for table in plan.tables]
    with database.hold_snapshot() as hold:
        doctor.preflight = found = preflight(hold, plan, settings, selected=names)
        with _as_finding(doctor, "snapshot"):
            database.check_joinable(hold.snapshot)
            doctor.note("ok", "snapshot", "a second connection reads in the snapshot of the first")
    errors = [(f"{refusal.relation}", refusal.error()) for refusal in found.refusals.values()]
    for group in group_by_cause(errors):
        doctor.note("problem", "privileges", group.describe_cause(), merge_hints(group.errors))
    if not plan.tables:
        doctor.note(
            "problem", "tables", "there are none to export", "see the settings schemas and auth."
        )
    else:
        doctor.note("ok", "tables", _describe_tables(plan))
    if own := explain_own_left_out(found.relations, settings.choice.schemas):
        doctor.note("warning", "not exported", own.text, own.hint)
    if logins := found.explain_logins():
        doctor.note("warning", "logins", logins.text, logins.hint)
    _check_not_included(doctor, found)


def _describe_tables(plan: ExportPlan) -> str:
    counts = [table.statistics.estimated_row_count for table in plan.tables]
    rows = sum(count for count in counts if count is not None)
    unknown = counts.count(None)
    said = f"{len(counts)} tables, about {rows:,} rows (estimate)"
    if unknown:
        said += f" besides {unknown} tables that were never analyzed"
    megabytes = sum(table.statistics.byte_count for table in plan.tables) / 1_000_000
    return f"{said}, {megabytes:,.1f} MB on the server's disk to read and send"


def _check_not_included(doctor: Doctor, found: Preflight) -> None:
    for count, what in (
        (found.not_included.large_object_count, "large objects"),
        (found.not_included.storage_object_count, "files in Supabase Storage (storage.objects)"),
    ):
        if count:
            doctor.note(
                "warning",
                "not included",
                f"{count} {what} are no rows of tables and won't be in the export",
                "copy them by other means.",
            )


def _fetch_session(connection: psycopg.Connection[Any]) -> dict[str, Any]:
    """With search_path empty, or an operator of the query could be one that somebody made for this."""
    connection.execute("SET LOCAL search_path = ''")
    return fetch_row(connection, "doctor_session.sql")


@contextmanager
def _connected(address: Address, settings: Settings) -> Iterator[psycopg.Connection[Any]]:
    connection = connect(
        address,
        timeout_s=settings.running.connect_timeout_s,
        watch=watch_lines(address, settings.running),
    )
    try:
        yield connection
    except psycopg.Error as error:
        raise explain_query_error(error, address) from None
    finally:
        connection.close()


@contextmanager
def _as_finding(doctor: Doctor, subject: str) -> Iterator[None]:
    try:
        yield
    except SupaAssetsError as error:
        name = "settings" if isinstance(error, SettingsError) else subject
        doctor.note("problem", name, error.message, error.hint)
