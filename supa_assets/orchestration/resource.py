"""The database as a Dagster resource: an export of it is begun here, and each table's cursor comes from that."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any

import dagster as dg
from pydantic import Field, SecretStr

from supa_assets.export.run import ExportRun, begin_export
from supa_assets.export.source import SourceDatabase
from supa_assets.files.storage import Storage
from supa_assets.plan.export_plan import ExportPlan
from supa_assets.settings import load_settings

__all__ = ["SUPABASE_KEY", "SupabaseResource"]

_log = logging.getLogger("supa_assets")

SUPABASE_KEY = "supabase"
"""The resource key that the step requires."""


class SupabaseResource(dg.ConfigurableResource["SupabaseResource"]):
    """A Supabase project's database. Making it connects to nothing: checks of files run while the database is down."""

    database_url: str | None = Field(
        default=None,
        description="The connection URL: SUPABASE_DB_URL's where it isn't given. If it is, then as an EnvVar, never as"
        " text: config is shown in the UI.",
    )
    settings: dict[str, Any] = Field(
        default={},
        description="Settings that differ from the environment and supa-assets.toml; docs/CONFIGURATION.md names them.",
    )

    def database(self) -> SourceDatabase:
        """The database itself. Connects to nothing; raises SettingsError where no URL is set."""
        settings = load_settings(**self.settings)
        if self.database_url is not None:
            settings = settings.changed(database_url=SecretStr(self.database_url))
        return SourceDatabase(settings)

    @contextmanager
    def begin_export(
        self,
        plan: ExportPlan,
        storage: Storage,
        *,
        selected: Collection[str] | None,
        takes_new: bool = False,
        run_id: str,
        keep_going: bool,
        on_silence: Callable[[str], None] = _log.warning,
    ) -> Iterator[ExportRun]:
        """An export on one snapshot, and its connections; `ExportRun.open_stream` is the cursor over a table."""
        with begin_export(
            self.database(),
            storage,
            plan,
            selected=selected,
            takes_new=takes_new,
            run_id=run_id,
            stops_at_failure=not keep_going,
            on_silence=on_silence,
        ) as run:
            yield run
