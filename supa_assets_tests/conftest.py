"""One server of each kind for the whole test session; every test or module makes a database of its own in it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from hypothesis import settings

from supa_assets.demo.server import EmbeddedServer
from supa_assets_tests.support.databases import Database, new_database
from supa_assets_tests.support.physical_copies import Copies, start_copies
from supa_assets_tests.support.servers import WAL_SETTINGS, DebianServer, Server, quick_folder

# How long an example takes says more of the machine than of the program.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What runs on the oldest server, too, is slow there: it takes as long again, and seldom says something else."""
    for item in items:
        if "PostgreSQL 15" in item.name:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session", autouse=True)
def ctrl_c() -> None:
    """A shell starts what runs in its background with SIGINT ignored, and every child would inherit that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def no_state_of_the_users(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What is remembered where a test names no place: never in the home of who runs the tests."""
    os.environ["XDG_STATE_HOME"] = str(tmp_path_factory.mktemp("state"))


@pytest.fixture(scope="session")
def server() -> Iterator[EmbeddedServer]:
    """PostgreSQL 18 from the wheel."""
    server = EmbeddedServer(quick_folder("supa-assets-tests-18-"))
    try:
        server.start(settings={**WAL_SETTINGS, "max_connections": "200"})
        yield server
    finally:
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


@pytest.fixture(scope="session")
def copies() -> Iterator[Copies]:
    """A server of its own, and two physical copies of it."""
    with start_copies() as copies:
        yield copies


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
