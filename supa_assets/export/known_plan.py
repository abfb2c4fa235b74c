"""The last known catalogue: what definitions are built from while the database is down."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from pydantic import ValidationError

from supa_assets.errors import SourceError
from supa_assets.export.source import SourceDatabase
from supa_assets.export.state_folder import explain_state_folder, prepare_state_folder
from supa_assets.files.folder import Folder
from supa_assets.files.private import write_private_file
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
    name = f"catalog-{_fingerprint(settings, database)}.json"
    try:
        plan = database.read_plan()
    except SourceError as error:
        remembered = _recall(settings, name)
        if remembered is None:
            raise
        return KnownPlan(remembered, is_recalled=True, error=error)
    _remember(settings, name, plan)
    return KnownPlan(plan, is_recalled=False)


def _fingerprint(settings: Settings, database: SourceDatabase) -> str:
    chosen = settings.choice.model_dump_json()
    where = database.address.fingerprint()
    return hashlib.sha256(f"{where}{chosen}".encode()).hexdigest()[:16]


def _remember(settings: Settings, name: str, plan: ExportPlan) -> None:
    folder = prepare_state_folder(settings.places)
    if folder is None:
        return
    try:
        write_private_file(folder / name, plan.model_dump_json())
    except OSError as error:
        raise explain_state_folder(folder, error.strerror) from None


def _recall(settings: Settings, name: str) -> ExportPlan | None:
    state = settings.places.state_folder()
    try:
        if state is None:
            return None
        with Folder.open(state) as folder, folder.open_file(name) as file:
            return ExportPlan.model_validate_json(file.read())
    except (OSError, ValidationError):
        return None  # none known, or one of another version of this program
