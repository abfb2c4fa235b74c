"""A server with two physical copies of it: one whose data folder was copied, and one that was promoted."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import psycopg

from supa_assets.demo.server import EmbeddedServer
from supa_assets_tests.support.databases import Database
from supa_assets_tests.support.servers import WAL_SETTINGS, quick_folder

__all__ = ["Copies", "service_file", "start_copies"]

_ROWS = "CREATE TABLE kept (id int PRIMARY KEY); INSERT INTO kept VALUES (1), (2)"


@dataclass(frozen=True)
class Copies:
    """The database `app` of each."""

    original: Database
    copy: Database
    promoted: Database

    def by_socket(self) -> str:
        """The original's URL by its socket."""
        server = self.original.server
        assert isinstance(server, EmbeddedServer)
        return server.socket_url(self.original.name, user=server.superuser)


@contextmanager
def start_copies() -> Iterator[Copies]:
    with ExitStack() as stack:
        original = _new_server(stack)
        original.start(settings=WAL_SETTINGS)
        with psycopg.connect(original.url(user=original.superuser), autocommit=True) as connection:
            connection.execute("CREATE DATABASE app OWNER postgres")
        Database(original, "app").execute(_ROWS)
        original.stop()
        copy, promoted = _copy(stack, original), _copy(stack, original)
        (promoted.data_folder / "standby.signal").touch()
        for server in (original, copy, promoted):
            server.start(settings=WAL_SETTINGS)
        databases = [Database(server, "app") for server in (original, copy, promoted)]
        assert databases[-1].fetch_value("SELECT pg_promote()")
        yield Copies(*databases)


def service_file(database: Database, **changes: str) -> str:
    """The text of a service file that defines `mine` as this database, for its superuser."""
    values = {
        "host": "127.0.0.1",
        "port": str(database.server.port),
        "dbname": database.name,
        "user": database.server.superuser,
        "password": database.server.password,
        **changes,
    }
    return "[mine]\n" + "".join(f"{name}={value}\n" for name, value in values.items())


def _new_server(stack: ExitStack) -> EmbeddedServer:
    server = EmbeddedServer(quick_folder("supa-assets-tests-copies-"))
    stack.callback(server.remove)
    return server


def _copy(stack: ExitStack, original: EmbeddedServer) -> EmbeddedServer:
    server = _new_server(stack)
    for name in ("password", "data"):  # with their owner
        subprocess.run(["cp", "-a", original.folder / name, server.folder], check=True)
    return server
