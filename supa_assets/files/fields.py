"""What a value of metadata.json may be: forms that every reader can rely on, once the file is parsed.

A folder may come from anybody, so a number fits PostgreSQL's int8 and a word fits a line. Text that can be long (an
expression, a default) is `Expression`; everything else is bounded, since it is printed.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, Field, Strict, StringConstraints
from pydantic_core import PydanticCustomError

__all__ = [
    "WITHOUT_NUL",
    "AssetName",
    "Count",
    "Expression",
    "FileName",
    "Flag",
    "Int8Text",
    "Name",
    "Phrase",
    "RunId",
    "Sha256",
    "Time",
    "fault",
]

_RESERVED_FILES = {"metadata.json", "export.log"}
_LARGEST_INT8 = 2**63 - 1


def fault(message: str) -> PydanticCustomError:
    """What a validator raises: its words are told as they are, behind the value's place."""
    return PydanticCustomError("not_as_written", "{said}", {"said": message})


def _must(holds: Callable[[str], bool], said: str) -> AfterValidator:
    def check(value: str) -> str:
        if not holds(value):
            raise fault(said)
        return value

    return AfterValidator(check)


def _is_time(value: str) -> bool:
    try:
        datetime.fromisoformat(value.replace("Z", "+00:00"))
    except ValueError:
        return False
    return True


WITHOUT_NUL = r"^[^\x00]*$"

Expression = Annotated[str, StringConstraints(pattern=WITHOUT_NUL)]
"""Text of any length. PostgreSQL's has no NUL."""

Phrase = Annotated[str, StringConstraints(pattern=WITHOUT_NUL, max_length=1000)]
"""A type, a version, a host."""

Name = Annotated[str, StringConstraints(pattern=WITHOUT_NUL, max_length=255)]
"""Of PostgreSQL's: 63 bytes as it is built by default, more where somebody built it so."""

AssetName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_]{1,200}$")]

FileName = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}$"),
    _must(
        lambda value: value.casefold() not in _RESERVED_FILES,
        "this file holds no table, in no export",
    ),
]
"""Plain on every file system: no folder, no leading dot, nothing that two of them write in two ways."""

RunId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,254}$")]

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]

Count = Annotated[int, Strict(), Field(ge=0, le=_LARGEST_INT8)]

Flag = Annotated[bool, Strict()]

Int8Text = Annotated[
    str,
    StringConstraints(pattern=r"^-?(0|[1-9][0-9]{0,18})$"),
    _must(lambda value: -_LARGEST_INT8 - 1 <= int(value) <= _LARGEST_INT8, "a number beyond int8"),
]

Time = Annotated[
    str,
    StringConstraints(
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}"
        r"(\.[0-9]{3}|\.[0-9]{6})?(Z|[+-][0-9]{2}:[0-9]{2})$"
    ),
    _must(_is_time, "a time that no calendar has"),
]
"""ISO 8601 with its zone."""
