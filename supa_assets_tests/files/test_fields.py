from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from supa_assets.files.fields import (
    AssetName,
    Count,
    Expression,
    FileName,
    Flag,
    Int8Text,
    Name,
    Phrase,
    RunId,
    Sha256,
    Time,
    fault,
)

CASES: dict[str, tuple[Any, list[Any], list[Any]]] = {
    "Name": (Name, ["", 'Foo \n"Bar"', "ä" * 255], ["a\0", "x" * 256, "\ud800", 1, None]),
    "Phrase": (Phrase, ["numeric(5,2)", "x" * 1_000], ["x" * 1_001, "\0"]),
    "Expression": (Expression, ["x" * 100_000, ""], ["\0", 1]),
    "AssetName": (
        AssetName,
        ["orders", "Foo_Bar__0123abcd"],
        ["", "a b", "a/b", "ä", "x" * 201, "a\n"],
    ),
    "FileName": (
        FileName,
        ["orders.json", "a.json.gz"],
        ["", ".", "..", ".a", "a/b", "a\\b", "a\n", "Metadata.json", "EXPORT.LOG", "x" * 256, "ä"],
    ),
    "RunId": (
        RunId,
        ["run", "f3a1c0de-0000-4000-8000-000000000000"],
        ["", "..", "-x", "a/b", "a b", "x" * 256],
    ),
    "Sha256": (Sha256, ["0123456789abcdef" * 4], ["", "0" * 63, "A" * 64, "0" * 64 + "\n"]),
    "Count": (Count, [0, 2**63 - 1], [-1, 2**63, 1.0, "1", True, None]),
    "Flag": (Flag, [True, False], [0, "true", None]),
    "Int8Text": (
        Int8Text,
        ["0", "-1", "9223372036854775807", "-9223372036854775808"],
        [
            "",
            "01",
            "+1",
            "1e9",
            " 1",
            "1\n",
            "9223372036854775808",
            "-9223372036854775809",
            "9" * 5_000,
            1,
        ],
    ),
    "Time": (
        Time,
        [
            "2026-11-22T23:46:36.870174+00:00",
            "2026-11-22T23:46:36Z",
            "2026-11-22T23:46:36.870+01:00",
        ],
        [
            "",
            "2026-11-22",
            "2026-11-22T23:46:36",
            "2026-13-22T23:46:36Z",
            "2026-11-22T25:46:36Z",
            5,
        ],
    ),
}


@pytest.mark.parametrize("field", CASES)
def test_a_field_takes_what_exports_have_and_nothing_else(field: str) -> None:
    type_, taken, refused = CASES[field]
    adapter = TypeAdapter[Any](type_)
    assert [adapter.validate_python(value) for value in taken] == taken
    for value in refused:
        with pytest.raises(ValidationError):
            adapter.validate_python(value)


def test_a_faults_words_are_told_as_they_are() -> None:
    assert fault('{columns} has "a" twice').message() == '{columns} has "a" twice'
