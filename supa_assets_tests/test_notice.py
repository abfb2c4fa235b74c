"""What was found and is told: a text, the relation, and what to do."""

from __future__ import annotations

from supa_assets.errors import SourceError, TargetError
from supa_assets.naming import Relation
from supa_assets.notice import Notice

ORDERS = Relation("public", "orders")


def test_a_notice_prints_itself_as_an_error_does() -> None:
    for hint in (None, "mend it."):
        assert str(Notice("it is broken", hint=hint)) == str(SourceError("it is broken", hint=hint))


def test_a_notice_becomes_an_error_with_all_that_it_says() -> None:
    error = Notice("it is broken", ORDERS, "mend it.").as_error(TargetError)
    assert type(error) is TargetError
    assert (error.message, error.hint) == ("it is broken", "mend it.")
    assert error.relation == "public.orders"
    assert Notice("it is broken").as_error(TargetError).relation is None
