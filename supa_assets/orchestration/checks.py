"""The asset check of a table: its file is what metadata.json, the source's count and the event log say it is."""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg

from supa_assets.files.metadata import TableEntry
from supa_assets.files.verify import Fault, verify_table
from supa_assets.naming import CHECK_SUFFIX
from supa_assets.orchestration.io_manager import JsonFileIOManager
from supa_assets.plan.export_plan import PlannedTable
from supa_assets.visible import one_line

__all__ = ["build_table_check", "check_published_table", "check_written_table"]

_MATERIALIZATIONS_LOOKED_AT = 10


def build_table_check(table: PlannedTable) -> dg.AssetCheckSpec:
    """The check of `table`, which blocks what depends on it."""
    return dg.AssetCheckSpec(
        CHECK_SUFFIX,
        asset=dg.AssetKey(table.name),
        blocking=True,
        description=f"{table.file} read back: a whole JSON array whose row count, size and SHA-256 are those of"
        " metadata.json, of the source's count(*) and of the file's materialization.",
    )


def check_written_table(entry: TableEntry, faults: Sequence[Fault]) -> dg.AssetCheckResult:
    """What the export found when it read the file back, before it published it."""
    return _as_result(entry, faults, {})


def check_published_table(
    name: str, files: JsonFileIOManager, instance: dg.DagsterInstance
) -> dg.AssetCheckResult:
    """Read the published file back, and compare it with the event log, too. It needs no database.

    What is wrong fails the check; raises ExportFault where nothing of the table is published, and never passes then.
    """
    entry = files.find_entry(name)
    events = _EventsOfTable(instance, name)
    faults = verify_table(files.storage(), entry, event_row_count=events.row_count_of(entry.run_id))
    latest = events.latest_run_id()
    note = {}
    if latest not in (None, entry.run_id):
        note["note"] = f"the latest materialization is of run {latest}, which is not the file's"
    return _as_result(entry, faults, note)


class _EventsOfTable:
    """The table's latest materializations. The file's own may not be the last: a run can die after its publication."""

    def __init__(self, instance: dg.DagsterInstance, name: str) -> None:
        self._records = instance.fetch_materializations(
            dg.AssetKey(name), limit=_MATERIALIZATIONS_LOOKED_AT
        ).records

    def row_count_of(self, run_id: str) -> int | None:
        for record in self._records:
            materialization = record.asset_materialization
            if record.run_id == run_id and materialization is not None:
                value = materialization.metadata.get("dagster/row_count")
                return value.value if isinstance(value, dg.IntMetadataValue) else None
        return None

    def latest_run_id(self) -> str | None:
        return self._records[0].run_id if self._records else None


def _as_result(
    entry: TableEntry, faults: Sequence[Fault], note: dict[str, str]
) -> dg.AssetCheckResult:
    metadata: dict[str, dg.RawMetadataValue] = {
        "rows": entry.row_count,
        "bytes": entry.byte_count,
        "sha256": entry.sha256,
        "run_id": entry.run_id,
        **note,
    }
    if faults:
        metadata["faults"] = dg.TableMetadataValue(
            records=[_as_record(fault) for fault in faults], schema=_FAULT_SCHEMA
        )
    return dg.AssetCheckResult(
        asset_key=dg.AssetKey(entry.name),
        check_name=CHECK_SUFFIX,
        passed=not faults,
        description="\n".join(fault.message for fault in faults) or None,
        metadata=metadata,
    )


_FAULT_SCHEMA = dg.TableSchema(
    columns=[dg.TableColumn(name) for name in ("what", "expected", "found", "message")]
)


def _as_record(fault: Fault) -> dg.TableRecord:
    return dg.TableRecord(
        {
            "what": fault.what,
            "expected": one_line(str(fault.expected)),
            "found": one_line(str(fault.found)),
            "message": fault.message,
        }
    )
