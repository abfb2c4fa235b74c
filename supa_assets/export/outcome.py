"""What became of a table in a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from supa_assets.errors import SupaAssetsError
from supa_assets.files.metadata import TableEntry
from supa_assets.files.verify import Fault
from supa_assets.naming import Relation

__all__ = ["TableOutcome"]


@dataclass(frozen=True)
class TableOutcome:
    """Whether a table was read whole and its file found whole. It is published with the run's other tables, or not."""

    name: str
    """Asset name."""
    relation: Relation
    entry: TableEntry | None = None
    """What was written, as metadata.json will say it; None where it didn't come to that."""
    faults: tuple[Fault, ...] | None = None
    """Of the file read back; None where it wasn't."""
    error: SupaAssetsError | None = None
    """Why it can't be published."""

    @property
    def status(self) -> Literal["written", "failed", "skipped"]:
        """Skipped: not begun, since a table before it failed or the run was stopped."""
        if self.error:
            return "failed"
        return "written" if self.entry else "skipped"

    @property
    def is_verified(self) -> bool | None:
        """What the reading back said; None where it didn't come to that."""
        return None if self.faults is None else not self.faults
