"""Errors of ours on their way into Dagster's events, and out of them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest
from dagster_shared.error import SerializableErrorInfo

from supa_assets.errors import (
    ExportFault,
    OutputError,
    PermissionDenied,
    SourceError,
    SourceUnavailable,
    SupaAssetsError,
    TablesFailed,
)
from supa_assets.orchestration.failures import (
    as_failure,
    explain_error,
    explain_step_failure,
    failures,
    was_interrupted,
)

DENIED = PermissionDenied("may not read", hint="GRANT it", relation="public.t", found=0)


def error(message: str, *, of: str = "ValueError", cause: Any = None) -> SerializableErrorInfo:
    return SerializableErrorInfo(message, [], of, cause)


def failed_step(of: SerializableErrorInfo | None, failure: dg.Failure | None = None) -> Any:
    data = SimpleNamespace(error=of, user_failure_data=None)
    if failure:
        data.user_failure_data = SimpleNamespace(
            description=failure.description, metadata=failure.metadata
        )
    return SimpleNamespace(step_failure_data=data)


def test_a_failure_has_the_message_as_it_is_and_the_fields_as_metadata() -> None:
    failure = as_failure(DENIED)
    assert failure.description == "may not read"
    shown = {name: value.value for name, value in failure.metadata.items()}
    assert shown == {
        "error": "PermissionDenied",
        "relation": "public.t",
        "found": "0",
        "hint": "GRANT it",
    }


GONE = SourceUnavailable("gone")


@pytest.mark.parametrize(
    ("error", "is_retried"),
    [
        (GONE, True),
        (SourceError("wrong password"), False),
        (DENIED, False),
        (OutputError("full"), False),
        (ExportFault("differs"), False),
        (TablesFailed({"a": GONE, "b": GONE}, metadata=None, table_count=3), True),
        (TablesFailed({"a": GONE, "b": DENIED}, metadata=None, table_count=3), False),
    ],
)
def test_a_retry_is_made_where_time_alone_may_mend_it(
    error: SupaAssetsError, is_retried: bool
) -> None:
    assert as_failure(error).allow_retries is is_retried


def test_an_error_of_ours_leaves_a_step_as_a_failure_and_any_other_as_it_is() -> None:
    told: list[str] = []
    with pytest.raises(dg.Failure, match="may not read"), failures(tell=told.append):
        raise DENIED
    assert told == ["may not read\nHINT: GRANT it"]
    with pytest.raises(ZeroDivisionError), failures(tell=told.append):
        raise ZeroDivisionError
    assert len(told) == 1


def test_a_failed_step_says_what_the_error_said() -> None:
    assert explain_step_failure(failed_step(None, as_failure(DENIED))) == str(DENIED)
    assert explain_step_failure(failed_step(error("boom"))) == "boom"


def test_our_own_error_is_told_whatever_it_came_from_and_else_the_first_cause() -> None:
    ours = error("supa_assets.errors.SourceError: no way\nHINT: wait\n", cause=error("deeper"))
    assert explain_error(error("outer", cause=ours)) == "no way\nHINT: wait"
    assert explain_error(error("outer", cause=error("inner"))) == "inner"
    assert explain_error(None) == "it failed without saying why"


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("KeyboardInterrupt", True), ("DagsterExecutionInterruptedError", True), ("OSError", False)],
)
def test_an_interruption_is_no_failure_of_the_steps_own(kind: str, expected: bool) -> None:
    assert was_interrupted(failed_step(error("it ended", of=kind))) is expected
    assert not was_interrupted(failed_step(None))
