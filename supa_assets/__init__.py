"""Export every row of a Supabase database to JSON files, as a Dagster asset graph, and prove it.

`export_database` does it without Dagster: docs/PYTHON.md. `defs` are the definitions, for Dagster. Both are
looked up late, so that `import supa_assets` stays free of psycopg, and of Dagster, which takes two seconds to import.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from supa_assets.definitions import defs
    from supa_assets.export.run import export_database

__all__ = ["defs", "export_database"]

_MODULES = {"defs": "supa_assets.definitions", "export_database": "supa_assets.export.run"}


def __getattr__(name: str) -> object:
    if name in _MODULES:
        return getattr(import_module(_MODULES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """Dagster looks for definitions among these."""
    return [*globals(), *_MODULES]
