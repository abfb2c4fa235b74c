"""What the commands print: amounts that people read, and names exactly as they are."""

from __future__ import annotations

import io

import pytest

from supa_assets.cli.report import (
    build_console,
    format_bytes,
    format_count,
    format_number_of,
    format_seconds,
    print_columns,
)


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (None, "?"),
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (1_234_567, "1.2 MB"),
        (10**15, "1000.0 TB"),
    ],
)
def test_bytes_are_told_in_decimal_units(count: int | None, expected: str) -> None:
    assert format_bytes(count) == expected


def test_a_count_has_commas_and_an_unknown_one_a_question_mark() -> None:
    assert format_count(15_000) == "15,000"
    assert format_count(None) == "?"


def test_a_number_of_things_is_singular_for_one_alone() -> None:
    told = [format_number_of(count, "row") for count in (0, 1, 15_000, None)]
    assert told == ["0 rows", "1 row", "15,000 rows", "? rows"]


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.004, "0.00 s"),
        (9.994, "9.99 s"),
        (10, "10.0 s"),
        (59.9, "59.9 s"),
        (60, "1 min 00 s"),
        (3599.6, "1 h 00 min"),
        (7_260, "2 h 01 min"),
    ],
)
def test_seconds_are_told_in_the_two_units_that_matter(seconds: float, expected: str) -> None:
    assert format_seconds(seconds) == expected


def test_a_console_prints_a_name_as_it_is_whatever_it_looks_like() -> None:
    file = io.StringIO()
    name = "[bold]:smile:[/bold] 12 'x' " + "long " * 60
    build_console(file).print(name, soft_wrap=True)
    assert file.getvalue() == f"{name}\n"


def test_errors_go_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    build_console(to_stderr=True).print("warning: so")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "warning: so\n")


def test_columns_of_numbers_stand_at_the_right_and_no_name_is_cut() -> None:
    file = io.StringIO()
    name = "n" * 127
    print_columns(
        build_console(file), ("table", "rows"), [("t", "5"), (name, "15,000")], right="lr"
    )
    heading, first, second = file.getvalue().splitlines()
    assert heading.split() == ["table", "rows"]
    assert second.split() == [name, "15,000"]
    assert len(first.rstrip()) == len(second.rstrip())
