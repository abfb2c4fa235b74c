"""Entries of staged tables: what a run wrote of a table is what its publication reads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from supa_assets.errors import ExportFault
from supa_assets.files.layout import ARRAY, entry_file
from supa_assets.files.staged_entries import parse_entry, read_staged_entries, stage_entry
from supa_assets.naming import Relation, assign_asset_names
from supa_assets_tests.support.exports import new_folder, plan_table, run_id, some_rows, stage


def test_a_staged_entry_is_read_back_as_it_was(tmp_path: Path) -> None:
    staging = new_folder(tmp_path).staging(run_id("run"))
    entry = stage(new_folder(tmp_path), "other", plan_table("orders", references=["users"]), [])
    stage_entry(staging, entry)
    assert staging.files() == [entry_file("orders")]
    with staging.open(entry_file("orders")) as file:
        assert parse_entry(file.read(), entry_file("orders")) == entry
    assert read_staged_entries(staging) == {"orders": entry}


def test_a_second_entry_of_a_table_replaces_the_first(tmp_path: Path) -> None:
    staging = new_folder(tmp_path).staging(run_id("run"))
    entry = stage(new_folder(tmp_path), "run", "orders", some_rows(2))
    stage_entry(staging, entry.model_copy(update={"row_count": 3}))
    assert read_staged_entries(staging)["orders"].row_count == 3


def test_an_entry_is_called_after_its_file_whatever_stands_in_it(tmp_path: Path) -> None:
    entry = stage(new_folder(tmp_path), "run", "orders", [])
    told = {**json.loads(entry.model_dump_json()), "name": "another"}
    parsed = parse_entry(json.dumps(told).encode(), entry_file("orders"))
    assert parsed.name == "orders"


def test_what_another_version_wrote_into_an_entry_is_kept(tmp_path: Path) -> None:
    """Two versions may stage tables of one run, while a deployment goes on."""
    entry = stage(new_folder(tmp_path), "run", "orders", [])
    told = {**json.loads(entry.model_dump_json()), "fromTheFuture": 1}
    parsed = parse_entry(json.dumps(told).encode(), entry_file("orders"))
    assert json.loads(parsed.model_dump_json())["fromTheFuture"] == 1


@pytest.mark.parametrize("data", [b"", b"{", b"null", b"[]", b"{}", b"\xff", b'{"rowCount": "x"}'])
def test_what_is_no_entry_is_a_fault_that_names_the_file(data: bytes) -> None:
    with pytest.raises(ExportFault) as caught:
        parse_entry(data, "orders.entry.json")
    assert caught.value.message == 'staged "orders.entry.json" is not an entry of this program'
    assert caught.value.path == "orders.entry.json"
    assert str(caught.value.hint).startswith("materialize the asset again")


@pytest.mark.parametrize("table", ["orders.entry", "orders.entry.json", "orders"])
def test_no_table_s_file_is_called_like_an_entry(table: str) -> None:
    """Both lie in one folder, and the one would be taken for the other."""
    (name,) = assign_asset_names([Relation("public", table)]).values()
    assert not ARRAY.file_name(name).endswith(entry_file(""))
    assert entry_file(name).endswith(entry_file(""))
