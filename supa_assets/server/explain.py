"""What to say when the server fails while it reads or writes: the relation, the reason and the fix, never a credential.

Only the primary message of an error is taken: DETAIL and CONTEXT may quote rows.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import psycopg
from psycopg import errors

from supa_assets.causes import Cause
from supa_assets.errors import (
    PermissionDenied,
    SchemaChanged,
    SourceError,
    SourceUnavailable,
    SupaAssetsError,
    TargetError,
    ValueNotExportable,
)
from supa_assets.naming import Relation
from supa_assets.server.address import Address
from supa_assets.server.explain_connection import explain_connection_error
from supa_assets.server.grants import (
    advise_bypass,
    grant_select,
    grant_usage,
    merge_grants,
    name_way_out,
)
from supa_assets.server.silence import SilentLineError

__all__ = ["explain_query_error", "explain_write_error"]

_POOLER_REFUSES = re.compile(r"\(E(?:MAX|CHECKOUT)[A-Z]+\) ")
_POOLER_LOST_SERVER = re.compile(
    r"\(EDBHANDLEREXITED\) |DbHandler exited|connection to database closed"
)
"""Supavisor's words, in its own code or of older versions. Its SQLSTATE is that of any internal error."""

_States = type[psycopg.Error] | tuple[type[psycopg.Error], ...]


@dataclass(frozen=True)
class _Cause:
    """SQLSTATEs that mean one thing to the operator."""

    states: _States
    kind: type[SupaAssetsError]
    message: str
    """Of the `{action}`, `{where}`, and the server's `{said}` and `{state}`."""
    hint: str


_FAILED = "{action} {where} failed: {said} (SQLSTATE {state})"
_READING = (
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
        SourceUnavailable,
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
        SourceUnavailable,
        "reading {where} was cancelled by the server: {said}",
        "an administrator or a replica's recovery cancelled it; run again, on the primary.",
    ),
    _Cause(
        psycopg.Error,
        SourceError,
        _FAILED,
        "see docs for the SQLSTATE: https://www.postgresql.org/docs/current/errcodes-appendix.html",
    ),
)
"""The first that fits is told; the last fits always."""


def _refused(states: _States, hint: str) -> _Cause:
    return _Cause(states, TargetError, _FAILED, f"{hint} Nothing was written.")


_WRITING = (
    _refused(
        errors.UntranslatableCharacter,
        "a json value holds a lone surrogate or \\u0000, which PostgreSQL's own functions refuse: see the known holes"
        " in docs/TYPES.md.",
    ),
    _refused(
        errors.InvalidTextRepresentation,
        "a value is none of its column's type; one of json may hold a lone surrogate: see the known holes in"
        " docs/TYPES.md.",
    ),
    _refused(
        errors.UniqueViolation, "the target has rows of its own, or a key that the source has not."
    ),
    _refused(
        errors.ForeignKeyViolation,
        "the referenced row is not in the target: restore the referenced table as well, or export all tables in one"
        " snapshot.",
    ),
    _refused(
        (errors.CheckViolation, errors.NotNullViolation, errors.ExclusionViolation),
        "the target has a rule that the source's rows don't obey: alter it, or restore into tables like the source's.",
    ),
    _refused(
        errors.LockNotAvailable, "another session holds the table; run again when it is done."
    ),
    _refused(errors.DiskFull, "give the server more space."),
    _refused(errors.QueryCanceled, "an administrator cancelled it; run again."),
    _refused(
        errors.RaiseException,
        "a trigger of the target refused; disable it, or connect as a role that may.",
    ),
    _refused(psycopg.Error, "compare the target with the source."),
)
"""The first that fits is told; the last fits always."""


def explain_query_error(
    error: psycopg.Error,
    address: Address,
    *,
    relation: Relation | None = None,
    role: str | None = None,
) -> SupaAssetsError:
    """Turn what failed at the source while reading into an error that names the relation and the fix."""
    raw = _message(error)
    if isinstance(error, errors.ProtocolViolation) or _POOLER_REFUSES.match(raw):
        # A pooler's own word, before it has a server for the connection.
        return explain_connection_error(error, address)
    said = address.redact(raw)
    where = f'"{relation}"' if relation else "the catalogue"
    if isinstance(error, errors.InsufficientPrivilege):
        hides_rows = "row-level security" in raw
        return _explain_missing_privilege(
            said, relation, role or _role_of(address), hides_rows=hides_rows
        )
    if _is_lost(error, raw):
        return _explain_loss(error, said, relation, f"reading {where}", "")
    return _explain(error, _READING, said, relation, action="reading", where=where)


