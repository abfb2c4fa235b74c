"""Several tables that failed by one cause are one message."""

from __future__ import annotations

from supa_assets.causes import Cause, group_by_cause
from supa_assets.errors import PermissionDenied, SourceUnavailable


def test_tables_that_failed_by_one_cause_are_told_together_with_their_number() -> None:
    cause = Cause("the table is held")
    errors = [(name, SourceUnavailable(f"{name} is held", cause=cause)) for name in "abc"]
    groups = group_by_cause([*errors, ("d", SourceUnavailable("d is gone"))])
    assert [group.describe() for group in groups] == [
        "3 tables: the table is held: a, b, c", "d: d is gone",
    ]  # fmt: skip
    assert groups[0].describe_uncounted() == "the table is held: a, b, c"


def test_one_cause_of_two_kinds_is_told_of_each() -> None:
    cause = Cause("the table is held")
    groups = group_by_cause(
        [("a", SourceUnavailable("a", cause=cause)), ("b", PermissionDenied("b", cause=cause))]
    )
    assert [group.describe_cause() for group in groups] == ["a", "b"]
