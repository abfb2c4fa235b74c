"""A catalogue turned into a plan, without a server."""

from __future__ import annotations

import pytest

from supa_assets.files.metadata import ReferenceEntry
from supa_assets.naming import Relation
from supa_assets.plan.export_plan import plan_export
from supa_assets.server.catalog import Catalog, Column, Table
from supa_assets.settings import Choice
from supa_assets_tests.support.exports import SERVER, SOURCE
from supa_assets_tests.support.types import of_types, some_type


def column(name: str) -> Column:
    return Column(name, "integer", 1, is_nullable=False, generated=None, identity=None)


def table(name: str, *columns: str, references: str | None = None, schema: str = "public") -> Table:
    return Table(
        relation=Relation(schema, name),
        is_partitioned=False,
        comment=None,
        estimated_row_count=None,
        byte_count=0,
        primary_key=("id",),
        key_correlation=None,
        columns=tuple(map(column, ("id", *columns))),
        references=(
            ReferenceEntry(
                constraint=f"{name}_fkey",
                columns=[references],
                schema_name=schema,
                table=references,
                referenced_columns=["id"],
            ),
        )
        if references
        else (),
    )


def catalog(*tables: Table) -> Catalog:
    return Catalog(SOURCE, SERVER, "2026-01-01", tables, of_types(some_type(1, "int4")))


def test_parents_come_first_and_a_reference_to_the_table_itself_is_told() -> None:
    plan = plan_export(
        catalog(table("a", references="b"), table("b"), table("c", references="c")), Choice()
    )
    places = {t.name: (t.level, t.depends_on) for t in plan.tables}
    assert places == {"b": (0, []), "c": (0, []), "a": (1, ["b"])}
    assert [(b.table, b.reason) for b in plan.broken_references] == [("c", "self")]
    assert plan.table("a").file == "a.json"
    with pytest.raises(KeyError):
        plan.table("nowhere")


def test_an_excluded_table_is_not_planned_and_nobody_depends_on_it() -> None:
    both = catalog(table("a", references="b"), table("b"))
    (only,) = plan_export(both, Choice(exclude=("public.b",))).tables
    assert (only.name, only.depends_on) == ("a", [])
    assert [reference.table for reference in only.references] == ["b"]


def test_of_auth_users_only_the_chosen_columns_are_in_the_file_in_the_settings_order() -> None:
    users = catalog(table("users", "secret", "email", schema="auth"))
    (planned,) = plan_export(users, Choice(auth_users_columns=("email", "id", "absent"))).tables
    assert [c.name for c in planned.rows.columns] == ["email", "id"]
    assert planned.rows.omitted_columns == ["secret"]
    assert planned.ordered_by == ["id"]
    (keyless,) = plan_export(users, Choice(auth_users_columns=("email",))).tables
    assert (keyless.primary_key, keyless.ordered_by) == (["id"], [])


def test_physical_order_is_no_order() -> None:
    (planned,) = plan_export(catalog(table("a")), Choice(order="physical")).tables
    assert planned.ordered_by == []


def test_tables_keep_the_names_that_they_have_and_all_that_hangs_on_them() -> None:
    old = table("Users")
    new = catalog(old, table("users", references="Users"), table("orders", references="Users"))
    plan = plan_export(new, Choice(), names={old.relation: "Users"})

    assert plan.table("Users").relation == old.relation
    assert plan.table("Users").file == "Users.json"
    (added,) = [t for t in plan.tables if t.relation.name == "users"]
    assert added.name.startswith("users__")
    assert added.file == f"{added.name}.json"
    assert [plan.table(name).depends_on for name in (added.name, "orders")] == [["Users"]] * 2


def test_a_name_that_is_given_is_not_another_tables_though_its_own_is_gone() -> None:
    (only,) = plan_export(
        catalog(table("users")), Choice(), names={Relation("public", "Users"): "Users"}
    ).tables
    assert only.name.startswith("users__")
