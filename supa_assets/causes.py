"""Several tables that failed by one cause: told once, with the first of their names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from supa_assets.naming import list_names

if TYPE_CHECKING:
    from supa_assets.errors import SupaAssetsError

__all__ = ["Cause", "FailedTables", "group_by_cause"]


class Cause(NamedTuple):
    """What several tables may have failed by, in words that hold for each of them: it is told once."""

    text: str
    """The message, with "the table" for its name."""
    hint: str | None = None
    """What mends it for all of them; None where each one's own hint does."""


@dataclass(frozen=True)
class FailedTables:
    """Tables that failed by one cause."""

    names: Sequence[str]
    errors: Sequence[SupaAssetsError]

    def describe(self) -> str:
        """One table with its message; several by their cause, with the first of their names."""
        if len(self.errors) == 1:
            return f"{self.names[0]}: {self.errors[0].message}"
        return self.describe_cause()

    def describe_cause(self) -> str:
        """The same without the name of a single table, where its message has it anyway."""
        counted = f"{len(self.errors)} tables: " if len(self.errors) > 1 else ""
        return f"{counted}{self.describe_uncounted()}"

    def describe_uncounted(self) -> str:
        """The same where their number has been said."""
        first = self.errors[0]
        if len(self.errors) == 1:
            return first.message
        return f"{first.cause.text if first.cause else first.message}: {list_names(self.names)}"


def group_by_cause(failures: Iterable[tuple[str, SupaAssetsError]]) -> list[FailedTables]:
    """Named errors, those of one kind and one cause together, in the order in which each cause came first.

    An error without a cause of its own is alone with its message.
    """
    groups: dict[tuple[type[SupaAssetsError], str], list[tuple[str, SupaAssetsError]]] = {}
    for name, error in failures:
        text = error.cause.text if error.cause else error.message
        groups.setdefault((type(error), text), []).append((name, error))
    return [FailedTables(*zip(*group, strict=True)) for group in groups.values()]
