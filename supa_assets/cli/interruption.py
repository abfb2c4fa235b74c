"""What SIGINT and SIGTERM do: while the program gets ready they end it at once, and afterwards they interrupt it.

While modules are imported, a KeyboardInterrupt comes up anywhere: some swallow it, some print it, some make another
error of it. Nothing is begun by then, so that nothing is lost by an end without ceremony.

Little is imported here, since that is the time in which nothing is caught yet.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

__all__ = ["EXIT_INTERRUPTED", "end_at_once", "ending_at_once", "interrupt", "keep_exit_code"]

EXIT_INTERRUPTED = 130
"""128 + SIGINT, as shells count it."""

_PAUSE_S = 0.05
_Handler = Callable[[int, "FrameType | None"], object]


def end_at_once() -> None:
    """From now on, a signal ends the process with a line and no more."""
    _handle(_end, _end)


def interrupt() -> None:
    """From now on, a signal raises KeyboardInterrupt, which leaves every context in good order.

    One that is raised where nothing can leave, in a finalizer or a weak reference's callback, comes again.
    """
    _handle(signal.default_int_handler, _raise)
    sys.unraisablehook = _interrupt_again


def keep_exit_code(code: int) -> None:
    """From now on, a signal ends the process as it is about to end anyhow: all is done, and told."""

    def end(signal_number: int, frame: FrameType | None) -> None:
        with suppress(OSError):
            sys.stdout.flush()
        os._exit(code)

    _handle(end, end)


@contextmanager
def ending_at_once() -> Iterator[None]:
    """While something is imported; not to be used where anything is begun."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    end_at_once()
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _handle(sigint: _Handler, sigterm: _Handler) -> None:
    """A shell's background job ignores SIGINT, and goes on doing so."""
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, sigint)
    signal.signal(signal.SIGTERM, sigterm)


def _end(signal_number: int, frame: FrameType | None) -> None:
    os.write(2, b"interrupted\n")
    os._exit(EXIT_INTERRUPTED)


def _interrupt_again(unraisable: sys.UnraisableHookArgs) -> None:
    """Python would print a traceback and go on as if nobody had asked it to end. Dagster's interruptions count, too."""
    if issubclass(unraisable.exc_type, Exception):
        sys.__unraisablehook__(unraisable)
        return
    # From another thread, since here the handler's exception would be lost again.
    again = threading.Timer(_PAUSE_S, os.kill, (os.getpid(), signal.SIGTERM))
    again.daemon = True
    again.start()


def _raise(signal_number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
