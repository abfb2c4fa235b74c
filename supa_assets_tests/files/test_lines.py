from __future__ import annotations

import io

import pytest

from supa_assets.errors import ExportFault
from supa_assets.files import lines
from supa_assets.files.lines import read_lines


def test_lines_come_whole_and_in_order_whatever_the_batch() -> None:
    data = b"[\n{}\r,\n{}\n]\nrest"
    for byte_count in (1, 3, 100):
        batches = list(read_lines(io.BytesIO(data), "t.json", byte_count=byte_count))
        assert b"".join(line for batch in batches for line in batch) == data
        assert all(line.endswith(b"\n") for batch in batches for line in batch if line != b"rest")
    assert len(batches) == 1
    assert list(read_lines(io.BytesIO(b""), "t.json", byte_count=1)) == []


def test_a_line_that_is_longer_than_any_row_raises_before_it_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lines, "LONGEST_LINE_BYTE_COUNT", 1_000)
    assert list(read_lines(io.BytesIO(b"x" * 1_000), "t.json", byte_count=1)) == [[b"x" * 1_000]]
    file = io.BytesIO(b"x" * 10_000)
    with pytest.raises(ExportFault, match=r'"t\.json" .* a line of more than 1000 bytes'):
        list(read_lines(file, "t.json", byte_count=1))
    assert file.tell() == 1_001
