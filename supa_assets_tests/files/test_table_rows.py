from __future__ import annotations

import math
import tracemalloc
from decimal import Decimal
from pathlib import Path

import pytest

from supa_assets.errors import ExportFault
from supa_assets.export.write import write_table
from supa_assets.files.local_folder import LocalFolder
from supa_assets.files.metadata import ColumnEntry
from supa_assets.files.table_rows import TableRows
from supa_assets.stream.table_stream import Chunk
from supa_assets_tests.support.exports import (
    GivenChunks,
    edit,
    export,
    new_folder,
    plan_table,
    run_id,
    some_rows,
    stage,
)


def column(name: str, type_: str, encoding: str) -> ColumnEntry:
    return ColumnEntry(name=name, type=type_, encoding=encoding, nullable=True)


def rows_of(tmp_path: Path, columns: list[ColumnEntry], *lines: bytes) -> TableRows:
    """The table whose file holds exactly these rows."""
    staging = new_folder(tmp_path).staging(run_id("run"))
    stream = GivenChunks(
        plan_table("t", columns=columns), [Chunk(line, 1) for line in lines], len(lines)
    )
    entry = write_table(stream, staging, on_progress=lambda *_: None)
    return TableRows(staging, entry)


@pytest.fixture
def orders(tmp_path: Path) -> tuple[LocalFolder, TableRows]:
    storage = new_folder(tmp_path)
    entry = export(storage, "run", {"orders": some_rows(5)}).tables["orders"]
    return storage, TableRows(storage, entry)


def test_rows_can_be_read_again_and_again(orders: tuple[LocalFolder, TableRows]) -> None:
    _, rows = orders
    assert list(rows) == list(rows) == some_rows(5)
    assert len(rows) == 5
    assert [column.name for column in rows.columns] == ["id", "name"]


def test_two_readers_do_not_disturb_each_other(orders: tuple[LocalFolder, TableRows]) -> None:
    _, rows = orders
    assert [(a["id"], b["id"]) for a, b in zip(rows, rows, strict=True)] == [
        (number, number) for number in range(5)
    ]


def test_numbers_keep_every_digit(tmp_path: Path) -> None:
    line = b'{"i": 2147483647, "d": {"a": 1.10, "b": 123456789012345678901234567890, "c": 1e400}}'
    (row,) = rows_of(
        tmp_path, [column("i", "integer", "number"), column("d", "jsonb", "json")], line
    )
    assert row["i"] == 2147483647
    assert str(row["d"]["a"]) == "1.10"
    assert row["d"]["b"] == 123456789012345678901234567890
    assert row["d"]["c"] == Decimal("1e400")


@pytest.mark.parametrize("type_", ["real", "double precision"])
def test_floats_are_floats_whatever_their_digits(tmp_path: Path, type_: str) -> None:
    rows = rows_of(
        tmp_path,
        [column("f", type_, "number"), column("a", f"{type_}[]", "array")],
        b'{"f": 5, "a": [[1, 2.5], [null, "-Infinity"]]}',
        b'{"f": 0.1, "a": null}',
        b'{"f": "Infinity", "a": []}',
        b'{"f": null, "a": ["NaN"]}',
    )
    read = list(rows)
    assert [row["f"] for row in read] == [5.0, 0.1, math.inf, None]
    assert isinstance(read[0]["f"], float)
    assert read[0]["a"] == [[1.0, 2.5], [None, -math.inf]]
    assert math.isnan(read[3]["a"][0])


def test_lone_surrogates_of_a_json_column_are_kept(tmp_path: Path) -> None:
    rows = rows_of(
        tmp_path,
        [column("j", "json", "json")],
        rb'{"j": "\ud83d\ude00"}',
        rb'{"j": "\ud800"}',
        rb'{"j": "\\ud800"}',
    )
    assert [row["j"] for row in rows] == ["\N{GRINNING FACE}", "\ud800", r"\ud800"]


def test_text_that_spells_an_escape_is_just_text(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, [column("t", "text", "string")], rb'{"t": "\\ud800 \u0001"}')
    assert [row["t"] for row in rows] == ["\\ud800 \x01"]


