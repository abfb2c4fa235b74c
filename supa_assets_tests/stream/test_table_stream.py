"""Streams of one table: how they end, and what they leave."""

from __future__ import annotations

import gc
import os
import signal
import threading
import time
from collections.abc import Callable

import psycopg
import pytest

from supa_assets.errors import SourceError, SupaAssetsError
from supa_assets.export import source
from supa_assets.server.address import Address
from supa_assets_tests.support.databases import Database, as_file

SMALL_CHUNKS = {"chunk_bytes": 4096, "streaming_threshold": 10}
ROWS = "INSERT INTO cases SELECT n, repeat('x', 200) FROM generate_series(1, 20000) n"


@pytest.fixture
def filled(database: Database) -> Database:
    database.execute("CREATE TABLE cases (id int PRIMARY KEY, t text)", ROWS)
    return database


def activity(database: Database) -> list[tuple[str, str]]:
    return database.fetch(
        "SELECT state, query FROM pg_stat_activity"
        " WHERE application_name = 'supa-assets' AND datname = current_database()"
    )


def lanes() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("lane ")]


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.slow
def test_other_connections_are_opened_for_large_tables_only(filled: Database) -> None:
    filled.execute("CREATE TABLE small (id int PRIMARY KEY)", "INSERT INTO small VALUES (1)")
    with filled.session(chunk_bytes=64 * 1024, streams=3) as session:
        list(session.stream(filled.table("small")))
        assert len(activity(filled)) == 1
        list(session.stream(filled.table("cases")))
        assert len(activity(filled)) == 3
        list(session.stream(filled.table("cases")))
        assert len(activity(filled)) == 3
    wait_until(lambda: not activity(filled))


@pytest.mark.slow
def test_what_is_set_for_one_table_ends_with_it(filled: Database) -> None:
    with filled.session(**SMALL_CHUNKS, streams=2) as session:
        before = session.connection.execute("SELECT name, setting FROM pg_settings").fetchall()
        list(session.stream(filled.table()))
        after = session.connection.execute("SELECT name, setting FROM pg_settings").fetchall()
    assert after == before


@pytest.mark.slow
def test_a_key_range_is_read_along_the_index(filled: Database) -> None:
    """One scan of the whole table for each chunk would be a quadratic export."""
    with filled.session(**SMALL_CHUNKS) as session:
        stream = session.stream(filled.table())
        list(stream)
        assert stream.strategy == "key ranges"
        seen = session.connection.execute(
            "SELECT seq_scan FROM pg_stat_xact_user_tables WHERE relname = 'cases'"
        ).fetchone()
    assert seen is not None
    assert seen[0] <= 3  # the count, the sample, the first rows' width


def test_a_lost_connection_ends_the_other_streams_and_is_explained(filled: Database) -> None:
    with filled.session(**SMALL_CHUNKS, streams=3) as session:
        chunks = iter(session.stream(filled.table()))
        next(chunks)
        filled.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'supa-assets' AND datname = current_database()"
            f" AND pid <> {session.connection.info.backend_pid} LIMIT 1"
        )
        with pytest.raises(SourceError, match=r'"public\.cases"'):
            list(chunks)
        assert not session.is_usable()
        assert not lanes()
    wait_until(lambda: not activity(filled))


def test_a_stream_that_is_closed_leaves_nothing_running(filled: Database) -> None:
    with filled.session(**SMALL_CHUNKS, streams=3) as session:
        chunks = iter(session.stream(filled.table()))
        next(chunks)
        chunks.close()  # type: ignore[attr-defined]
        wait_until(lambda: not activity(filled))
        assert not lanes()


def test_ctrl_c_cancels_every_stream_at_once(filled: Database) -> None:
    with filled.session(**SMALL_CHUNKS, streams=2) as session:
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
        with pytest.raises(KeyboardInterrupt):  # noqa: PT012
            for _ in session.stream(filled.table()):
                time.sleep(0.05)
        gc.collect()  # the generator lives as long as the traceback does, unless somebody closes it
        wait_until(lambda: not activity(filled))
        assert not lanes()


def test_ctrl_c_ends_a_statement_that_runs(filled: Database) -> None:
    """The lock makes every stream wait in the server."""
    with filled.session(**SMALL_CHUNKS, streams=2) as session:
        stream = session.stream(filled.table())
        with psycopg.connect(filled.superuser_url) as locking:
            locking.execute("LOCK TABLE cases IN ACCESS EXCLUSIVE MODE")
            threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
            with pytest.raises(KeyboardInterrupt):
                list(stream)


@pytest.mark.slow
def test_a_stalled_writer_lets_the_streams_wait(filled: Database) -> None:
    with filled.session(**SMALL_CHUNKS, streams=2) as session:
        chunks = iter(session.stream(filled.table()))
        next(chunks)

        def all_wait() -> bool:
            states = activity(filled)
            return len(states) == 2 and all(state == "idle in transaction" for state, _ in states)

        wait_until(all_wait)
        progress = [query for _, query in activity(filled)]
        time.sleep(0.3)
        assert [query for _, query in activity(filled)] == progress
        assert sum(1 for _ in chunks) > 100


@pytest.mark.slow
def test_a_full_pool_makes_it_slower_and_nothing_else(
    filled: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = filled.table()
    with filled.session(**SMALL_CHUNKS, streams=3) as session:

        def refuse(_: Address, *, timeout_s: int, **__: object) -> psycopg.Connection[object]:
            raise SourceError(f"max clients reached after {timeout_s} s")

        monkeypatch.setattr(source, "connect", refuse)
        assert as_file(session.stream(table)).count("{") == 20000
        assert len(activity(filled)) == 1


def test_another_stream_that_cannot_join_the_snapshot_is_an_error(filled: Database) -> None:
    with filled.source().hold_snapshot() as hold:
        source_ = filled.source(**SMALL_CHUNKS, streams=2)
        with source_.open_session(hold.snapshot) as session:
            stream = session.stream(filled.table())
            filled.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'supa-assets'"
                f" AND datname = current_database() AND pid <> {session.connection.info.backend_pid}"
            )
            wait_until(lambda: len(activity(filled)) == 1)
            with pytest.raises(SupaAssetsError, match="no longer knows the run's snapshot"):
                list(stream)


def test_a_stream_is_read_once(filled: Database) -> None:
    with filled.session() as session:
        stream = session.stream(filled.table())
        list(stream)
        with pytest.raises(RuntimeError):
            list(stream)
