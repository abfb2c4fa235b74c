"""Whole means what was asked for: what is lost, what was left out on purpose, and what nobody may have meant to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import pytest

from supa_assets.files.completeness import (
    classify_reason,
    describe_losses,
    describe_snapshots,
    explain_own_left_out,
    find_selected_schemas,
    is_lost,
    keep_losses,
    list_losses,
    list_not_renewed,
)
from supa_assets.files.local_folder import LocalFolder
from supa_assets.files.metadata import (
    ExportMetadata,
    NotExportedEntry,
    NotExportedReason,
    NotIncludedEntry,
)
from supa_assets.files.publish import Findings, publish_run, read_published
from supa_assets.files.verify import verify_export
from supa_assets.naming import Relation
from supa_assets_tests.support.exports import (
    SERVER,
    SESSION,
    SOURCE,
    new_folder,
    run_id,
    some_rows,
    stage,
)

LOST: list[NotExportedReason] = [
    "failed", "no privilege", "row-level security", "locked", "created since the definitions were loaded",
]  # fmt: skip


def absent(name: str, reason: NotExportedReason, schema: str = "public") -> NotExportedEntry:
    return NotExportedEntry(schema_name=schema, name=name, kind="table", reason=reason)


def run(
    storage: LocalFolder,
    name: str,
    tables: Sequence[str],
    *,
    absences: Sequence[NotExportedEntry] = (),
    kept: Sequence[Relation] | None = None,
) -> ExportMetadata:
    """Publish a run that found these absences; `kept` as publish_run takes it."""
    for table in tables:
        stage(storage, name, table, some_rows(2))
    return publish_run(
        storage.staging(run_id(name)),
        source=SOURCE,
        server=SERVER,
        session=SESSION,
        kept=kept,
        findings=Findings(absences, NotIncludedEntry(), []),
    )


def lost_in(storage: LocalFolder) -> list[tuple[object, object]]:
    """Of what `verify` says, the tables and their reasons; the files are what metadata.json says of them."""
    faults = verify_export(storage)
    assert {fault.what for fault in faults} <= {"not exported"}
    return [(fault.expected, fault.found) for fault in faults]


def test_every_reason_means_something_for_the_whole() -> None:
    classes = {reason: classify_reason(reason) for reason in get_args(NotExportedReason)}
    assert [reason for reason, class_ in classes.items() if class_ == "lost"] == sorted(
        LOST, key=[*classes].index
    )
    assert [reason for reason, class_ in classes.items() if class_ == "own"] == [
        "schema not selected"
    ]
    assert [reason for reason, class_ in classes.items() if class_ == "chosen"] == [
        "excluded by setting", "not selected in this run",
    ]  # fmt: skip


@pytest.mark.parametrize("reason", LOST)
def test_a_table_that_was_asked_for_and_is_not_there_is_a_fault_told_before_those_of_files(
    tmp_path: Path, reason: NotExportedReason
) -> None:
    storage = new_folder(tmp_path)
    metadata = run(storage, "run", ["a"], absences=[absent("b", reason)], kept=())
    (tmp_path / "a.json").unlink()

    faults = verify_export(storage)
    assert [(fault.table, fault.what) for fault in faults] == [
        (None, "not exported"),
        ("a", "file"),
    ]
    assert faults[0].message == f'"public.b" is not in the export: {reason}'
    assert list_losses(metadata) == [absent("b", reason)]


@pytest.mark.parametrize("reason", [r for r in get_args(NotExportedReason) if r not in LOST])
def test_what_a_person_or_the_platform_leaves_out_is_no_fault(
    tmp_path: Path, reason: NotExportedReason
) -> None:
    storage = new_folder(tmp_path)
    metadata = run(storage, "run", ["a"], absences=[absent("b", reason)], kept=())
    assert lost_in(storage) == []
    assert describe_losses(metadata) == []
    assert not is_lost(absent("b", reason))


def test_many_tables_lost_by_one_reason_are_one_line_with_the_first_of_their_names(
    tmp_path: Path,
) -> None:
    absences = [absent(f"t{n}", "no privilege") for n in range(26)] + [absent("u", "locked")]
    metadata = run(new_folder(tmp_path), "run", ["a"], absences=absences, kept=())
    first = ", ".join(f"public.t{n}" for n in range(8))
    assert describe_losses(metadata) == [
        f"tables that this export was to hold are not in it (26, no privilege): {first} and 18 more",
        "tables that this export was to hold are not in it (1, locked): public.u",
    ]


# Run after run


def test_a_run_of_some_tables_alone_is_whole(tmp_path: Path) -> None:
    storage = new_folder(tmp_path)
    run(storage, "run", ["a"], absences=[absent("b", "not selected in this run")])
    assert lost_in(storage) == []


def test_a_run_of_some_tables_does_not_heal_what_an_earlier_run_lost(tmp_path: Path) -> None:
    storage = new_folder(tmp_path)
    run(storage, "first", ["a"], absences=[absent("b", "failed"), absent("c", "locked")], kept=())
    others = [absent("a", "not selected in this run"), absent("c", "not selected in this run")]
    run(storage, "second", ["b"], absences=others)
    assert lost_in(storage) == [("public.c", "locked")]
    run(storage, "third", ["c"])
    assert lost_in(storage) == []


def test_a_table_whose_earlier_file_stands_in_for_a_failed_one_is_a_fault_until_it_is_exported_anew(
    tmp_path: Path,
) -> None:
    storage = new_folder(tmp_path)
    run(storage, "first", ["a", "b"], kept=())
    kept = [Relation("public", "b")]
    metadata = run(storage, "second", ["a"], absences=[absent("b", "failed")], kept=kept)

    assert metadata.not_exported == []
    assert [fault.table for fault in verify_export(storage)] == ["b"]
    assert lost_in(storage) == [("public.b", "failed")]
    assert describe_losses(metadata) == [
        "tables could not be exported by the latest run, and are of an earlier one (1, failed): public.b",
    ]
    run(storage, "third", ["a"], absences=[absent("b", "not selected in this run")])
    assert lost_in(storage) == [("public.b", "failed")], "nobody tried it again"
    run(storage, "fourth", ["b"], absences=[absent("a", "not selected in this run")])
    assert lost_in(storage) == []


def test_a_table_that_is_lost_and_then_gone_is_lost_no_more(tmp_path: Path) -> None:
    storage = new_folder(tmp_path)
    run(storage, "first", ["a"], absences=[absent("b", "failed")], kept=())
    run(storage, "second", ["a"], kept=())
    assert lost_in(storage) == []


def test_what_is_kept_of_losses_is_decided_relation_by_relation() -> None:
    unselected = absent("b", "not selected in this run")
    assert keep_losses([unselected], [absent("b", "locked")]) == [absent("b", "locked")]
    assert keep_losses([unselected], [absent("b", "view")]) == [unselected]
    chosen = absent("b", "excluded by setting")
    assert keep_losses([chosen], [absent("b", "locked")]) == [chosen]
    kept = [Relation("public", "b")]
    found = [absent("b", "failed"), absent("c", "failed")]
    assert list_not_renewed(found, [absent("b", "locked")], kept=kept) == [absent("b", "failed")]
    assert list_not_renewed([unselected], [absent("b", "locked")], kept=kept) == [
        absent("b", "locked")
    ]


def test_what_a_run_published_is_read_from_the_folder(tmp_path: Path) -> None:
    storage = new_folder(tmp_path)
    assert read_published(storage, run_id("first")) == {}
    run(storage, "first", ["a", "b"], kept=())
    run(storage, "second", ["a"])
    assert list(read_published(storage, run_id("first"))) == ["b"]
    assert list(read_published(storage, run_id("second"))) == ["a"]


# The user's own


def test_tables_of_the_user_s_own_are_a_warning_with_the_setting_that_takes_them_in() -> None:
    relations = [
        absent("invoices", "schema not selected", "billing"),
        absent("lines", "schema not selected", "billing"),
        absent("sessions", "platform schema", "auth"),
    ]
    notice = explain_own_left_out(relations, ["public", "app"])
    assert notice is not None
    assert notice.text == (
        "2 tables of your own are not exported, in schemas that are not selected:"
        " billing.invoices, billing.lines"
    )
    assert (notice.hint or "").startswith("SUPA_ASSETS_SCHEMAS=public,app,billing takes them in")
    assert explain_own_left_out(relations[2:], ["public"]) is None


def test_the_selected_schemas_are_those_that_the_export_s_tables_lie_in(tmp_path: Path) -> None:
    absences = [
        absent("b", "failed", "app"),
        absent("c", "not selected in this run", "crm"),
        absent("d", "schema not selected", "billing"),
        absent("sessions", "platform schema", "auth"),
    ]
    metadata = run(new_folder(tmp_path), "run", ["a"], absences=absences)
    assert find_selected_schemas(metadata) == ["app", "crm", "public"]
    assert find_selected_schemas(
        metadata.model_copy(update={"tables": {}, "not_exported": []})
    ) == ["public"]


def test_several_snapshots_are_named_with_their_tables(tmp_path: Path) -> None:
    metadata = run(new_folder(tmp_path), "run", ["a"])
    assert describe_snapshots(metadata.tables, metadata.snapshots) == ""
    twice = [*metadata.snapshots, metadata.snapshots[0].model_copy(update={"time": "later"})]
    assert describe_snapshots(metadata.tables, twice).startswith("the tables are of 2 instants")
