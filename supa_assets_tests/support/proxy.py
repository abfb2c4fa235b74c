"""A TCP proxy before the server, whose connections a test can cut, cut short, stop for a while, or let fall silent."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from types import TracebackType

import pytest

Fault = Callable[["Line", int], bool]
"""Asked with a connection and the bytes that the server has sent on it; False ends the connection there."""


class Line:
    """One connection through the proxy."""

    def __init__(self, number: int, client: socket.socket, server: socket.socket) -> None:
        self.number = number
        self.client = client
        self.server = server
        self.is_silent = False
        """Nothing gets through any more, in either direction; both ends stay open until one closes."""

    def cut(self) -> None:
        """As a crashed router would: a reset, nothing more."""
        for end in (self.client, self.server):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            end.shutdown(socket.SHUT_RD)  # wakes the thread that reads it; only then it is closed
            end.close()

    def end(self) -> None:
        """Close it in good order in the middle of a message."""
        for end in (self.client, self.server):
            end.close()


class Proxy:
    def __init__(self, port: int, fault: Fault, *, host: str = "127.0.0.1") -> None:
        self._port = port
        self._fault = fault
        self._listener = socket.create_server((host, 0))
        self.port = int(self._listener.getsockname()[1])
        self.lines: list[Line] = []
        self.is_deaf = False
        """Whether connections are taken and never served."""
        self.hushing: bytes | None = None
        """A connection falls silent before a request that holds this."""

    def __enter__(self) -> Proxy:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._listener.close()
        for line in self.lines:
            line.end()

    def lead(self, url: str) -> str:
        """The server's URL, through this proxy."""
        return url.replace(f":{self._port}/", f":{self.port}/")

    def has_silent_line(self) -> bool:
        return any(line.is_silent for line in self.lines)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._port))
            line = Line(len(self.lines), client, server)
            line.is_silent = self.is_deaf
            self.lines.append(line)
            for source, target, is_answer in ((client, server, False), (server, client, True)):
                threading.Thread(
                    target=self._pump, args=(line, source, target, is_answer), daemon=True
                ).start()

    def _pump(
        self, line: Line, source: socket.socket, target: socket.socket, is_answer: bool
    ) -> None:
        byte_count = 0
        try:
            while data := source.recv(16_384):
                byte_count += len(data)
                if not is_answer and self.hushing and self.hushing in data:
                    line.is_silent = True
                if line.is_silent:
                    continue
                if is_answer and not self._fault(line, byte_count):
                    target.sendall(data[: len(data) // 2])
                    return
                if not line.is_silent:
                    target.sendall(data)
        except OSError:
            pass  # a reset of one side ends the other, too
        if line.is_silent and is_answer:
            return
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)


def find_network_address() -> str:
    """This machine's own address in its network, which no program can tell from another machine's."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            pytest.skip("the machine has no network")
        return str(probe.getsockname()[0])


def cut_after(byte_count: int) -> Fault:
    def fault(line: Line, sent: int) -> bool:
        if sent >= byte_count:
            line.cut()
        return sent < byte_count

    return fault


def truncate_after(byte_count: int) -> Fault:
    def fault(line: Line, sent: int) -> bool:
        if sent < byte_count:
            return True
        line.client.shutdown(socket.SHUT_WR)
        return False

    return fault


def stall_once_after(byte_count: int, *, seconds: float) -> Fault:
    stalled: set[int] = set()

    def fault(line: Line, sent: int) -> bool:
        if sent >= byte_count and line.number not in stalled:
            stalled.add(line.number)
            time.sleep(seconds)
        return True

    return fault


def silence_after(byte_count: int, *, lines: Collection[int] = ()) -> Fault:
    """Let connections fall silent once they have had so many bytes: all of them, or those with these numbers."""

    def fault(line: Line, sent: int) -> bool:
        if sent >= byte_count and (not lines or line.number in lines):
            line.is_silent = True
        return True

    return fault
