"""Errors as people and programs read them."""

from __future__ import annotations

import pytest

from supa_assets import errors
from supa_assets.causes import Cause
from supa_assets.errors import (
    PermissionDenied,
    SchemaChanged,
    SettingsError,
    SourceError,
    SourceUnavailable,
    SupaAssetsError,
    TablesFailed,
)
from supa_assets.naming import Relation


@pytest.mark.parametrize("name", errors.__all__)
def test_every_error_is_one_of_ours_and_says_what_to_do(name: str) -> None:
    kind = getattr(errors, name)
    assert issubclass(kind, SupaAssetsError)
    assert kind.__doc__


def test_the_text_of_an_error_is_its_message_and_on_a_line_of_its_own_the_hint() -> None:
    assert str(SchemaChanged("it changed", hint="reload")) == "it changed\nHINT: reload"
    assert str(SchemaChanged("it changed")) == "it changed"


def test_the_fields_of_an_error_repeat_what_the_message_names() -> None:
    error = PermissionDenied("no", relation=Relation("public", "t"), expected=1, found=2)
    assert (error.relation, error.path, error.expected, error.found) == ("public.t", None, 1, 2)


def test_who_catches_errors_of_the_source_catches_those_that_may_pass() -> None:
    assert issubclass(SourceUnavailable, SourceError)
    assert not issubclass(SettingsError, SourceError)


def test_tables_that_failed_by_one_cause_are_one_message_with_the_first_of_their_names() -> None:
    cause = Cause('role "reader" may not read the table')
    failures: dict[str, SupaAssetsError] = {
        f"t{n}": PermissionDenied(f't{n} is hidden from "reader"', cause=cause) for n in range(26)
    }
    failures["broken"] = SourceError("broken failed")
    error = TablesFailed(failures, metadata=None, table_count=29, hint="GRANT all of it")
    assert error.message == (
        '27 of 29 tables were not exported:\n  26 tables: role "reader" may not read the table:'
        " t0, t1, t2, t3, t4, t5, t6, t7 and 18 more\n  broken: broken failed"
    )
    assert error.hint == "GRANT all of it"
    assert len(error.failures) == 27


def test_tables_that_failed_are_one_error_with_each_message_and_each_hint_once() -> None:
    failures = {
        "a": SourceUnavailable("a is locked", hint="wait"),
        "b": SourceUnavailable("b is locked", hint="wait"),
        "c": PermissionDenied("c is hidden", hint="grant"),
    }
    error = TablesFailed(failures, metadata=None, table_count=7)
    assert error.message == (
        "3 of 7 tables were not exported:\n  a: a is locked\n  b: b is locked\n  c: c is hidden"
    )
    assert error.hint == "wait grant"
    assert (error.failures, error.metadata) == (failures, None)


def test_a_line_break_of_a_value_begins_no_line_and_no_hint_of_its_own() -> None:
    error = SchemaChanged('"a\nHINT: b" changed:\n  c', hint="d\ne")
    assert str(error) == '"a\\nHINT: b" changed:\n  c\nHINT: d\\ne'
    assert error.args == (error.message,)
