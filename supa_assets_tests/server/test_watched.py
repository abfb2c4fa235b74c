"""A connection through which nothing is waited for without end."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest

from supa_assets.server.address import parse_url
from supa_assets.server.connection import connect, pin_session, watch_lines
from supa_assets.server.silence import SilentLineError
from supa_assets.server.watched import WatchedConnection, give_up, naming_work
from supa_assets.settings import Running
from supa_assets_tests.support.databases import Database
from supa_assets_tests.support.proxy import Proxy, silence_after
from supa_assets_tests.support.waiting import wait_until


@pytest.fixture
def database(make_database: Callable[[], Database]) -> Database:
    return make_database()


@pytest.fixture
def proxy(database: Database) -> Iterator[Proxy]:
    """Nothing is wrong with it until a test says so."""
    with Proxy(database.server.port, silence_after(10**9)) as proxy:
        yield proxy


@contextmanager
def watched(
    database: Database, proxy: Proxy | None = None, *, pins: bool = True
) -> Iterator[tuple[WatchedConnection, list[str]]]:
    """A connection in a transaction, with a limit of a second, and what is told of its silence."""
    url = database.url
    if proxy is not None:
        url = url.replace(f":{database.server.port}/", f":{proxy.port}/")
    running = Running(silence_limit_s=1, connect_timeout_s=2)
    watch = watch_lines(parse_url(url), running)
    told: list[str] = []
    watch.listeners = [told.append]
    connection = connect(parse_url(url), timeout_s=5, watch=watch)
    try:
        if pins:
            pin_session(connection, lock_timeout_s=30)
        yield connection, told
    finally:
        connection.close()


def transactions(database: Database) -> int:
    count: int = database.fetch_value(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'supa-assets'"
        " AND datname = current_database()"
    )
    return count


# The other end


def test_a_line_that_falls_silent_is_told_of_and_then_given_up(
    database: Database, proxy: Proxy
) -> None:
    with watched(database, proxy) as (connection, told):
        proxy.lines[0].is_silent = True
        with (
            pytest.raises(
                SilentLineError, match=r"^nothing came for . s, and the server waits for this side$"
            ),
            naming_work(connection, 'reading "public.orders"'),
        ):
            connection.execute("SELECT 1")
        assert connection.closed
        assert told[0].startswith("no answer from the server for ")
        assert told[0].endswith(' s while reading "public.orders"; it is waited for')
    wait_until(lambda: transactions(database) == 0)


def test_a_line_is_dead_where_a_second_connection_gets_no_answer_either(
    database: Database, proxy: Proxy
) -> None:
    with watched(database, proxy) as (connection, _):
        proxy.lines[0].is_silent = proxy.is_deaf = True
        with pytest.raises(SilentLineError, match="a second connection got no answer, either"):
            connection.execute("SELECT 1")


def test_a_line_is_dead_where_the_server_has_no_such_transaction_any_more(
    database: Database, proxy: Proxy
) -> None:
    with watched(database, proxy) as (connection, _):
        assert connection.backend is not None
        proxy.lines[0].is_silent = True
        database.fetch(f"SELECT pg_terminate_backend({connection.backend.process_id}, 5000)")
        with pytest.raises(SilentLineError, match="has no such transaction any more"):
            connection.execute("SELECT 1")


def test_a_server_at_work_is_waited_for_however_long_it_takes(any_database: Database) -> None:
    with watched(any_database) as (connection, told):
        row = connection.execute("SELECT 7 FROM (SELECT pg_sleep(4)) AS slow").fetchone()
    assert row == (7,)
    assert told[0].endswith("; it is waited for")
    assert told[1].endswith("; the server is still at work on it")
    assert len(told) <= 4  # the longer it lasts, the rarer


def test_a_server_that_waits_for_a_lock_is_waited_for(database: Database) -> None:
    database.execute("CREATE TABLE held ()", "GRANT SELECT ON held TO postgres")
    with watched(database) as (connection, told), psycopg.connect(database.superuser_url) as other:
        other.execute("LOCK TABLE held")
        threading.Timer(3, other.rollback).start()
        assert connection.execute("SELECT FROM public.held").fetchall() == []
    assert told[-1].endswith("; the server is still at work on it")


def test_a_server_that_cannot_be_asked_is_waited_for_longer(database: Database) -> None:
    with watched(database, pins=False) as (connection, _):
        assert connection.watch is not None
        assert connection.watch.unconfirmed_limit_s == 15
        connection.watch.unconfirmed_limit_s = 2
        connection.execute("SELECT pg_sleep(1.5)")
        connection.lock_timeout_s = 1.5  # a lock may take as long, and is not known to
        with pytest.raises(
            SilentLineError, match="whether the server is at work could not be asked"
        ):
            connection.execute("SELECT pg_sleep(30)")


def test_a_role_that_may_not_see_its_own_work_is_not_taken_for_gone(database: Database) -> None:
    database.execute(
        "ALTER ROLE postgres IN DATABASE " + database.name + " SET track_activities = off"
    )
    with watched(database) as (connection, told):
        row = connection.execute("SELECT 7 FROM (SELECT pg_sleep(3)) AS slow").fetchone()
    assert row == (7,)
    assert told[1].endswith("; whether the server is at work could not be asked")


def test_the_transaction_before_is_not_the_one_that_is_asked_for(database: Database) -> None:
    with watched(database) as (connection, _):
        assert connection.backend is not None
        connection.rollback()
        connection.execute("SELECT 1")
        assert connection.backend is None


# This end


def test_an_interruption_ends_a_statement_at_once(database: Database) -> None:
    with watched(database) as (connection, _):
        threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
        with pytest.raises(KeyboardInterrupt):
            connection.execute("SELECT pg_sleep(60)")
        assert connection.closed
        wait_until(lambda: transactions(database) == 0, timeout_s=5)


def test_an_interruption_is_not_held_up_by_a_silent_line(database: Database, proxy: Proxy) -> None:
    with watched(database, proxy) as (connection, _):
        assert connection.watch is not None
        connection.watch.limit_s = 60
        proxy.lines[0].is_silent = proxy.is_deaf = True
        threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
        ended = threading.Timer(20, lambda: os.kill(os.getpid(), signal.SIGKILL))
        ended.start()
        with pytest.raises(KeyboardInterrupt):
            connection.execute("SELECT 1")
        ended.cancel()
    wait_until(lambda: transactions(database) == 0)


def test_a_connection_that_is_given_up_stops_in_the_thread_that_waits_for_it(
    database: Database,
) -> None:
    with watched(database) as (connection, _):
        raised: list[psycopg.Error] = []

        def wait() -> None:
            try:
                connection.execute("SELECT pg_sleep(60)")
            except psycopg.Error as error:
                raised.append(error)

        thread = threading.Thread(target=wait)
        thread.start()
        wait_until(lambda: connection.pgconn.transaction_status == 1)
        give_up([connection])
        thread.join(10)
        assert [str(error) for error in raised] == ["the statement is not wanted any more"]
        assert connection.closed


def test_an_error_of_the_servers_leaves_the_connection_open(database: Database) -> None:
    with watched(database) as (connection, _):
        with pytest.raises(psycopg.errors.DivisionByZero), connection.transaction():
            connection.execute("SELECT 1 / 0")
        assert connection.execute("SELECT 1").fetchone() == (1,)
