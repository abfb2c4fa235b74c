"""One server of each kind for the whole test session; every test or module makes a database of its own in it."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from supa_assets.demo.server import EmbeddedServer
from supa_assets_tests.support.databases import Database, new_database
from supa_assets_tests.support.servers import DebianServer, Server


@pytest.fixture(scope="session", autouse=True)
def ctrl_c() -> None:
    """A shell starts what runs in its background with SIGINT ignored, and every child would inherit that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """PostgreSQL 18 from the wheel."""
    server = EmbeddedServer(tmp_path_factory.mktemp("postgres"))
    server.start(settings={"fsync": "off", "max_connections": "200"})
    yield server
    server.remove()


@pytest.fixture(scope="session")
def debian_server() -> Iterator[DebianServer]:
    """PostgreSQL 15, with libxml and OpenSSL."""
    if not DebianServer.is_installed():
        pytest.skip("Debian's PostgreSQL 15 is not installed")
    server = DebianServer()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="session", params=["PostgreSQL 18", "PostgreSQL 15"])
def any_server(request: pytest.FixtureRequest) -> Server:
    name = "server" if request.param == "PostgreSQL 18" else "debian_server"
    found: Server = request.getfixturevalue(name)
    return found


@pytest.fixture
def database(server: EmbeddedServer) -> Iterator[Database]:
    with new_database(server) as database:
        yield database


@pytest.fixture
def any_database(any_server: Server) -> Iterator[Database]:
    with new_database(any_server) as database:
        yield database


@pytest.fixture
def make_database(server: EmbeddedServer) -> Iterator[Callable[..., Database]]:
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(new_database(server, **options))
