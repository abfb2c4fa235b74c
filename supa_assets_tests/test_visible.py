"""What steers a terminal or can't be seen is shown by its number, and everything else as it is."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supa_assets.visible import dump_json, escape_controls, keep_own_lines, one_line
from supa_assets_tests.support.hostile import list_steering

ANY_TEXT = st.text(st.characters(), max_size=40)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31m", r"\x1b[31m"),
        ("\x9b\x85", r"\x9b\x85"),
        ("\u202eevil\u202c", r"\u202eevil\u202c"),
        ("\u2066\u2069\u200e\u200f\u061c", r"\u2066\u2069\u200e\u200f\u061c"),
        ("\u2028\u2029\ufeff\u200b\xad", r"\u2028\u2029\ufeff\u200b\xad"),
        ("\U000e0041\U000e0100", r"\U000e0041\U000e0100"),
        ("\udc80\x00\x7f\b", r"\udc80\x00\x7f\x08"),
        ("a\tb\rc\u3164", r"a\tb\rc\u3164"),
    ],
)
def test_what_a_terminal_obeys_or_hides_is_shown_by_its_number(text: str, shown: str) -> None:
    assert escape_controls(text) == shown


@pytest.mark.parametrize(
    "text", ["Straße, naïve", "数据 数据", "עברית العربية", "👍🏽 é", r"a\b", "x\u3000y\xa0z"]
)
def test_other_text_stays_as_it_is(text: str) -> None:
    assert escape_controls(text) == one_line(text) == text


@given(ANY_TEXT)
def test_no_text_steers_and_escaping_again_changes_nothing(text: str) -> None:
    shown = escape_controls(text)
    assert list_steering(shown) == []
    assert escape_controls(shown) == shown
    assert "\n" not in one_line(text)


@given(ANY_TEXT)
def test_json_keeps_the_value_and_steers_nothing(text: str) -> None:
    value = {"name": [text]}
    for written in (dump_json(value), dump_json(value, indent=2)):
        assert list_steering(written) == []
        assert json.loads(written) == value


def test_of_line_breaks_those_before_indented_lines_stay() -> None:
    assert keep_own_lines("two:\n  a\nb\n  c\n") == "two:\n  a\\nb\n  c\\n"
