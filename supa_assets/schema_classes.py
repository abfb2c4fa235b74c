"""Which of Supabase's schemas hold the user's data, which the platform's, and which nobody's.

Facts of November 2026, from the sources of Supabase's cli, auth, storage and postgres. A schema that isn't named here
is the user's.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Literal

__all__ = ["PLATFORM_SCHEMAS", "SchemaClass", "classify_schema"]

SchemaClass = Literal["user", "platform", "transient", "internal"]

PLATFORM_SCHEMAS = ("auth", "storage", "supabase_migrations", "cron", "pgmq", "vault")
"""With user data in them: exported where the setting `platform_schemas` names them."""

_TRANSIENT_SCHEMAS = ("realtime", "net", "supabase_functions")
"""Messages and queues that the platform makes again."""

_INTERNAL_SCHEMAS = (
    "pg_*", "information_schema", "extensions", "graphql", "graphql_public", "pgbouncer", "pgsodium", "pgsodium_masks",
    "pgtle", "repack", "tiger", "tiger_data", "topology", "timescaledb_*", "_timescaledb_*", "_analytics", "_realtime",
    "_supavisor", "etl", "dbdev", "supabase_subscription_mgmt",
)  # fmt: skip


def classify_schema(schema: str) -> SchemaClass:
    """The class of a schema by its name."""
    if schema in PLATFORM_SCHEMAS:
        return "platform"
    if schema in _TRANSIENT_SCHEMAS:
        return "transient"
    if any(fnmatchcase(schema, pattern) for pattern in _INTERNAL_SCHEMAS):
        return "internal"
    return "user"
