"""A database of a test's own, seen as its administrator sees it and as an export does."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql
from pydantic import SecretStr

from supa_assets.export.source import SourceDatabase, SourceSession
from supa_assets.plan.export_plan import ExportPlan, PlannedTable
from supa_assets.settings import Settings
from supa_assets.stream.table_stream import TableStream
from supa_assets_tests.support.servers import Server

__all__ = ["Database", "new_database"]


@dataclass(frozen=True)
class Database:
    server: Server
    name: str

    @property
    def url(self) -> str:
        """As Supabase's `postgres`: no superuser, reads everything."""
        return self.server.url(self.name)

    @property
    def superuser_url(self) -> str:
        return self.server.url(self.name, user=self.server.superuser)

    def execute(self, *statements: str) -> None:
        """As the superuser."""
        with psycopg.connect(
            self.superuser_url, autocommit=True, client_encoding="UTF8"
        ) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def fetch(self, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(
            self.superuser_url, autocommit=True, client_encoding="UTF8"
        ) as connection:
            return connection.execute(query.encode()).fetchall()

    def fetch_value(self, query: str) -> Any:
        return self.fetch(query)[0][0]

    def settings(self, *, user: str = "postgres", **overrides: Any) -> Settings:
        given = {"auth": False, **overrides}
        return Settings.of(database_url=SecretStr(self.server.url(self.name, user=user)), **given)

    def source(self, **overrides: Any) -> SourceDatabase:
        return SourceDatabase(self.settings(**overrides))

    def plan(self, **overrides: Any) -> ExportPlan:
        return self.source(**overrides).read_plan()

    def table(self, relation: str = "cases", **overrides: Any) -> PlannedTable:
        """By its PostgreSQL name, in `public`."""
        return next(t for t in self.plan(**overrides).tables if t.relation.name == relation)

    def tables(self, **overrides: Any) -> dict[str, PlannedTable]:
        """By `schema.table`."""
        return {str(table.relation): table for table in self.plan(**overrides).tables}

    @contextmanager
    def session(self, **overrides: Any) -> Iterator[SourceSession]:
        with self.source(**overrides).open_session() as session:
            yield session

    def export(self, table: PlannedTable, **overrides: Any) -> str:
        """The file's text, as write_table would write it."""
        with self.session(**overrides) as session:
            return as_file(session.stream(table))


def as_file(stream: TableStream) -> str:
    chunks = list(stream)
    counted = sum(chunk.row_count for chunk in chunks)
    assert counted == stream.source_row_count()
    text = b",\n".join(chunk.data for chunk in chunks).decode()
    return f"[\n{text}\n]\n" if chunks else "[]\n"


@contextmanager
def new_database(server: Server, *, options: str = "") -> Iterator[Database]:
    name = f"test_{uuid.uuid4().hex[:12]}"
    url = server.url(user=server.superuser)
    created = sql.SQL("CREATE DATABASE {} OWNER postgres {}").format(
        sql.Identifier(name),
        sql.SQL(options),
    )
    with psycopg.connect(url, autocommit=True) as administrator:
        administrator.execute(created)
        try:
            yield Database(server, name)
        finally:
            dropped = sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name))
            administrator.execute(dropped)
