"""What is said of the holes that were counted."""

from __future__ import annotations

import pytest

from supa_assets.files.holes import describe_holes, list_holes
from supa_assets.files.metadata import ColumnEntry, HolesEntry, TableEntry
from supa_assets_tests.support.exports import GivenChunks


def column(
    name: str, type_: str, encoding: str, *, nullable: bool = True, **counts: int
) -> ColumnEntry:
    return ColumnEntry(
        name=name,
        type=type_,
        encoding=encoding,
        nullable=nullable,
        holes=HolesEntry(**counts) if counts else None,
    )


def entry(*columns: ColumnEntry, table: str = "notes") -> TableEntry:
    return TableEntry(
        schema_name="public",
        table=table,
        name=table,
        file=f"{table}.json",
        row_count=2,
        source_row_count=2,
        byte_count=9,
        sha256="0" * 64,
        columns=list(columns),
        primary_key=[],
        ordered_by=[],
        references=[],
        snapshot=GivenChunks.snapshot,
        exported_at=GivenChunks.snapshot.time,
        duration_ms=1,
        run_id="run",
    )


def test_each_hole_is_said_once_with_its_columns_and_what_to_do() -> None:
    tables = {
        "notes": entry(
            column("doc", "jsonb", "json", json_null=1),
            column("at", "timestamp", "timestamp", times_beyond_rfc3339=2),
            column("tags", "text[]", "array", lower_bounds=0),
        ),
        "other": entry(column("raw", "json", "json", json_null=1234, refused_escapes=0), table="o"),
    }
    null, times = describe_holes(list_holes(tables))
    assert null.startswith(
        'the JSON scalar null reads like SQL NULL: 1 value in "doc" of "public.notes",'
        ' 1,234 values in "raw" of "public.o"\nHINT: '
    )
    assert times.startswith("infinity, years BC and years after 9999 have no form in RFC 3339: 2 ")


def test_only_so_many_columns_are_named() -> None:
    columns = [column(f"c{n}", "jsonb", "json", json_null=1) for n in range(10)]
    (said,) = describe_holes(list_holes({"notes": entry(*columns)}), most_named=3)
    assert '"c2" of "public.notes", 7 more columns\n' in said


def test_zeros_are_no_holes() -> None:
    assert list_holes({"notes": entry(column("doc", "jsonb", "json", json_null=0))}) == []


@pytest.mark.parametrize(
    ("type_", "encoding", "nullable", "hole"),
    [
        ("jsonb", "json", True, "json_null"),
        ("jsonb", "json", False, None),
        ("integer[]", "array", True, "lower_bounds"),
        ("jsonb[]", "text-array", True, "lower_bounds"),
        ("text", "string", True, None),
    ],
)
def test_where_an_older_version_did_not_count_the_column_is_named_as_not_counted(
    type_: str, encoding: str, nullable: bool, hole: str | None
) -> None:
    found = list_holes({"notes": entry(column("v", type_, encoding, nullable=nullable))})
    assert [(one.hole, one.count) for one in found] == ([(hole, None)] if hole else [])
    assert [one.describe() for one in found] == (
        ['not counted in "v" of "public.notes"'] if hole else []
    )


def test_entries_of_older_versions_are_read_and_zeros_are_written() -> None:
    old = '{"name": "v", "type": "jsonb", "encoding": "json", "nullable": true}'
    assert ColumnEntry.model_validate_json(old).holes is None
    new = column("v", "jsonb", "json", json_null=0)
    assert new.model_dump_json(exclude_none=True).endswith('"holes":{"jsonNull":0}}')
    assert ColumnEntry.model_validate_json(new.model_dump_json()) == new
