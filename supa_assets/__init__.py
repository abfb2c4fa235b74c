"""Export every row of a Supabase database to JSON files, as a Dagster asset graph, and prove it.

`-m supa_assets` gives Dagster the definitions. They are looked up late, so that `import supa_assets.export` stays free
of Dagster, which takes two seconds to import.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from supa_assets.definitions import defs

__all__ = ["defs"]


def __getattr__(name: str) -> object:
    if name == "defs":
        from supa_assets.definitions import defs  # noqa: PLC0415 - late on purpose

        return defs
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """Dagster looks for definitions among these."""
    return [*globals(), "defs"]
