"""The border where errors of this project become Dagster's `Failure`, and where they are found again in its events."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import dagster as dg

from supa_assets.errors import SourceUnavailable, SupaAssetsError, TablesFailed
from supa_assets.visible import escape_controls

if TYPE_CHECKING:
    from dagster_shared.error import SerializableErrorInfo

__all__ = ["as_failure", "explain_error", "explain_step_failure", "failures", "was_interrupted"]

_OUR_CLASS = re.compile(rf"{re.escape(SupaAssetsError.__module__)}\.\w+: ")
_INTERRUPTIONS = {"DagsterExecutionInterruptedError", "KeyboardInterrupt"}
_FIELDS = ("relation", "path", "expected", "found")


@contextmanager
def failures(tell: Callable[[str], None] = lambda _: None) -> Iterator[None]:
    """Let errors of this project leave a step as `dg.Failure`: the message as it is, the fields as metadata.

    `tell` gets message and hint, too, for consoles: they show nothing of a Failure's metadata. Control characters of
    all of them are shown by their numbers.
    """
    try:
        yield
    except SupaAssetsError as error:
        tell(escape_controls(str(error)))
        raise as_failure(error) from None


def as_failure(error: SupaAssetsError) -> dg.Failure:
    """The error as Dagster shows it. It allows a retry only if time alone may mend it."""
    fields = {name: getattr(error, name) for name in _FIELDS}
    metadata: dict[str, dg.RawMetadataValue] = {
        name: escape_controls(str(value)) for name, value in fields.items() if value is not None
    }
    if error.hint:
        metadata["hint"] = escape_controls(error.hint)
    return dg.Failure(
        description=escape_controls(error.message),
        metadata={"error": type(error).__name__, **metadata},
        allow_retries=_may_pass(error),
    )


def _may_pass(error: SupaAssetsError) -> bool:
    if isinstance(error, TablesFailed):
        return all(isinstance(failure, SourceUnavailable) for failure in error.failures.values())
    return isinstance(error, SourceUnavailable)


def explain_step_failure(event: dg.DagsterEvent) -> str:
    """What a failed step says, without a traceback: the error's own message and hint where it is one of ours."""
    failure = event.step_failure_data
    ours = failure.user_failure_data
    if ours and ours.description:
        hint = ours.metadata.get("hint")
        return f"{ours.description}\nHINT: {hint.value}" if hint else ours.description
    return explain_error(failure.error)


def was_interrupted(event: dg.DagsterEvent) -> bool:
    """Whether a step failed because the run is being ended, and for no reason of its own."""
    error = event.step_failure_data.error
    return error is not None and error.cls_name in _INTERRUPTIONS


def explain_error(error: SerializableErrorInfo | None) -> str:
    """Our own error's message as it is, whatever it came from; else the message of the first cause, with its class."""
    if error is None:
        return "it failed without saying why"
    message = error.message.strip()
    if _OUR_CLASS.match(message):
        return _OUR_CLASS.sub("", message, count=1)
    return explain_error(error.cause) if error.cause else message
