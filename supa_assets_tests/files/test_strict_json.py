from __future__ import annotations

import pytest

from supa_assets.files.strict_json import read_object


def test_an_object_is_read() -> None:
    assert read_object(b'{"a": [1, {"b": null}], "c": "\xc3\xa4"}') == {
        "a": [1, {"b": None}],
        "c": "ä",
    }


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not JSON after character 0"),
        (b'{"a": 1', "not JSON after character 7"),
        (b"[]", "not an object"),
        (b"null", "not an object"),
        (b"{}{}", "not JSON after character 2"),
        (b'{"a": {"b": 1, "b": 1}}', 'has the key "b" twice'),
        (b'{"a": 1, "\\u0061": 2}', 'has the key "a" twice'),
        (b'{"a": NaN}', "NaN is no number"),
        (b'{"a": -Infinity}', "-Infinity is no number"),
        (b'{"a": "\xff"}', "not UTF-8 after byte 7"),
        (b"\xef\xbb\xbf{}", "not JSON after character 0"),
        ("{}".encode("utf-16"), "not UTF-8 after byte 0"),
        (b"[" * 1_000_000, "nests too deeply"),
        (b'{"a":' * 1_000_000, "nests too deeply"),
        (b'{"a": ' + b"1" * 5_000 + b"}", "a number is too long"),
        (b"\0" * 100, "not JSON after character 0"),
    ],
    ids=lambda value: repr(value)[:20] if isinstance(value, bytes) else None,
)
def test_what_is_no_object_of_json_is_refused_in_few_words(data: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        read_object(data)
    assert len(str(caught.value)) < 200


def test_a_key_that_comes_twice_is_not_printed_whole() -> None:
    key = b'"' + b"k" * 10_000_000 + b'"'
    with pytest.raises(ValueError, match="twice") as caught:
        read_object(b"{" + key + b": 1, " + key + b": 1}")
    assert len(str(caught.value)) < 200
