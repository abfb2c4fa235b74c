"""Several threads that make numbered pieces of one sequence, delivered in order to the thread that iterates.

Each lane makes pieces whose numbers rise; all lanes' numbers together are 0, 1, 2, … without a gap. A piece is an
iterator of items, often of one. A lane that is ahead waits once it has `look_ahead` items undelivered, so what is held
is bounded by the number of lanes times look_ahead, however slow the reader of the sequence is.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Generic, TypeVar

__all__ = ["Lane", "run_lanes"]

Item = TypeVar("Item")
Lane = Callable[[], Iterable["tuple[int, Iterator[Item]]"]]
"""Makes a lane's pieces, in a thread of its own."""

_LOOK_AHEAD = 2
_END_TIMEOUT_S = 10.0


def run_lanes(
    lanes: Sequence[Lane[Item]], *, interrupt: Callable[[], None], look_ahead: int = _LOOK_AHEAD
) -> Iterator[Item]:
    """The items of all lanes in order. What a lane raises is raised here at once, after the others were ended.

    `interrupt` must make lanes that wait for something outside give up; it is called when the iteration ends before the
    sequence does: by an error, by KeyboardInterrupt, by `close()`.
    """
    delivery = _Delivery[Item](len(lanes), look_ahead)
    threads = [
        threading.Thread(target=delivery.work, args=(n, lane), name=f"lane {n}", daemon=True)
        for n, lane in enumerate(lanes)
    ]
    is_whole = False
    try:
        for thread in threads:
            thread.start()
        yield from delivery.items()
        is_whole = True
    finally:
        if not is_whole:
            delivery.stop()
            interrupt()
        for thread in threads:
            if thread.ident is not None:
                thread.join(_END_TIMEOUT_S)


class _StoppedError(Exception):
    """Ends a lane whose work isn't wanted any more."""


class _Delivery(Generic[Item]):
    """What the lanes have made and nobody has taken yet."""

    def __init__(self, lane_count: int, look_ahead: int) -> None:
        self._changed = threading.Condition()
        # (number, [item]) for an item, (number, []) for a piece's end
        self._made: list[deque[tuple[int, list[Item]]]] = [deque() for _ in range(lane_count)]
        self._item_counts = [0] * lane_count
        self._working = lane_count
        self._look_ahead = look_ahead
        self._is_stopped = False
        self._error: BaseException | None = None

    def work(self, lane: int, make: Lane[Item]) -> None:
        """What a lane's thread does."""
        error: BaseException | None = None
        try:
            for number, items in make():
                for item in items:
                    self._put(lane, number, [item])
                    del item  # or it would be held while the next one is made
                self._put(lane, number, [])
        except _StoppedError:
            pass
        except BaseException as raised:  # noqa: BLE001  # it is raised in the thread that iterates
            error = raised
        with self._changed:
            self._working -= 1
            self._error = self._error or (None if self._is_stopped else error)
            self._changed.notify_all()

    def items(self) -> Iterator[Item]:
        number = 0
        while (made := self._take(number)) is not None:
            if made:
                yield made.pop()
            else:
                number += 1

    def stop(self) -> None:
        with self._changed:
            self._is_stopped = True
            for made in self._made:
                made.clear()
            self._changed.notify_all()

    def _put(self, lane: int, number: int, item: list[Item]) -> None:
        with self._changed:
            while not self._is_stopped and item and self._item_counts[lane] >= self._look_ahead:
                self._changed.wait()
            if self._is_stopped:
                raise _StoppedError
            self._made[lane].append((number, item))
            self._item_counts[lane] += len(item)
            self._changed.notify_all()

    def _take(self, number: int) -> list[Item] | None:
        """The next item, as a list that holds nothing else; an empty list at the piece's end, None after the last."""
        with self._changed:
            while True:
                if self._error is not None:
                    raise self._error
                for lane, made in enumerate(self._made):
                    if made and made[0][0] == number:
                        item = made.popleft()[1]
                        self._item_counts[lane] -= len(item)
                        self._changed.notify_all()
                        return item
                if not self._working:
                    return None
                self._changed.wait()
