"""A miniature of a Supabase project: platform.sql, tables.sql, seed.sql, in one transaction.

The database's comment tells which edition it holds. A database without that comment is taken for
somebody's own, and nothing is made in it or dropped from it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from supa_assets.errors import PermissionDenied, SettingsError, SourceError

if TYPE_CHECKING:
    from psycopg import Connection

__all__ = ["create_demo_project"]

_SCRIPTS = ("platform.sql", "tables.sql", "seed.sql")
_OWNER_OF_TABLES = "postgres"
_MARK = "supa_assets demo project"
_SCHEMAS = ("public", "auth", "storage", "realtime", "vault", "supabase_migrations", "extensions")

_IS_IN_USE = """
    SELECT EXISTS (
        SELECT FROM pg_catalog.pg_class
        JOIN pg_catalog.pg_namespace ON pg_namespace.oid = relnamespace
        WHERE nspname = ANY (%s) AND relkind IN ('r', 'p')
    )
"""
_COMMENT = """
    SELECT current_database(), shobj_description(oid, 'pg_database')
    FROM pg_catalog.pg_database WHERE datname = current_database()
"""


def create_demo_project(url: str, *, scale: float = 1.0, recreate: bool = False) -> bool:
    """Fill the database with the demo project; False if it was there already.

    Takes a superuser's URL: the schemas of the platform belong to roles that `postgres` can't act
    for, on Supabase as well. `scale` multiplies the rows of the three large tables. `recreate`
    drops a demo project first, never anything else. Roles are the server's, not the database's:
    they are made where missing, and never dropped.
    """
    try:
        with psycopg.connect(url, application_name="supa_assets demo") as connection:
            return _create(connection, scale, recreate=recreate)
    except psycopg.OperationalError as error:
        raise SourceError(f"the demo's database is out of reach: {error}".strip()) from error


def _create(connection: Connection, scale: float, *, recreate: bool) -> bool:
    _require_superuser(connection)
    target = _read_target(connection)
    wanted = f"{_MARK} {_edition()} at scale {scale:g}"
    if target.comment == wanted and not recreate:
        return False
    if target.is_demo and recreate:
        _drop(connection)
    else:
        _require_empty(connection, target)
    _run_scripts(connection, scale)
    _mark(connection, target, wanted)
    return True


@dataclass(frozen=True)
class _Target:
    database: str
    comment: str

    @property
    def is_demo(self) -> bool:
        return self.comment.startswith(_MARK)


def _read_target(connection: Connection) -> _Target:
    row = connection.execute(_COMMENT).fetchone()
    assert row is not None
    return _Target(row[0], row[1] or "")


def _require_superuser(connection: Connection) -> None:
    if connection.info.parameter_status("is_superuser") != "on":
        raise PermissionDenied(
            f'role "{connection.info.user}" can\'t make the demo project: it is no superuser',
            hint="connect as the superuser, which is supabase_admin on the embedded server",
        )


def _require_empty(connection: Connection, target: _Target) -> None:
    if target.is_demo:
        raise SettingsError(
            f'database "{target.database}" holds another edition of the demo project',
            hint="create it again with recreate=True; what was changed in it is lost",
            found=target.comment,
        )
    row = connection.execute(_IS_IN_USE, [list(_SCHEMAS)]).fetchone()
    if row is None or row[0]:
        raise SettingsError(
            f'database "{target.database}" holds tables that are not the demo project\'s',
            hint="give the demo a database of its own",
        )


def _drop(connection: Connection) -> None:
    for schema in _SCHEMAS:
        connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema)))
    connection.execute("CREATE SCHEMA public AUTHORIZATION pg_database_owner")


def _run_scripts(connection: Connection, scale: float) -> None:
    connection.execute("SELECT set_config('demo.scale', %s, true)", [repr(scale)])
    for name in _SCRIPTS:
        owner = _OWNER_OF_TABLES if name == "tables.sql" else "NONE"
        connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.SQL(owner)))
        connection.execute(_script(name))
    connection.execute("ANALYZE")


def _mark(connection: Connection, target: _Target, mark: str) -> None:
    statement = sql.SQL("COMMENT ON DATABASE {} IS {}")
    connection.execute(statement.format(sql.Identifier(target.database), sql.Literal(mark)))


def _edition() -> str:
    """A digest of the scripts: whoever edits one has a new edition without thinking of it."""
    return hashlib.sha256(b"".join(_script(name) for name in _SCRIPTS)).hexdigest()[:12]


def _script(name: str) -> bytes:
    return (files("supa_assets.demo") / name).read_bytes()
