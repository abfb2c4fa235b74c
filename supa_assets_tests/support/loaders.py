"""A role that owns nothing, for tests of what a role may do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from supa_assets_tests.support.databases import Database

__all__ = ["role"]


@contextmanager
def role(database: Database, *grants: str) -> Iterator[str]:
    """A role that owns nothing; `{role}` in a grant is its name."""
    name = f"loader_{database.name}"
    database.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{database.server.password}'")
    try:
        database.execute(*(grant.format(role=name) for grant in grants))
        yield name
    finally:
        database.execute(f"DROP OWNED BY {name}", f"DROP ROLE {name}")
