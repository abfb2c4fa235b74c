"""The source's checksums of a run's tables, for metadata.json."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import replace

import psycopg

from supa_assets.export.source import SnapshotHold
from supa_assets.files.line_sum import ALGORITHM
from supa_assets.files.metadata import ChecksumEntry
from supa_assets.files.publish import Findings
from supa_assets.plan.export_plan import PlannedTable
from supa_assets.server.explain import explain_query_error
from supa_assets.server.watched import naming_work
from supa_assets.stream.checksum import read_checksum

__all__ = ["with_checksums"]


def with_checksums(
    hold: SnapshotHold, findings: Findings, tables: Collection[PlannedTable]
) -> Findings:
    """The findings with the source's checksum of each table; each is read once more, in the hold's snapshot."""
    checksums = {}
    for table in tables:
        started = time.monotonic()
        try:
            with naming_work(hold.connection, f'reading "{table.relation}"'):
                checksum = read_checksum(hold.connection, table.rows)
        except psycopg.Error as error:
            raise explain_query_error(error, hold.address, relation=table.relation) from None
        checksums[table.name] = ChecksumEntry(
            algorithm=ALGORITHM,
            value=checksum.value,
            duration_ms=round((time.monotonic() - started) * 1000),
        )
    return replace(findings, checksums=checksums)