@pytest.mark.parametrize(
    ("opened", "closed"), [(b"[", b"]"), (b'{"a": ', b"}")], ids=["arrays", "objects"]
)
def test_a_value_may_nest_deeper_than_python_recurses(
    tmp_path: Path, opened: bytes, closed: bytes
) -> None:
    depth = 20_000
    line = rb'{"s": "\ud800", "j": ' + opened * depth + b"1" + closed * depth + b"}"
    (row,) = rows_of(tmp_path, [column("s", "json", "json"), column("j", "jsonb", "json")], line)
    value, found = row["j"], 0
    while not isinstance(value, int):
        value, found = value["a" if isinstance(value, dict) else 0], found + 1
    assert (row["s"], found) == ("\ud800", depth)


def test_an_integer_may_have_as_many_digits_as_numeric(tmp_path: Path) -> None:
    digits = b"7" * 131_072
    (row,) = rows_of(tmp_path, [column("j", "jsonb", "json")], b'{"j": [' + digits + b"]}")
    assert row["j"][0] % 10**9 == 777_777_777
    assert 10**131_071 < row["j"][0] < 10**131_072


@pytest.mark.parametrize(
    "value",
    [
        b"[" * 200_000 + b"]" * 200_000,
        b"7" * 200_000,
        b"1e99999999999999999999",
        b"NaN",
        b"Infinity",
        b"[" * 2_000 + b"nul" + b"]" * 2_000,
        b'"\0"',
        b'"a"} {',
    ],
    ids=lambda value: value[:8].decode("latin-1") + f" ({len(value)})",
)
def test_what_is_no_value_of_postgresql_or_not_json_raises(tmp_path: Path, value: bytes) -> None:
    rows = rows_of(tmp_path, [column("j", "json", "json")], b'{"j": ' + value + b"}")
    with pytest.raises(ExportFault, match="it is not JSON after row 0 of 1"):
        list(rows)


@pytest.mark.parametrize("value", [b'"x"', b"{}", b'[["x"]]', b"1" + b"0" * 400])
def test_a_float_that_is_no_number_raises(tmp_path: Path, value: bytes) -> None:
    rows = rows_of(tmp_path, [column("f", "real", "number")], b'{"f": ' + value + b"}")
    with pytest.raises(ExportFault, match='row 1 has no number in "f"'):
        list(rows)


@pytest.mark.parametrize(
    "text",
    [
        b'[{"id": 1}]\n',
        b'[\n{"id": 1},\n]\n',
        b'[\n{"id": 1}\n{"id": 2}\n]\n',
        b"[\n]\n",
        b"[]\n[]\n",
    ],
)
def test_lines_that_are_not_those_of_an_array_raise(
    orders: tuple[LocalFolder, TableRows], text: bytes
) -> None:
    storage, rows = orders
    edit(storage.path / "orders.json", lambda _: text)
    with pytest.raises(ExportFault, match="its lines are not those of an array"):
        list(rows)


def test_a_table_without_columns_has_its_rows(tmp_path: Path) -> None:
    assert list(rows_of(tmp_path, [], b"{}", b"{}")) == [{}, {}]


@pytest.mark.parametrize(
    "change",
    {
        "truncated": lambda data: data[:60],
        "row missing": lambda data: data.replace(b'{"id": 1, "name": "row 1"},\n', b""),
        "row twice": lambda data: data.replace(b"[\n", b'[\n{"id": 1, "name": "row 1"},\n'),
        "trailing garbage": lambda data: data + b"x",
        "not JSON": lambda data: data.replace(b"row 3", b'row"3'),
        "not UTF-8": lambda data: data.replace(b"row 3", b"row\xff3"),
        "not rows": lambda data: data.replace(b'{"id": 3, "name": "row 3"}', b"3"),
        "empty": lambda _: b"",
    }.items(),
    ids=lambda change: change[0],
)
def test_a_file_that_is_not_what_was_written_raises(
    orders: tuple[LocalFolder, TableRows], change: tuple[str, object]
) -> None:
    storage, rows = orders
    edit(storage.path / "orders.json", change[1])  # type: ignore[arg-type]
    with pytest.raises(ExportFault, match=r'"orders\.json" is not the file that was written'):
        list(rows)


def test_a_missing_file_raises(orders: tuple[LocalFolder, TableRows]) -> None:
    storage, rows = orders
    (storage.path / "orders.json").unlink()
    with pytest.raises(ExportFault, match="is missing"):
        list(rows)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_table(tmp_path: Path) -> None:
    storage = new_folder(tmp_path)
    entry = stage(storage, "run", "t", some_rows(100_000))
    rows = TableRows(storage.staging(run_id("run")), entry)
    tracemalloc.start()
    count = sum(1 for _ in rows)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 100_000
    assert peak < entry.byte_count / 2
