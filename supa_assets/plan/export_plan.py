"""What will be exported, in which order, under which names: the catalogue turned into an `ExportPlan`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from pydantic import BaseModel, ConfigDict

from supa_assets.files.import_order import (
    ImportOrder,
    Reference,
    find_import_order,
    name_references,
)
from supa_assets.files.layout import ARRAY
from supa_assets.files.metadata import (
    BrokenReference,
    ColumnEntry,
    ReferenceEntry,
    ServerEntry,
    SourceEntry,
)
from supa_assets.naming import Relation, assign_asset_names
from supa_assets.plan.encoding import encode_type, holds_raw_json
from supa_assets.plan.probes import find_probes
from supa_assets.plan.row_shape import RowShape, ShapedColumn
from supa_assets.server.catalog import AUTH_USERS, Catalog, Column, Table
from supa_assets.settings import Choice, ValueForms

__all__ = ["ExportPlan", "PlannedTable", "TableStatistics", "plan_export"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class TableStatistics(_Frozen):
    """What the server guesses of a table; for guesses only, and never called a count."""

    estimated_row_count: int | None
    """From the planner's statistics (reltuples, scaled to today's pages); None where the table was never analyzed."""
    byte_count: int
    """Bytes on the server's disk, TOAST included, indexes not."""
    key_correlation: float | None = None
    """How far the heap lies in the key's order, -1 to 1."""


class PlannedTable(_Frozen):
    """One table of the export: its name, its place in the graph, the shape of its rows, and guesses of its size."""

    name: str
    """Asset name; key in metadata.json's `tables`."""
    file: str
    level: int
    depends_on: list[str]
    """Asset names of the referenced tables, broken references and those in `auth` left out."""
    rows: RowShape
    primary_key: list[str]
    ordered_by: list[str]
    references: list[ReferenceEntry]
    is_large: bool
    """Streams whatever its row count."""
    comment: str | None
    statistics: TableStatistics

    @property
    def relation(self) -> Relation:
        return self.rows.relation


class ExportPlan(_Frozen):
    """Tables in import order, with what metadata.json says of the whole."""

    source: SourceEntry
    server: ServerEntry
    read_at: str
    """When the catalogue was read, ISO 8601 UTC."""
    tables: list[PlannedTable]
    broken_references: list[BrokenReference]

    def table(self, name: str) -> PlannedTable:
        """The table with this asset name; raises KeyError."""
        return {table.name: table for table in self.tables}[name]


def plan_export(
    catalog: Catalog, choice: Choice, *, names: Mapping[Relation, str] = MappingProxyType({})
) -> ExportPlan:
    """Turn the catalogue into a plan; the same catalogue and choice give the same plan.

    Tables that have a name already, in `names`, keep it.
    """
    # Tables that a pattern excludes have names, too: another's must not change with it.
    names = assign_asset_names((table.relation for table in catalog.tables), given=names)
    tables = {
        names[table.relation]: table
        for table in catalog.tables
        if choice.excluding(table.relation) is None
    }
    references = name_references(tables)
    order = find_import_order(references)
    return ExportPlan(
        source=catalog.source,
        server=catalog.server,
        read_at=catalog.read_at,
        tables=[
            _plan_table(
                name,
                tables[name],
                catalog=catalog,
                choice=choice,
                level=level,
                depends_on=_dependencies(name, references[name], tables=tables, order=order),
            )
            for name, level in order.levels.items()
        ],
        broken_references=[BrokenReference.of(broken) for broken in order.broken],
    )


def _plan_table(
    name: str,
    table: Table,
    *,
    catalog: Catalog,
    choice: Choice,
    level: int,
    depends_on: list[str],
) -> PlannedTable:
    kept, omitted = _select_columns(table, choice)
    forms = choice.forms(table.relation)
    # A key that isn't in the file whole (auth.users, by setting) can't be seen to order it.
    has_key = not {column.name for column in omitted} & set(table.primary_key)
    is_ordered = has_key and forms.order == "primary_key"
    return PlannedTable(
        name=name,
        file=ARRAY.file_name(name),
        level=level,
        depends_on=depends_on,
        rows=RowShape(
            relation=table.relation,
            is_partitioned=table.is_partitioned,
            columns=[_shape_column(column, catalog, forms) for column in kept],
            omitted_columns=[column.name for column in omitted],
            holds_raw_json=any(holds_raw_json(column.type_id, catalog.types) for column in kept),
        ),
        primary_key=list(table.primary_key),
        ordered_by=list(table.primary_key) if is_ordered else [],
        references=list(table.references),
        is_large=choice.is_large(table.relation),
        comment=table.comment,
        statistics=TableStatistics(
            estimated_row_count=table.estimated_row_count,
            byte_count=table.byte_count,
            key_correlation=table.key_correlation,
        ),
    )


def _select_columns(table: Table, choice: Choice) -> tuple[list[Column], list[Column]]:
    """Columns in the file, and those left out of it: `auth.users` holds secrets that most copies don't need.

    Its columns stand in the order that the setting gives them.
    """
    wanted = choice.auth_users_columns
    if table.relation != AUTH_USERS or "*" in wanted:
        return list(table.columns), []
    found = {column.name: column for column in table.columns}
    kept = [found[name] for name in dict.fromkeys(wanted) if name in found]
    return kept, [column for column in table.columns if column.name not in wanted]


def _shape_column(column: Column, catalog: Catalog, forms: ValueForms) -> ShapedColumn:
    encoded = encode_type(column.type_id, catalog.types, forms)
    return ShapedColumn(
        entry=ColumnEntry(
            name=column.name,
            type=column.type,
            encoding=encoded.encoding,
            casts=list(encoded.casts),
            nullable=column.is_nullable,
            generated=column.generated,
            identity=column.identity,
        ),
        probes=find_probes(column.type_id, catalog.types, encoded, is_nullable=column.is_nullable),
    )


def _dependencies(
    name: str,
    references: Sequence[Reference],
    *,
    tables: Mapping[str, Table],
    order: ImportOrder,
) -> list[str]:
    """Asset dependencies: none on `auth`, so that a role without access to it still exports the rest."""
    broken = {broken.reference for broken in order.broken if broken.table == name}
    return sorted(
        {
            reference.referenced
            for reference in references
            if reference not in broken
            and tables[reference.referenced].relation.schema_name != "auth"
        }
    )
