"""The demo's PostgreSQL: started, found again, killed, and never in anybody's way."""

from __future__ import annotations

import importlib.util
import os
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from supa_assets.demo import server as server_module
from supa_assets.demo.server import EmbeddedServer, binaries
from supa_assets.errors import SettingsError, SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

FAST = {"fsync": "off"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedServer]:
    server = EmbeddedServer(tmp_path / "demo")
    yield server
    server.remove()


def ask(url: str, question: str) -> Any:
    with psycopg.connect(url) as connection:
        row = connection.execute(question.encode()).fetchone()
    assert row is not None
    return row[0]


def test_a_server_answers_over_tcp_and_over_its_socket(server: EmbeddedServer) -> None:
    server.start(settings=FAST)
    assert ask(server.url(), "SHOW server_version").startswith("18")
    assert ask(server.socket_url(), "SELECT inet_server_addr() IS NULL") is True
    assert ask(server.url(), "SHOW fsync") == "off"
    assert ask(server.url(), "SHOW listen_addresses") == "127.0.0.1"


def test_postgres_is_no_superuser_but_reads_past_row_security(server: EmbeddedServer) -> None:
    server.start(settings=FAST)
    facts = "SELECT ARRAY[rolsuper, rolbypassrls, pg_has_role(oid, 'pg_read_all_data', 'usage')]"
    assert ask(server.url(), f"{facts} FROM pg_roles WHERE rolname = current_user") == [
        False,
        True,
        True,
    ]
    assert ask(server.url(user="supabase_admin"), "SHOW is_superuser") == "on"


def test_nobody_gets_in_without_the_password(server: EmbeddedServer) -> None:
    server.start(settings=FAST)
    for url in (server.url(), server.socket_url(), server.url(user="supabase_admin")):
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(url.replace(server.password, "wrong"))


def test_the_password_is_readable_by_its_owner_alone(server: EmbeddedServer) -> None:
    server.start(settings=FAST)
    assert (server.folder / "password").stat().st_mode & 0o777 == 0o600
    assert server.data_folder.stat().st_mode & 0o777 == 0o700
    assert server.socket_folder.stat().st_mode & 0o777 == 0o700


def test_a_password_of_any_characters_works(tmp_path: Path) -> None:
    server = EmbeddedServer(tmp_path / "demo", password="it's @/:% \\ ü", superuser="postgres")
    try:
        server.start(settings=FAST)
        assert ask(server.url(), "SHOW is_superuser") == "on"
        assert ask(server.socket_url(), "SELECT 1") == 1
    finally:
        server.remove()


def test_a_running_server_is_found_and_left_running(server: EmbeddedServer) -> None:
    server.start(settings=FAST)
    with EmbeddedServer(server.folder) as second:
        assert (second.pid, second.url()) == (server.pid, server.url())
    assert server.is_running


def test_a_running_server_does_not_change_its_port(server: EmbeddedServer) -> None:
    server.start(settings=FAST)
    with pytest.raises(SettingsError, match=f"listens on port {server.port}"):
        EmbeddedServer(server.folder).start(port=server.port + 1)


def test_the_context_stops_what_it_started(server: EmbeddedServer) -> None:
    with server:
        sockets = server.socket_folder
        assert server.is_running
    assert not server.is_running
    assert not sockets.exists()
    with pytest.raises(SourceError, match="no server runs"):
        _ = server.pid


def test_a_stopped_server_comes_back_on_its_port_with_its_rows(server: EmbeddedServer) -> None:
    url = server.start(settings=FAST).url()
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    server.stop()
    server.stop()
    server.start(settings=FAST)
    assert server.url() == url
    assert ask(url, "SELECT answer FROM kept") == 42


def test_a_killed_server_comes_back(server: EmbeddedServer) -> None:
    server.start(settings=FAST)
    url, sockets = server.url(), server.socket_folder
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        connection.commit()
        server.kill()
        assert (server.data_folder / "postmaster.pid").exists()
        assert not server.is_running
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    server.start(settings=FAST)
    assert server.url() == url
    assert ask(url, "SELECT answer FROM kept") == 42
    assert not sockets.exists()


def test_a_pid_file_may_name_a_living_process_that_is_no_server(server: EmbeddedServer) -> None:
    server.start(settings=FAST)
    server.kill()
    pid_file = server.data_folder / "postmaster.pid"
    lines = pid_file.read_text(encoding="utf-8").splitlines()
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n", encoding="utf-8")
    assert not server.is_running
    server.start(settings=FAST)
    assert server.pid != os.getpid()


@pytest.mark.parametrize("content", ["", "12", "no number\n\n\n\n\n", "1\n/elsewhere\n0\n5432\n"])
def test_a_broken_pid_file_is_no_server(server: EmbeddedServer, content: str) -> None:
    server.start(settings=FAST)
    server.stop()
    (server.data_folder / "postmaster.pid").write_text(content, encoding="utf-8")
    assert not server.is_running
    assert server.start(settings=FAST).is_running


