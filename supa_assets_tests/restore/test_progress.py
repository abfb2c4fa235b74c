"""What a restore says while it goes on."""

from __future__ import annotations

from pathlib import Path

from supa_assets.files.metadata import TableEntry
from supa_assets.restore.progress import ProgressLines
from supa_assets_tests.support.exports import export, new_folder, some_rows


def test_a_table_is_told_when_it_is_done_and_a_long_one_meanwhile(tmp_path: Path) -> None:
    metadata = export(new_folder(tmp_path), "run", {"a": some_rows(2000), "b": []})
    entries: dict[str, TableEntry] = metadata.tables
    said: list[str] = []
    lines = ProgressLines(entries, said.append, interval_s=0)

    lines.show("a", 1000, 9)
    lines.show("a", 2000, 9)
    lines.show("b", 0, 0)

    assert said == ["a: 1,000 of 2,000 rows so far", "[1/2] a: 2,000 rows", "[2/2] b: 0 rows"]


def test_between_two_lines_of_a_table_lies_the_interval(tmp_path: Path) -> None:
    metadata = export(new_folder(tmp_path), "run", {"a": some_rows(3)})
    said: list[str] = []
    lines = ProgressLines(metadata.tables, said.append, interval_s=60)

    for row_count in (1, 2, 3):
        lines.show("a", row_count, 9)

    assert said == ["[1/1] a: 3 rows"]
