"""Connections that must not open, and ports where no PostgreSQL listens."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from supa_assets.errors import SourceError
from supa_assets.server.address import parse_url
from supa_assets.server.connection import connect

__all__ = ["PROJECT", "failure", "listener", "refuse_with"]

PROJECT = "abcdefghijklmnopqrst"
"""A Supabase project's ref."""


def failure(url: str, *, timeout_s: int = 5) -> SourceError:
    """The error of a connection that must not open, checked for what every error must have."""
    with pytest.raises(SourceError) as raised:
        connect(parse_url(url), timeout_s=timeout_s)
    error = raised.value
    assert "\n" not in error.message
    assert error.hint
    return error


@contextmanager
def listener(answer: bytes | None) -> Iterator[int]:
    """A port that answers the startup packet with these bytes and closes; None is silent for good."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        clients: list[socket.socket] = []

        def serve() -> None:
            while True:
                try:
                    client, _ = server.accept()
                except OSError:
                    return
                clients.append(client)
                if answer is None:
                    continue
                request = client.recv(8)
                if request == struct.pack("!ii", 8, 80877103):  # SSLRequest
                    client.sendall(b"N")
                    client.recv(8)
                client.recv(4096)
                client.sendall(answer)
                client.close()

        threading.Thread(target=serve, daemon=True).start()
        yield int(server.getsockname()[1])
        for client in clients:
            client.close()


def refuse_with(message: str) -> bytes:
    """A pooler's ErrorResponse."""
    fields = f"SFATAL\0CXX000\0M{message}\0\0".encode()
    return b"E" + struct.pack("!i", len(fields) + 4) + fields
