"""Whole exports of a test's database, and comparisons of two."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from supa_assets.export.run import export_database
from supa_assets.files.local_folder import LocalFolder
from supa_assets.files.metadata import ExportMetadata
from supa_assets.restore.restore import RestoreResult, restore_export
from supa_assets.restore.target import TargetDatabase
from supa_assets_tests.support.databases import Database

__all__ = ["copy_text", "differing_tables", "export_into", "restore_into"]


def export_into(database: Database, folder: Path, **settings: Any) -> ExportMetadata:
    """Every table that the settings select, `auth` left out unless they say otherwise."""
    return export_database(url=database.url, output=folder, **{"auth": False, **settings})


def restore_into(
    database: Database, folder: Path, *, user: str | None = None, **options: Any
) -> RestoreResult:
    """As the superuser, or as `user`."""
    url = database.server.url(database.name, user=user or database.server.superuser)
    return restore_export(LocalFolder(folder), TargetDatabase(url), **options)


def copy_text(database: Database, schema: str, table: str) -> list[bytes]:
    """The table's rows as COPY writes them, sorted: what PostgreSQL itself would take for the table's content.

    Of `json` the line breaks are spaces and the white space around is gone, as docs/TYPES.md tells.
    """
    with psycopg.connect(database.superuser_url, autocommit=True) as connection:
        connection.execute("SET TimeZone = 'UTC'; SET search_path = ''; SET extra_float_digits = 1")
        relation = sql.Identifier(schema, table)
        found = connection.execute(
            "SELECT a.attname, b.typname = 'json' OR t.typname = 'json', c.relkind"
            " FROM pg_class c LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND attnum > 0 AND NOT attisdropped"
            " LEFT JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_type b ON b.oid = t.typbasetype"
            " WHERE c.oid = %s::regclass ORDER BY attnum",
            [relation.as_string(connection)],
        ).fetchall()
        columns = sql.SQL(", ").join(
            sql.SQL("btrim(translate({}::text, E'\\r\\n\\t', '   '))" if is_json else "{}").format(
                sql.Identifier(name)
            )
            for name, is_json, _ in found
            if name is not None
        )
        only = sql.SQL("" if found[0][2] == "p" else "ONLY ")
        query = sql.SQL("COPY (SELECT {} FROM {}{}) TO STDOUT").format(columns, only, relation)
        with connection.cursor().copy(query) as copy:
            text = b"".join(copy)
    return sorted(text.split(b"\n"))


def differing_tables(
    source: Database, target: Database, metadata: ExportMetadata
) -> dict[str, tuple[list[bytes], list[bytes]]]:
    """Tables whose COPY text differs."""
    found = {}
    for name, entry in metadata.tables.items():
        both = (
            copy_text(source, entry.schema_name, entry.table),
            copy_text(target, entry.schema_name, entry.table),
        )
        if both[0] != both[1]:
            found[name] = both
    return found
