"""How far an export is, in a run's event log."""

from __future__ import annotations

import time
from collections.abc import Iterable

import dagster as dg

from supa_assets.causes import group_by_cause
from supa_assets.errors import SupaAssetsError
from supa_assets.export.outcome import TableOutcome
from supa_assets.export.refusals import merge_hints
from supa_assets.orchestration.failures import as_failure
from supa_assets.orchestration.shown import PlainLog

__all__ = ["StepProgress"]

_INTERVAL_S = 10.0
"""An event costs milliseconds in Dagster's storage, and more over a network; export.log takes the lines in between."""


class StepProgress:
    """Says a line at most once in ten seconds, and each failure at once; ends an export whose run has been ended."""

    def __init__(self, context: dg.AssetExecutionContext, *, table_count: int) -> None:
        self._context = context
        self._log = PlainLog(context.log)
        self._table_count = table_count
        self._written_count = 0
        self._said_at = time.monotonic()

    def tell(self, name: str, row_count: int, byte_count: int) -> None:
        """To be called while a table is written."""
        now = time.monotonic()
        if now - self._said_at < _INTERVAL_S:
            return
        self._said_at = now
        self.check_run()
        done = f"{self._written_count} of {self._table_count} tables"
        self._log.info(f"{done}; {name}: {row_count:,} rows, {byte_count:,} bytes so far")

    def tell_outcome(self, outcome: TableOutcome) -> None:
        """To be called when a table is written, or failed."""
        self._written_count += 1
        if outcome.error:
            self._log.error(f'table "{outcome.name}": {outcome.error}')

    def tell_refused(self, outcomes: Iterable[TableOutcome]) -> None:
        """To be called before the first table: of those that can't be read, each cause once."""
        refused = [(o.name, o.error) for o in outcomes if o.error]
        self._written_count += len(refused)
        for group in group_by_cause(refused):
            said = group.describe_cause()
            if len(group.errors) == 1:
                said = f'table "{group.names[0]}": {said}'
            hint = merge_hints(group.errors)
            self._log.error(f"{said}\nHINT: {hint}" if hint else said)

    def check_run(self) -> None:
        """Raise if the run was ended meanwhile without this process being told: by a forced termination, by monitoring.

        Such a run must neither go on reading nor publish. It is a Failure at once, for an error of ours would be that
        of the table at work alone.
        """
        run = self._context.instance.get_run_by_id(self._context.run.run_id)
        if run is not None and run.is_finished:
            raise as_failure(
                SupaAssetsError(
                    f'run "{run.run_id}" is {run.status.value} already',
                    hint="nothing of it is published; run again.",
                )
            )
