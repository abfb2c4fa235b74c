"""A checksum over a table's rows, whatever their order: here from the file's lines; `stream.checksum` from the table.

It is the sum, over all rows, of 128 bits of the SHA-256 of the row's JSON text. It shows a row that is missing, comes
twice or differs by a character. The hole: it is no signature; who sets out to find other rows with the same sum has a
chance that a signature would not give.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["ALGORITHM", "Checksum", "LineSum"]

ALGORITHM = "sha256-sum-128"
_MODULUS = 1 << 64


@dataclass(frozen=True)
class Checksum:
    """Of so many rows."""

    row_count: int
    value: str

    @classmethod
    def of_sums(cls, row_count: int, first: int, second: int) -> Checksum:
        """Of the sums of each hash's two halves; signed or not, a sum is the same modulo 2^64."""
        return cls(row_count, f"{first % _MODULUS:016x}{second % _MODULUS:016x}")


class LineSum:
    """Adds up a file's rows."""

    def __init__(self) -> None:
        self._row_count = 0
        self._first = 0
        self._second = 0

    def add(self, lines: Iterable[bytes]) -> None:
        """Each line is a row's JSON, without what separates rows."""
        sha256, unpack = hashlib.sha256, struct.Struct(">QQ").unpack_from
        for line in lines:
            first, second = unpack(sha256(line).digest())
            self._row_count += 1
            self._first += first
            self._second += second

    def result(self) -> Checksum:
        return Checksum.of_sums(self._row_count, self._first, self._second)
