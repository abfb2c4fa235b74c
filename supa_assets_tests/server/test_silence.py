"""What is asked, told and decided while nothing comes; against a server: test_watched.py."""

from __future__ import annotations

import threading
from decimal import Decimal

import pytest

from supa_assets.server.silence import Backend, Finding, LineWatch, Silence, SilentLineError
from supa_assets_tests.support.waiting import wait_until

BACKEND = Backend(1, Decimal(0), Decimal(0))


def begin(watch: LineWatch, *, least_limit_s: float = 0) -> Silence:
    return Silence(watch, doing="waiting", backend=BACKEND, least_limit_s=least_limit_s)


def test_one_connection_asks_at_a_time() -> None:
    may_answer = threading.Event()

    def ask(_: Backend) -> Finding:
        may_answer.wait()
        return "at work"

    watch = LineWatch(limit_s=1, ask=ask)
    first = watch.inquire(BACKEND)
    assert first is not None
    assert watch.inquire(BACKEND) is None
    may_answer.set()
    wait_until(lambda: first.finding == "at work")
    wait_until(lambda: watch.inquire(BACKEND) is not None)


@pytest.mark.parametrize(
    ("limit_s", "notice_s", "grace_s"), [(60, 10, 5), (1, 0.5, 0.5), (3600, 10, 5)]
)
def test_a_silence_is_told_of_long_before_the_limit(
    limit_s: float, notice_s: float, grace_s: float
) -> None:
    watch = LineWatch(limit_s=limit_s, ask=lambda _: "unknown")
    assert (watch.notice_s, watch.grace_s) == (notice_s, grace_s)
    assert watch.unconfirmed_limit_s == 15 * limit_s


def go_on(silence: Silence) -> bool:
    """Whether it is over."""
    try:
        silence.go_on()
    except SilentLineError:
        return True
    return False


def test_what_the_server_sent_when_it_was_asked_is_waited_for() -> None:
    watch = LineWatch(limit_s=0.1, ask=lambda _: "waits for this side")
    told: list[str] = []
    watch.listeners = [told.append]
    watch.grace_s = 3600
    silence = begin(watch)
    wait_until(lambda: go_on(silence) or bool(told))
    silence.end()
    assert not go_on(silence)


def test_without_anybody_to_ask_the_limit_is_the_limit() -> None:
    watch = LineWatch(limit_s=0.1)
    watch.listeners = []
    assert watch.unconfirmed_limit_s == 0.1
    silence = begin(watch)
    wait_until(lambda: go_on(silence))
