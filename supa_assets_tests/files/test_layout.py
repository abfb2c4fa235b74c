"""Layouts: whatever rows are written come back, are counted, and are called whole; nothing else is."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supa_assets.files.layout import ARRAY, Layout, RowCounter, RowWriter

LINES = Layout(name="file", start=b"", separator=b"\n", end=b"\n", empty=b"", suffix=".jsonl")
"""Another one than the exports have, so that nothing is seen to depend on the array."""
LAYOUTS = pytest.mark.parametrize("layout", [ARRAY, LINES], ids=lambda layout: layout.suffix)


class Bytes:
    """A file in memory."""

    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes, /) -> None:
        self.data += data


def lay_out(layout: Layout, rows: list[bytes], rows_per_chunk: int = 2) -> bytes:
    file = Bytes()
    writer = RowWriter(file, layout)
    for start in range(0, len(rows), rows_per_chunk):
        writer.add(layout.separator.join(rows[start : start + rows_per_chunk]))
    writer.end()
    return file.data


def count(layout: Layout, data: bytes, block_byte_count: int = 7) -> RowCounter:
    counter = RowCounter(layout)
    for start in range(0, len(data), block_byte_count):
        counter.add(data[start : start + block_byte_count])
    return counter


rows_of_json = st.lists(
    st.dictionaries(st.text(max_size=3), st.text('"},\n{[]', max_size=9), max_size=3).map(
        lambda row: json.dumps(row).encode()
    ),
    max_size=20,
)


@LAYOUTS
@given(rows=rows_of_json, rows_per_chunk=st.integers(1, 5), block_byte_count=st.integers(1, 20))
def test_rows_are_counted_and_cut_apart_as_they_were_written(
    layout: Layout, rows: list[bytes], rows_per_chunk: int, block_byte_count: int
) -> None:
    data = lay_out(layout, rows, rows_per_chunk)
    counter = count(layout, data, block_byte_count)
    assert counter.row_count == len(rows)
    assert list(counter.find_faults()) == []
    assert layout.cut_rows(data.splitlines(keepends=True)) == rows


@given(rows=rows_of_json)
def test_an_array_is_json_with_a_row_to_a_line(rows: list[bytes]) -> None:
    data = lay_out(ARRAY, rows)
    assert json.loads(data) == [json.loads(row) for row in rows]
    assert data.splitlines()[1:-1] == [row + b"," for row in rows[:-1]] + rows[-1:]


@LAYOUTS
@given(rows=rows_of_json.filter(bool), part=st.floats(0, 1, exclude_max=True))
def test_a_file_that_lacks_its_end_lacks_a_row(
    layout: Layout, rows: list[bytes], part: float
) -> None:
    whole = lay_out(layout, rows)
    counter = count(layout, whole[: int(len(whole) * part)])
    assert counter.row_count < len(rows)
    # Lines that are left can be whole; an array without its end can't.
    assert list(counter.find_faults()) or layout is LINES


def test_a_fault_tells_what_was_expected_and_shows_no_row() -> None:
    (ends, lines) = count(ARRAY, b'[\n{"a": "secret"},\n{"a": 1}').find_faults()
    assert (ends.expected, ends.found) == ("}\n]\n", "other bytes")
    assert ends.reason == r"a complete array ends with '}\n]\n'"
    assert (lines.expected, lines.found) == (4, 2)
    assert lines.reason == "2 rows stand in 4 lines, the file holds 2"


def test_a_table_without_rows_is_laid_out_in_one_way() -> None:
    assert lay_out(ARRAY, []) == b"[]\n"
    assert list(count(ARRAY, b"[]\n").find_faults()) == []
    assert list(count(ARRAY, b"[\n]\n").find_faults())
    assert list(count(ARRAY, b"").find_faults())


def test_files_are_called_after_the_asset() -> None:
    assert (ARRAY.file_name("orders"), LINES.file_name("orders")) == ("orders.json", "orders.jsonl")
