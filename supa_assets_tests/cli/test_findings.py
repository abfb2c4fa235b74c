"""What a command tells besides the tables that it exported."""

from __future__ import annotations

from pathlib import Path

import pytest

from supa_assets.cli.findings import print_holes, print_not_exported, print_warning
from supa_assets.files.metadata import (
    ColumnEntry,
    HolesEntry,
    NotExportedEntry,
    NotIncludedEntry,
    TableEntry,
)
from supa_assets_tests.support.exports import new_folder, plan_table, stage


def views(count: int) -> list[NotExportedEntry]:
    return [
        NotExportedEntry(schema_name="public", name=f"v{n}", kind="view", reason="view")
        for n in range(count)
    ]


def test_what_is_not_exported_is_told_in_a_line_for_each_reason_and_the_first_names(
    capsys: pytest.CaptureFixture[str],
) -> None:
    locked = NotExportedEntry(schema_name="a", name="t", kind="table", reason="locked")
    print_not_exported([*views(10), locked], None)
    named = ", ".join(f"public.v{n}" for n in range(8))
    assert capsys.readouterr().out.splitlines() == [
        f"not exported, view: {named} and 2 more",
        "not exported, locked: a.t",
    ]


def test_tables_of_the_user_s_own_are_told_apart_from_the_platform_s_as_a_warning(
    capsys: pytest.CaptureFixture[str],
) -> None:
    own, platform = (
        NotExportedEntry(
            schema_name="billing", name="t", kind="table", reason="schema not selected"
        ),
        NotExportedEntry(schema_name="auth", name="t", kind="table", reason="platform schema"),
    )
    print_not_exported([own, platform], None, schemas=["public"])
    captured = capsys.readouterr()
    assert captured.out == "not exported, platform schema: auth.t\n"
    assert captured.err.startswith("warning: a table of your own is not exported")
    assert "billing.t\nHINT: SUPA_ASSETS_SCHEMAS=public,billing takes it in" in captured.err
    print_warning(None)
    assert capsys.readouterr().err == ""


def test_what_no_export_of_tables_holds_is_told_where_there_is_any(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_not_exported([], NotIncludedEntry(large_object_count=1, storage_object_count=3))
    assert capsys.readouterr().out.splitlines() == [
        "not included: 1 large object",
        "not included: 3 files behind storage.objects, which are no rows of tables",
    ]
    print_not_exported([], NotIncludedEntry(large_object_count=0))
    assert capsys.readouterr().out == ""


def export_with(folder: Path, holes: HolesEntry) -> dict[str, TableEntry]:
    column = ColumnEntry(name="note", type="jsonb", encoding="json", nullable=True, holes=holes)
    table = plan_table("badges", columns=[column])
    return {"badges": stage(new_folder(folder), "run", table, [{"note": None}])}


def test_values_with_a_known_hole_are_a_warning_with_a_hint(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    print_holes(export_with(tmp_path / "one", HolesEntry(json_null=2)))
    said = capsys.readouterr().err
    assert said.startswith("warning: the JSON scalar null reads like SQL NULL: 2 values in")
    assert "\nHINT: " in said
    print_holes(export_with(tmp_path / "other", HolesEntry(json_null=0)))
    assert capsys.readouterr().err == ""
