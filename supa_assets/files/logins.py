"""Whether the users of an export can log in again: told while the source still exists.

`auth.users` is exported with six of its columns, and of the other tables of `auth` only `identities`. That is enough to
know who the users are, and not enough for Supabase Auth to let them in. docs/RESTORE.md says what a login leans on.
"""

from __future__ import annotations

from collections.abc import Iterable

from supa_assets.files.metadata import ExportMetadata, NotExportedEntry
from supa_assets.naming import Relation, list_names
from supa_assets.notice import Notice
from supa_assets.settings import describe_setting

__all__ = ["USERS", "explain_logins", "explain_logins_of"]

USERS = Relation("auth", "users")
_NO_PART_OF_A_LOGIN = {"audit_log_entries", "instances", "schema_migrations"}
"""Tables of `auth` that no user misses. Any other one may hold sessions, factors, providers or tokens."""
_COMPUTED = {"confirmed_at"}
"""Generated from other columns: nothing may insert it."""


def explain_logins_of(metadata: ExportMetadata) -> Notice | None:
    """What the users of this export would miss; None where there are none, or they miss nothing."""
    users = next((e for e in metadata.tables.values() if e.relation == USERS), None)
    if users is None or not users.row_count:
        return None
    return explain_logins(users.omitted_columns, metadata.not_exported)


def explain_logins(
    omitted_columns: Iterable[str], not_exported: Iterable[NotExportedEntry]
) -> Notice | None:
    """What a login leans on and an export of `auth.users` lacks: its `omitted_columns`, and tables of `auth`."""
    columns = [name for name in omitted_columns if name not in _COMPUTED]
    tables = [
        f"{entry.relation}"
        for entry in not_exported
        if entry.reason == "platform schema"
        and entry.schema_name == USERS.schema_name
        and entry.name not in _NO_PART_OF_A_LOGIN
    ]
    lacking = []
    if columns:
        lacking.append(f"columns of auth.users ({list_names(columns)})")
    if tables:
        lacking.append(f"tables ({list_names(tables)})")
    if not lacking:
        return None
    needed = [describe_setting("auth_users_columns", ["*"])] if columns else []
    needed += [describe_setting("platform_schemas", ["auth"])] if tables else []
    return Notice(
        f"users can't log in from this export as they do now: it lacks {' and '.join(lacking)}",
        hint=f"while the source is there, {' and '.join(needed)} take{'' if len(needed) > 1 else 's'} them in:"
        " docs/RESTORE.md.",
    )
