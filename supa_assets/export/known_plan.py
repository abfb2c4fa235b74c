"""The last known catalogue: what definitions are built from while the database is down."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from supa_assets.errors import OutputError, SourceError
from supa_assets.export.source import SourceDatabase
from supa_assets.plan.export_plan import ExportPlan
from supa_assets.settings import Settings

__all__ = ["KnownPlan", "read_or_recall_plan"]


@dataclass(frozen=True)
class KnownPlan:
    plan: ExportPlan
    is_recalled: bool
    """Whether it comes from the state folder instead of the database."""
    error: SourceError | None = None
    """Why, if it does."""

    @property
    def reason(self) -> str | None:
        """The error in one line."""
        return self.error.message if self.error else None


def read_or_recall_plan(settings: Settings) -> KnownPlan:
    """Read the catalogue, and remember it; where the database can't be reached, recall it.

    What is remembered belongs to one address and one choice of tables, so that another project's catalogue is never
    recalled. Raises the SourceError of the connection where nothing is known.
    """
    database = SourceDatabase(settings)
    path = settings.places.state_folder() / f"catalog-{_fingerprint(settings, database)}.json"
    try:
        plan = database.read_plan()
    except SourceError as error:
        remembered = _recall(path)
        if remembered is None:
            raise
        return KnownPlan(remembered, is_recalled=True, error=error)
    _remember(path, plan)
    return KnownPlan(plan, is_recalled=False)


def _fingerprint(settings: Settings, database: SourceDatabase) -> str:
    chosen = settings.choice.model_dump_json()
    where = database.describe().model_dump_json()
    return hashlib.sha256(f"{where}{chosen}".encode()).hexdigest()[:16]


def _remember(path: Path, plan: ExportPlan) -> None:
    """Written whole or not at all: several processes load definitions at once."""
    unfinished = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_text(plan.model_dump_json(), encoding="utf-8")
        unfinished.replace(path)
    except OSError as error:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
        raise OutputError(
            f'the catalogue can\'t be remembered in "{path.parent}": {error.strerror}',
            hint="make the folder writable, or name another one in SUPA_ASSETS_STATE.",
            path=str(path.parent),
        ) from None


def _recall(path: Path) -> ExportPlan | None:
    try:
        return ExportPlan.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None  # none known, or one of another version of this program
