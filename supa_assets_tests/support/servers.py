"""Servers for tests: the wheel's PostgreSQL 18, and Debian's 15, the oldest that is read."""

from __future__ import annotations

import secrets
import shlex
import shutil
import socket
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

import psycopg

from supa_assets.demo.account import server_account
from supa_assets.demo.install import shared_folders

__all__ = ["WAL_SETTINGS", "DebianServer", "Server", "quick_folder"]

_PROGRAMS = Path("/usr/lib/postgresql/15/bin")
_START_ATTEMPTS = 3
_MEMORY = Path("/dev/shm")
_LEAST_FREE_BYTES = 6 * 1024**3
WAL_SETTINGS = {"fsync": "off", "max_wal_size": "256MB", "min_wal_size": "64MB"}
"""A test's database need not outlive a loss of power, and old WAL would fill the memory that it lies in."""
_ROLES = """
CREATE ROLE postgres LOGIN CREATEROLE CREATEDB REPLICATION BYPASSRLS PASSWORD '{password}';
GRANT pg_read_all_data, pg_monitor, pg_signal_backend TO postgres;
ALTER DATABASE postgres OWNER TO postgres;
"""


class Server(Protocol):
    superuser: str

    @property
    def password(self) -> str: ...

    @property
    def port(self) -> int: ...

    def url(self, database: str = "postgres", user: str = "postgres") -> str: ...


def quick_folder(prefix: str) -> Path:
    """A folder that everybody can enter: in memory where there is plenty, since a database is 300 files to make."""
    has_room = _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free >= _LEAST_FREE_BYTES
    base = _MEMORY if has_room else next(shared_folders(server_account()))
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=base))
    folder.chmod(0o711)
    return folder


class DebianServer:
    """PostgreSQL 15 as Debian packages it, on a private folder that its user can enter."""

    superuser = "supabase_admin"

    def __init__(self) -> None:
        self._account = server_account()
        self.folder = quick_folder("supa-assets-tests-15-")
        self._account.give(self.folder)
        self.password = secrets.token_urlsafe(18)
        self.port = 0

    @staticmethod
    def is_installed() -> bool:
        return (_PROGRAMS / "postgres").exists()

    def start(self, **settings: str) -> None:
        data = self.folder / "data"
        password_file = self.folder / "password"
        password_file.write_text(self.password)
        self._account.give(password_file)
        self._run(
            "initdb", f"--username={self.superuser}", f"--pwfile={password_file}", "--auth=scram-sha-256",
            "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions", f"--pgdata={data}",
        )  # fmt: skip
        for _ in range(_START_ATTEMPTS):
            self.port = _free_port()
            if self._launch(data, settings):
                break
        else:
            raise AssertionError((self.folder / "log").read_text())
        with psycopg.connect(self.url(user=self.superuser), autocommit=True) as connection:
            connection.execute(_ROLES.format(password=self.password).encode())

    def _launch(self, data: Path, settings: Mapping[str, str]) -> bool:
        """False if somebody took the port meanwhile."""
        options = {
            "port": str(self.port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(self.folder),
            **WAL_SETTINGS,
            "timezone": "UTC",
            **settings,
        }
        given = " ".join(f"-c {shlex.quote(f'{name}={value}')}" for name, value in options.items())
        with (self.folder / "log").open("a") as log:
            done = self._account.run(
                [_PROGRAMS / "pg_ctl", "start", "--wait", "-D", data, "-o", given], log=log
            )
        return done.returncode == 0

    def url(self, database: str = "postgres", user: str = "postgres") -> str:
        return (
            f"postgresql://{user}:{self.password}@127.0.0.1:{self.port}/{quote(database, safe='')}"
        )

    def give(self, path: Path) -> None:
        """To the server's user."""
        self._account.give(path)

    def remove(self) -> None:
        self._run("pg_ctl", "stop", "-m", "immediate", "-D", str(self.folder / "data"))
        shutil.rmtree(self.folder)

    def _run(self, program: str, *arguments: str) -> None:
        done = self._account.run([_PROGRAMS / program, *arguments])
        assert done.returncode == 0, done.stdout


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
