"""What the fork server imports before it forks a step: everything that a step would spend its first seconds on."""

from __future__ import annotations

import importlib

_MODULES = (
    "alembic.command",
    "dagster._core.executor.multiprocess",
    "dagster._core.storage.event_log.sqlite.sqlite_event_log",
    "dagster._core.storage.runs.sqlite.sqlite_run_storage",
    "dagster._core.storage.schedules.sqlite.sqlite_schedule_storage",
    "dagster._core.storage.local_compute_log_manager",
    "dagster._core.storage.root",
    "dagster._core.launcher.default_run_launcher",
    "dagster._daemon",
    "dagster._grpc",
    "dagster_postgres",
    "sqlalchemy.dialects.sqlite",
    "supa_assets.definitions",
    "supa_assets.orchestration.run",
)

for _name in _MODULES:
    importlib.import_module(_name)
