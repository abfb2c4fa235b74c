"""The shape of a table's rows in its file: which columns, and what the server makes of each before it writes JSON."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from supa_assets.files.holes import Hole
from supa_assets.files.metadata import ColumnEntry
from supa_assets.naming import Relation
from supa_assets.plan.probes import Probe

__all__ = ["RowShape", "ShapedColumn"]


class ShapedColumn(BaseModel):
    """A column of the file: what metadata.json says of it, its casts included, and what is looked for in its values."""

    model_config = ConfigDict(frozen=True)

    entry: ColumnEntry
    probes: list[Probe] = []
    """What is looked for while the table is counted."""

    @property
    def name(self) -> str:
        return self.entry.name

    @property
    def type(self) -> str:
        return self.entry.type

    @property
    def casts(self) -> Sequence[str]:
        """What the server casts the value to, in turn, before it writes the row as JSON."""
        return self.entry.casts or ()


class RowShape(BaseModel):
    """The rows of one relation as an export reads them. It is all that a statement which writes JSON depends on.

    `stream` makes its SQL from it; the plan has one for each table of the source, a proof one for the target's.
    """

    model_config = ConfigDict(frozen=True)

    relation: Relation
    is_partitioned: bool
    columns: list[ShapedColumn]
    omitted_columns: list[str] = []
    """Columns the relation has and the file hasn't."""
    holds_raw_json: bool = False
    """Whether a `json` value could bring line breaks of its own into a row's text."""

    def list_probes(self) -> dict[tuple[str, Hole], list[Probe]]:
        """By column and hole, in the order that their counts come in."""
        probes: defaultdict[tuple[str, Hole], list[Probe]] = defaultdict(list)
        for column in self.columns:
            for probe in column.probes:
                probes[column.name, probe.hole].append(probe)
        return dict(probes)