def explain_write_error(
    error: psycopg.Error, address: Address, *, relation: object = None, action: str = "writing"
) -> SupaAssetsError:
    """Turn what failed at the target into an error that names the relation and the fix, and quotes no row."""
    raw = _message(error)
    said = address.redact(raw)
    if isinstance(error, errors.DataError):
        said = re.sub(r': ".*', "", said, flags=re.DOTALL)  # what follows is the value
    where = f'"{relation}"' if relation else "the target"
    if isinstance(error, errors.InsufficientPrivilege):
        return PermissionDenied(
            f"role {_role_of(address)} may not do it, {action} {where}: {said}",
            hint="connect as the owner, or grant what is missing; nothing was written.",
            relation=relation,
        )
    if _is_lost(error, raw):
        return _explain_loss(error, said, relation, f"{action} {where}", "; nothing was written")
    return _explain(error, _WRITING, said, relation, action=action, where=where)


def _explain(
    error: psycopg.Error,
    causes: Sequence[_Cause],
    said: str,
    relation: object,
    *,
    action: str,
    where: str,
) -> SupaAssetsError:
    cause = next(cause for cause in causes if isinstance(error, cause.states))
    said_of = partial(cause.message.format, action=action, said=said, state=error.sqlstate)
    return cause.kind(
        said_of(where=where),
        hint=cause.hint,
        relation=relation,
        cause=Cause(said_of(where="the table")),
    )


def _message(error: psycopg.Error) -> str:
    """As it was said: what it means is read from this, and only what is shown is redacted."""
    return error.diag.message_primary or " ".join(str(error).split())


def _is_lost(error: psycopg.Error, raw: str) -> bool:
    """An error without SQLSTATE is libpq's own; psycopg has no class for all of 08, connection exceptions."""
    return (
        not error.sqlstate
        or error.sqlstate.startswith("08")
        or isinstance(error, (errors.AdminShutdown, errors.CrashShutdown))
        or _POOLER_LOST_SERVER.match(raw) is not None
    )


def _explain_loss(
    error: psycopg.Error, said: str, relation: object, doing: str, outcome: str
) -> SourceUnavailable:
    advice = "check the server and the network, then run again"
    if isinstance(error, SilentLineError):
        advice = (
            "something on the way (a proxy, a firewall, NAT) keeps the connection and delivers nothing: run again; the"
            " setting silence_limit_s says when a silent line is asked about"
        )
    return SourceUnavailable(
        f"the connection was lost while {doing}: {said}",
        hint=f"{advice}{outcome}.",
        relation=relation,
        cause=Cause(f"the connection was lost while its rows were on the way: {said}"),
    )


def _role_of(address: Address) -> str:
    return address.user() or "postgres"


def _explain_missing_privilege(
    said: str, relation: Relation | None, role: str, *, hides_rows: bool
) -> PermissionDenied:
    where = f'"{relation}"' if relation else "the catalogue"
    if hides_rows:
        hides = f'has row-level security that would hide rows from role "{role}"'
        return PermissionDenied(
            f"{where} {hides}",
            hint=advise_bypass(role),
            relation=relation,
            cause=Cause(f"the table {hides}"),
        )
    if relation is None:
        return PermissionDenied(
            f'role "{role}" may not read the catalogue: {said}',
            hint="connect as a role that may read pg_catalog, as every role may by default.",
        )
    grants = [grant_usage(relation, role), grant_select(relation, role)]
    return PermissionDenied(
        f'role "{role}" may not read {where}: {said}',
        hint=f"{' '.join(merge_grants(grants))} Or leave it out ({name_way_out(relation)}).",
        relation=relation,
        grants=grants,
        cause=Cause(f'role "{role}" may not read the table'),
    )
