from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supa_assets.stream.lanes import Lane, run_lanes


def nothing() -> None: ...


def lane_of(pieces: list[tuple[int, list[str]]]) -> Lane[str]:
    return lambda: [(number, iter(items)) for number, items in pieces]


@given(
    pieces=st.lists(st.lists(st.text(max_size=1), max_size=3), max_size=12),
    lane_count=st.integers(1, 4),
    seed=st.randoms(),
)
def test_items_come_in_order_whoever_made_them(
    pieces: list[list[str]], lane_count: int, seed: Callable[..., int]
) -> None:
    lanes: list[list[tuple[int, list[str]]]] = [[] for _ in range(lane_count)]
    for number, items in enumerate(pieces):
        seed.choice(lanes).append((number, items))  # type: ignore[attr-defined]
    made = run_lanes([lane_of(lane) for lane in lanes], interrupt=nothing)
    assert list(made) == [item for items in pieces for item in items]


def test_a_reader_that_stalls_stops_the_lanes() -> None:
    made: list[int] = []

    def lane() -> Iterator[tuple[int, Iterator[int]]]:
        for number in range(1000):
            made.append(number)
            yield number, iter([number])

    items = run_lanes([lane], interrupt=nothing, look_ahead=2)
    assert next(items) == 0
    time.sleep(0.1)
    assert len(made) <= 4
    assert list(items) == list(range(1, 1000))


def test_a_lane_that_is_far_ahead_waits_for_the_one_that_is_next() -> None:
    is_far = threading.Event()

    def slow() -> Iterator[tuple[int, Iterator[int]]]:
        is_far.wait(5)
        yield 0, iter([0])

    def fast() -> Iterator[tuple[int, Iterator[int]]]:
        for number in range(1, 100):
            if number == 2:
                is_far.set()
            yield number, iter([number])

    assert list(run_lanes([slow, fast], interrupt=nothing)) == list(range(100))


def test_an_error_is_raised_at_once_and_ends_the_other_lanes() -> None:
    interrupted = threading.Event()

    def waiting() -> Iterator[tuple[int, Iterator[int]]]:
        assert interrupted.wait(5)
        yield 0, iter([0])

    def failing() -> Iterator[tuple[int, Iterator[int]]]:
        yield 1, iter([1])
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        list(run_lanes([waiting, failing], interrupt=interrupted.set))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("lane ")]


def test_closing_ends_all_lanes() -> None:
    interrupted = threading.Event()

    def waiting() -> Iterator[tuple[int, Iterator[int]]]:
        yield 0, iter([0])
        assert interrupted.wait(5)
        yield 1, iter([1])

    items = run_lanes([waiting, lane_of([])], interrupt=interrupted.set)
    assert next(items) == 0
    items.close()  # type: ignore[attr-defined]
    assert interrupted.is_set()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("lane ")]
