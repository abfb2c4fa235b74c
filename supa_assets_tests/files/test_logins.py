"""What a login leans on and an export lacks is said while the source still exists, and only then."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from supa_assets.files.logins import explain_logins, explain_logins_of
from supa_assets.files.metadata import ExportMetadata, NotExportedEntry, NotExportedReason
from supa_assets_tests.support.exports import export, new_folder, some_rows


def of_auth(name: str, reason: NotExportedReason = "platform schema") -> NotExportedEntry:
    return NotExportedEntry(schema_name="auth", name=name, kind="table", reason=reason)


def test_columns_and_tables_that_a_login_needs_are_named_with_the_settings_that_take_them_in() -> (
    None
):
    lacking = [of_auth("mfa_factors"), of_auth("sessions"), of_auth("audit_log_entries")]
    notice = explain_logins(["aud", "role", "confirmed_at"], lacking)
    assert notice is not None
    assert "columns of auth.users (aud, role)" in notice.text
    assert "tables (auth.mfa_factors, auth.sessions)" in notice.text
    assert "SUPA_ASSETS_AUTH_USERS_COLUMNS='*' and SUPA_ASSETS_PLATFORM_SCHEMAS=auth" in (
        notice.hint or ""
    )


def test_what_is_exported_or_no_part_of_a_login_is_not_named() -> None:
    assert explain_logins([], []) is None
    assert explain_logins(["confirmed_at"], [of_auth("schema_migrations")]) is None
    assert explain_logins([], [of_auth("sessions", "excluded by setting")]) is None
    only_tables = explain_logins([], [of_auth("sessions")])
    assert only_tables is not None
    assert "auth_users_columns".upper() not in (only_tables.hint or "")


def users(folder: Path, row_count: int, **changes: Any) -> ExportMetadata:
    metadata = export(new_folder(folder), "run", {"users": some_rows(row_count)})
    entry = metadata.tables["users"].model_copy(
        update={"schema_name": "auth", "omitted_columns": ["aud"], **changes}
    )
    return metadata.model_copy(update={"tables": {"users": entry}})


def test_without_users_there_is_nothing_to_log_in_with(tmp_path: Path) -> None:
    assert explain_logins_of(users(tmp_path / "some", 2)) is not None
    assert explain_logins_of(users(tmp_path / "none", 0)) is None
    assert explain_logins_of(users(tmp_path / "own", 2, schema_name="public")) is None
