"""Which steps of a run read or verify which tables, and how they ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import dagster as dg

from supa_assets.orchestration.run_tags import READS_TAG, TABLE_TAG

if TYPE_CHECKING:
    from dagster._core.execution.plan.plan import ExecutionPlan

__all__ = ["TableSteps"]


@dataclass
class TableSteps:
    """The steps of a run that concern tables; others (reports on them, say) are none of our business."""

    reading: dict[str, str] = field(default_factory=dict)
    """Step key to table."""
    verifying: dict[str, str] = field(default_factory=dict)
    succeeded: set[str] = field(default_factory=set)
    """Step keys."""

    @classmethod
    def find(cls, execution_plan: ExecutionPlan) -> TableSteps:
        """Told by the tags that `build_table_asset` and `build_table_check` give their steps."""
        found = cls()
        for step in execution_plan.get_steps_to_execute_in_topo_order():
            if table := step.tags.get(TABLE_TAG):
                steps = found.reading if step.tags.get(READS_TAG) else found.verifying
                steps[step.key] = table
        return found

    def tables(self) -> set[str]:
        """Tables that the run reads."""
        return set(self.reading.values())

    def table_of(self, step_key: str | None) -> str | None:
        """The table that the step reads or verifies."""
        return (self.reading | self.verifying).get(step_key or "")

    def note(self, event: dg.DagsterEvent) -> None:
        """Remember what succeeded."""
        if event.is_step_success and event.step_key:
            self.succeeded.add(event.step_key)

    def whole(self) -> list[str]:
        """Tables that were written, and verified where the run verifies them: these can be published."""
        written = {table for step, table in self.reading.items() if step in self.succeeded}
        unverified = {table for step, table in self.verifying.items() if step not in self.succeeded}
        return sorted(written - unverified)