def test_a_taken_port_is_left_to_its_owner(server: EmbeddedServer) -> None:
    server.start(settings=FAST)
    first = server.port
    server.stop()
    with socket.create_server(("127.0.0.1", first)):
        with pytest.raises(SettingsError, match=f"port {first} is taken"):
            server.start(port=first)
        server.start(settings=FAST)
        assert server.port != first
    assert ask(server.url(), "SELECT 1") == 1


def test_a_port_lost_in_the_last_moment_is_tried_again(
    server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = server_module._free_port()
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        ports = iter([taken, taken, free])
        monkeypatch.setattr(server_module, "_is_free", lambda _: True)
        monkeypatch.setattr(server_module, "_free_port", lambda: next(ports))
        assert server.start(settings=FAST).port == free
    assert ask(server.url(), "SELECT 1") == 1


def test_servers_on_different_folders_start_at_once(tmp_path: Path) -> None:
    servers = [EmbeddedServer(tmp_path / str(number)) for number in range(3)]
    try:
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda server: server.start(settings=FAST), servers))
        assert len({ask(server.url(), "SELECT pg_backend_pid()") for server in servers}) == 3
        assert len({server.port for server in servers}) == 3
    finally:
        for server in servers:
            server.remove()


def test_a_folder_started_twice_at_once_has_one_server(server: EmbeddedServer) -> None:
    handles = [EmbeddedServer(server.folder) for _ in range(3)]
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda handle: handle.start(settings=FAST), handles))
    assert len({handle.pid for handle in handles}) == 1


def test_a_folder_may_have_any_name(tmp_path: Path) -> None:
    server = EmbeddedServer(tmp_path / f'it\'s "$HOME" `cold` \\ {"long" * 40}')
    try:
        server.start(settings=FAST)
        assert ask(server.socket_url(), "SELECT 1") == 1
        assert len(os.fsencode(server.socket_folder)) < 80
    finally:
        server.remove()


def test_a_setting_that_is_wrong_is_told_in_the_servers_words(server: EmbeddedServer) -> None:
    with pytest.raises(SourceError, match='invalid value for parameter "shared_buffers"'):
        server.start(settings={"shared_buffers": "plenty"})
    assert not server.is_running


def test_data_of_another_version_is_not_touched(server: EmbeddedServer) -> None:
    server.start(settings=FAST)
    server.stop()
    (server.data_folder / "PG_VERSION").write_text("17\n", encoding="utf-8")
    with pytest.raises(SettingsError, match="made by PostgreSQL 17, this is 18"):
        server.start()


def test_another_password_for_a_folder_is_refused(server: EmbeddedServer) -> None:
    server.start(settings=FAST)
    with pytest.raises(SettingsError, match="has another password"):
        EmbeddedServer(server.folder, password="new").start()


def test_remove_leaves_nothing_but_what_is_not_its_own(tmp_path: Path) -> None:
    server = EmbeddedServer(tmp_path)
    server.start(settings=FAST)
    (tmp_path / "mine").touch()
    data, sockets = server.data_folder, server.socket_folder
    server.remove()
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
    assert not data.exists()
    assert not sockets.exists()


@pytest.mark.parametrize(
    "said", ["victim", "victim/data", "supa-assets-demo-x/../data", "link/data"]
)
def test_remove_believes_no_file_that_names_another_folder(tmp_path: Path, said: str) -> None:
    folder = tmp_path / "server"
    for path in (folder, tmp_path / "victim" / "data", tmp_path / "data"):
        path.mkdir(parents=True)
    link = tmp_path / "supa-assets-demo-link"
    link.symlink_to(tmp_path / "victim")
    named = tmp_path / said.replace("link", link.name)
    (folder / "data-folder").write_text(f"{named}\n")
    with pytest.raises(SettingsError, match="names a folder that is none of a demo server"):
        EmbeddedServer(folder).remove()
    assert (tmp_path / "victim" / "data").exists()
    assert (tmp_path / "data").exists()


def test_no_folder_above_gets_other_permissions(server: EmbeddedServer) -> None:
    above = [*server.folder.parents]
    before = [(path.stat().st_mode, path.stat().st_uid) for path in above]
    server.start(settings=FAST)
    assert [(path.stat().st_mode, path.stat().st_uid) for path in above] == before


def test_binaries_has_the_programs() -> None:
    for name in ("psql", "pg_dump", "pgbench", "postgres"):
        assert os.access(binaries() / name, os.X_OK)


def test_a_missing_wheel_is_named_with_its_remedy(
    server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(SettingsError, match="not installed") as caught:
        server.start()
    assert caught.value.hint == "pip install 'supa-assets[demo]'"
    monkeypatch.undo()
