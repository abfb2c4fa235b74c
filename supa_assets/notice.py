"""One thing that was found and is worth telling: what it is, of which relation, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass

from supa_assets.causes import Cause
from supa_assets.errors import SupaAssetsError
from supa_assets.naming import Relation
from supa_assets.visible import keep_own_lines

__all__ = ["Notice"]


@dataclass(frozen=True)
class Notice:
    """Told, not raised. `str()` gives the text and, on a line of its own, `HINT:` and the hint, as an error does."""

    text: str
    relation: Relation | None = None
    hint: str | None = None
    cause: Cause | None = None
    """What other relations may have, too."""

    def __str__(self) -> str:
        text = keep_own_lines(self.text)
        return f"{text}\nHINT: {keep_own_lines(self.hint)}" if self.hint else text

    def as_error(self, kind: type[SupaAssetsError]) -> SupaAssetsError:
        """The same, to be raised after all."""
        return kind(self.text, hint=self.hint, relation=self.relation, cause=self.cause)
