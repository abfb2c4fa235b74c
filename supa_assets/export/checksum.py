"""A checksum over a table's rows, whatever their order: by the server from the table, by Python from the file.

It is the sum, over all rows, of 128 bits of the SHA-256 of the row's JSON text. It shows a row that is missing, comes
twice or differs by a character. The hole: it is no signature; who sets out to find other rows with the same sum has a
chance that a signature would not give.
"""

from __future__ import annotations

import hashlib
import struct
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Any

import psycopg

from supa_assets.export.connection import explain_query_error
from supa_assets.export.metadata import ChecksumEntry
from supa_assets.export.plan import PlannedTable
from supa_assets.export.publish import Findings
from supa_assets.export.query import compose_checksum, compose_relation
from supa_assets.export.source import SnapshotHold

__all__ = ["ALGORITHM", "Checksum", "LineSum", "read_checksum", "with_checksums"]

ALGORITHM = "sha256-sum-128"
_MODULUS = 1 << 64


@dataclass(frozen=True)
class Checksum:
    """Of so many rows."""

    row_count: int
    value: str


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
        return _checksum(self._row_count, self._first, self._second)


def read_checksum(connection: psycopg.Connection[Any], table: PlannedTable) -> Checksum:
    """By the server, in the connection's snapshot, under the export's session settings."""
    relation = compose_relation(table.schema_name, table.table, is_partitioned=table.is_partitioned)
    row = connection.execute(compose_checksum(table, relation)).fetchone()
    assert row is not None
    return _checksum(int(row[0]), int(row[1]), int(row[2]))


def with_checksums(
    hold: SnapshotHold, findings: Findings, tables: Collection[PlannedTable]
) -> Findings:
    """The findings with the source's checksum of each table; each is read once more, in the hold's snapshot."""
    checksums = {}
    for table in tables:
        started = time.monotonic()
        try:
            checksum = read_checksum(hold.connection, table)
        except psycopg.Error as error:
            raise explain_query_error(error, hold.address, relation=table.relation) from None
        checksums[table.name] = ChecksumEntry(
            algorithm=ALGORITHM,
            value=checksum.value,
            duration_ms=round((time.monotonic() - started) * 1000),
        )
    return replace(findings, checksums=checksums)


def _checksum(row_count: int, first: int, second: int) -> Checksum:
    """Signed or not, a sum is the same modulo 2^64."""
    return Checksum(row_count, f"{first % _MODULUS:016x}{second % _MODULUS:016x}")
