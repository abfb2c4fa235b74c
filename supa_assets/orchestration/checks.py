"""The asset check of a table: its file is what metadata.json, the source's count and the event log say it is."""

# No `from __future__ import annotations` here: Dagster compares a context's annotation with the class itself.
import dagster as dg

from supa_assets.files.verify import Fault, verify_table
from supa_assets.naming import CHECK_SUFFIX
from supa_assets.orchestration.failures import failures
from supa_assets.orchestration.io_manager import IO_MANAGER_KEY, FoundEntry, JsonFileIOManager
from supa_assets.orchestration.run_tags import TABLE_TAG
from supa_assets.plan.export_plan import PlannedTable

__all__ = ["build_table_check"]

_MATERIALIZATIONS_LOOKED_AT = 10


def build_table_check(*, table: PlannedTable, position: int = 0) -> dg.AssetChecksDefinition:
    """The check of `table`. It reads files alone, so it can be run from the UI while the database is down.

    In a run that exports the table it reads what the run staged; elsewhere what is published. What is wrong fails the
    check; a check that can't be made at all raises, and never passes.
    """

    @dg.asset_check(
        name=CHECK_SUFFIX,
        asset=table.name,
        blocking=True,
        description=f"{table.file} read back: a whole JSON array whose row count, size and SHA-256 are those of"
        " metadata.json, of the source's count(*) and of the file's materialization.",
        op_tags={"dagster/priority": str(1 - 2 * position), TABLE_TAG: table.name},
        required_resource_keys={IO_MANAGER_KEY},
    )
    def file_matches_metadata(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        files: JsonFileIOManager = getattr(context.resources, IO_MANAGER_KEY)
        with failures():
            found = files.find_entry(table.name)
            events = _EventsOfTable(context.instance, table.name)
            faults = verify_table(
                found.files,
                found.entry,
                event_row_count=events.row_count_of(found.entry.run_id),
            )
        return _as_result(found, faults, events)

    return file_matches_metadata


class _EventsOfTable:
    """The table's latest materializations. The file's own may not be the last: a run that failed publishes nothing."""

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
    found: FoundEntry, faults: list[Fault], events: _EventsOfTable
) -> dg.AssetCheckResult:
    metadata: dict[str, dg.RawMetadataValue] = {
        "rows": found.entry.row_count,
        "bytes": found.entry.byte_count,
        "sha256": found.entry.sha256,
        "run_id": found.entry.run_id,
    }
    latest = events.latest_run_id()
    if latest not in (None, found.entry.run_id):
        metadata["note"] = f"the latest materialization is of run {latest}, which is not the file's"
    if faults:
        metadata["faults"] = dg.TableMetadataValue(
            records=[_as_record(fault) for fault in faults], schema=_FAULT_SCHEMA
        )
    return dg.AssetCheckResult(
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
            "expected": str(fault.expected),
            "found": str(fault.found),
            "message": fault.message,
        }
    )
