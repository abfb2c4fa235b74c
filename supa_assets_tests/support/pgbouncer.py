"""A real PgBouncer before a server of the tests."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from supa_assets.demo.account import server_account
from supa_assets.demo.install import shared_folders

PROGRAM = Path("/usr/sbin/pgbouncer")

_CONFIG = """
[databases]
* = host=127.0.0.1 port={server_port} user=postgres password={password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = {mode}
default_pool_size = {pool_size}
query_wait_timeout = 2
ignore_startup_parameters = extra_float_digits
server_tls_sslmode = disable
"""


@contextmanager
def pgbouncer(server_port: int, password: str, *, mode: str, pool_size: int = 15) -> Iterator[int]:
    """Run it until the context ends; gives its port."""
    account = server_account()
    folder = Path(tempfile.mkdtemp(prefix="supa-assets-pgb-", dir=next(shared_folders(account))))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    config = folder / "pgbouncer.ini"
    config.write_text(
        _CONFIG.format(
            server_port=server_port, password=password, port=port, mode=mode, pool_size=pool_size
        )
    )
    account.give(folder)
    account.give(config)
    process = subprocess.Popen(
        [PROGRAM, "-q", config],
        user=None if account.is_ours else account.uid,
        group=None if account.is_ours else account.gid,
        extra_groups=None if account.is_ours else [],
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    try:
        _wait_for(port)
        yield port
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder)


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 20
    while not _listens(port):
        assert time.monotonic() < deadline, "PgBouncer doesn't listen"
        time.sleep(0.05)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
