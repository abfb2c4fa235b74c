"""What will be exported, in which order, under which names: the catalogue turned into an `ExportPlan`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from pydantic import BaseModel, ConfigDict

from supa_assets.files.holes import Hole
from supa_assets.files.import_order import ImportOrder, Reference, find_import_order
from supa_assets.files.metadata import (
    BrokenReference,
    ColumnEntry,
    ReferenceEntry,
    ServerEntry,
    SourceEntry,
)
from supa_assets.naming import RelationName, assign_asset_names, file_name
from supa_assets.plan.encoding import Cast, encode_type, holds_raw_json
from supa_assets.plan.probes import Probe, find_probes
from supa_assets.server.catalog import Catalog, Column, Table
from supa_assets.settings import Settings, ValueForms

__all__ = ["ExportPlan", "PlannedColumn", "PlannedTable", "plan_export"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class PlannedColumn(_Frozen):
    """A column of the file: what metadata.json says of it, and the SQL that makes the server write it."""

    entry: ColumnEntry
    casts: list[Cast]
    """What the server casts the value to, in turn, before it writes the row as JSON."""
    probes: list[Probe]
    """What is looked for while the table is counted."""


class PlannedTable(_Frozen):
    """One table of the export."""

    name: str
    """Asset name; key in metadata.json's `tables`."""
    file: str
    schema_name: str
    table: str
    is_partitioned: bool
    level: int
    columns: list[PlannedColumn]
    omitted_columns: list[str]
    primary_key: list[str]
    ordered_by: list[str]
    references: list[ReferenceEntry]
    depends_on: list[str]
    """Asset names of the referenced tables, broken references and those in `auth` left out."""
    is_large: bool
    """Streams whatever its row count."""
    holds_raw_json: bool
    """Whether a `json` value could bring line breaks of its own into a row's text."""
    comment: str | None
    estimated_row_count: int | None
    """From the planner's statistics (reltuples, scaled to today's pages); None where the table was never analyzed."""
    byte_count: int
    """Bytes on the server's disk, TOAST included, indexes not."""
    key_correlation: float | None = None
    """How far the heap lies in the key's order, -1 to 1, from the planner's statistics; for guesses only."""

    @property
    def relation(self) -> str:
        """`schema.table`, for messages and `dagster/table_name`."""
        return f"{self.schema_name}.{self.table}"

    def list_probes(self) -> dict[tuple[str, Hole], list[Probe]]:
        """By column and hole, in the order that their counts come in."""
        probes: defaultdict[tuple[str, Hole], list[Probe]] = defaultdict(list)
        for column in self.columns:
            for probe in column.probes:
                probes[column.entry.name, probe.hole].append(probe)
        return dict(probes)


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
        return next(table for table in self.tables if table.name == name)


def plan_export(catalog: Catalog, settings: Settings) -> ExportPlan:
    """Turn the catalogue into a plan; the same catalogue and settings give the same plan."""
    # Tables that a pattern excludes have names, too: another's must not change with it.
    names = assign_asset_names((table.schema_name, table.table_name) for table in catalog.tables)
    selected = [
        table
        for table in catalog.tables
        if settings.excluding(table.schema_name, table.table_name) is None
    ]
    names = {
        relation: names[relation]
        for relation in ((table.schema_name, table.table_name) for table in selected)
    }
    order = find_import_order(
        {
            names[table.schema_name, table.table_name]: _known_references(table.references, names)
            for table in selected
        }
    )
    tables = {names[table.schema_name, table.table_name]: table for table in selected}
    return ExportPlan(
        source=catalog.source,
        server=catalog.server,
        read_at=catalog.read_at,
        tables=[
            _plan_table(
                name, tables[name], catalog=catalog, settings=settings, names=names, order=order
            )
            for name in order.levels
        ],
        broken_references=[
            BrokenReference(
                table=broken.table,
                constraint=broken.reference.constraint,
                references=broken.reference.target,
                reason=broken.reason,
            )
            for broken in order.broken
        ],
    )


def _known_references(
    references: Iterable[ReferenceEntry], names: Mapping[RelationName, str]
) -> list[Reference]:
    return [
        Reference(reference.constraint, names[reference.schema_, reference.table])
        for reference in references
        if (reference.schema_, reference.table) in names
    ]


def _plan_table(
    name: str,
    table: Table,
    *,
    catalog: Catalog,
    settings: Settings,
    names: Mapping[RelationName, str],
    order: ImportOrder,
) -> PlannedTable:
    kept, omitted = _select_columns(table, settings)
    forms = settings.forms(table.schema_name, table.table_name)
    omitted_key = {column.name for column in omitted} & set(table.primary_key)
    return PlannedTable(
        name=name,
        file=file_name(name),
        schema_name=table.schema_name,
        table=table.table_name,
        is_partitioned=table.is_partitioned,
        level=order.levels[name],
        columns=[_plan_column(column, catalog, forms) for column in kept],
        omitted_columns=[column.name for column in omitted],
        primary_key=list(table.primary_key),
        # A key that isn't in the file whole (auth.users, by setting) can't be seen to order it.
        ordered_by=list(table.primary_key)
        if forms.order == "primary_key" and not omitted_key
        else [],
        references=list(table.references),
        depends_on=_dependencies(name, table, names=names, order=order),
        is_large=settings.is_large(table.schema_name, table.table_name),
        holds_raw_json=any(holds_raw_json(column.type_id, catalog.types) for column in kept),
        comment=table.comment,
        estimated_row_count=table.estimated_row_count,
        byte_count=table.byte_count,
        key_correlation=table.key_correlation,
    )


def _select_columns(table: Table, settings: Settings) -> tuple[list[Column], list[Column]]:
    """Columns in the file, and those left out of it: `auth.users` holds secrets that most copies don't need.

    Its columns stand in the order that the setting gives them.
    """
    wanted = settings.auth_users_columns
    if (table.schema_name, table.table_name) != ("auth", "users") or "*" in wanted:
        return list(table.columns), []
    found = {column.name: column for column in table.columns}
    kept = [found[name] for name in dict.fromkeys(wanted) if name in found]
    return kept, [column for column in table.columns if column.name not in wanted]


def _plan_column(column: Column, catalog: Catalog, forms: ValueForms) -> PlannedColumn:
    encoded = encode_type(column.type_id, catalog.types, forms)
    return PlannedColumn(
        entry=ColumnEntry(
            name=column.name,
            type=column.type,
            encoding=encoded.encoding,
            nullable=column.is_nullable,
            generated=column.generated,
            identity=column.identity,
        ),
        casts=list(encoded.casts),
        probes=find_probes(column.type_id, catalog.types, encoded, is_nullable=column.is_nullable),
    )


def _dependencies(
    name: str, table: Table, *, names: Mapping[RelationName, str], order: ImportOrder
) -> list[str]:
    """Asset dependencies: none on `auth`, so that a role without access to it still exports the rest."""
    broken = {broken.reference for broken in order.broken if broken.table == name}
    return sorted(
        {
            names[reference.schema_, reference.table]
            for reference in table.references
            if (reference.schema_, reference.table) in names
            and reference.schema_ != "auth"
            and Reference(reference.constraint, names[reference.schema_, reference.table])
            not in broken
        }
    )
