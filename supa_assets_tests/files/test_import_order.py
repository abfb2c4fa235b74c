"""Import order: every table once, parents first, the same however the references are listed."""

from __future__ import annotations

import random
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from supa_assets.files.import_order import (
    Broken,
    Reference,
    find_import_order,
    name_references,
)
from supa_assets_tests.support.exports import plan_table

Schema = dict[str, list[Reference]]


@st.composite
def schemas(draw: st.DrawFn) -> Schema:
    """Up to 12 tables with any references between them: chains, cycles, doubles, and some to tables elsewhere."""
    tables = draw(st.lists(st.text("abcde", min_size=1, max_size=3), max_size=12, unique=True))
    names = st.sampled_from([*tables, "elsewhere"]) if tables else st.just("elsewhere")
    return {
        table: [
            Reference(f"fk_{n}", name) for n, name in enumerate(draw(st.lists(names, max_size=5)))
        ]
        for table in tables
    }


@given(schemas())
def test_every_table_has_one_place(schema: Schema) -> None:
    assert set(find_import_order(schema).levels) == set(schema)


@given(schemas())
def test_parents_come_before_children_but_for_broken_references(schema: Schema) -> None:
    order = find_import_order(schema)
    place = {table: n for n, table in enumerate(order.levels)}
    honoured = Counter(
        (table, reference)
        for table, references in schema.items()
        for reference in references
        if reference.referenced in schema
    ) - Counter((broken.table, broken.reference) for broken in order.broken)
    for table, reference in honoured:
        assert place[reference.referenced] < place[table]
        assert order.levels[reference.referenced] < order.levels[table]
    for table, level in order.levels.items():
        parents = [reference.referenced for child, reference in honoured if child == table]
        assert level == max((order.levels[parent] + 1 for parent in parents), default=0)


@given(schemas())
def test_only_what_closes_a_circle_is_broken(schema: Schema) -> None:
    """Put back, each broken reference makes its table an ancestor of itself."""
    order = find_import_order(schema)
    broken = {(b.table, b.reference) for b in order.broken}
    parents = {
        table: {
            r.referenced for r in references if r.referenced in schema and (table, r) not in broken
        }
        for table, references in schema.items()
    }
    for entry in order.broken:
        assert (entry.reason == "self") == (entry.table == entry.reference.referenced)
        seen, pending = set[str](), [entry.reference.referenced]
        while pending:
            table = pending.pop()
            seen.add(table)
            pending += parents[table] - seen
        assert entry.table in seen


@given(schemas(), st.randoms())
def test_the_order_does_not_depend_on_how_the_references_are_listed(
    schema: Schema, chance: random.Random
) -> None:
    tables = list(schema)
    chance.shuffle(tables)
    shuffled = {table: chance.sample(schema[table], len(schema[table])) for table in tables}
    found, expected = find_import_order(shuffled), find_import_order(schema)
    assert list(found.levels.items()) == list(expected.levels.items())
    assert found.broken == expected.broken


def test_a_chain_of_two_thousand_tables_needs_no_recursion() -> None:
    chain = {f"t{n:04}": [Reference("fk", f"t{n + 1:04}")] for n in range(2000)}
    assert find_import_order(chain).levels["t0000"] == 1999


def test_a_cycle_is_broken_at_the_reference_that_leads_back_to_the_first_name() -> None:
    order = find_import_order(
        {
            "b": [Reference("to_c", "c")],
            "c": [Reference("to_a", "a"), Reference("again_to_a", "a")],
            "a": [Reference("to_b", "b"), Reference("to_a", "a")],
        }
    )
    assert list(order.levels) == ["c", "b", "a"]
    assert order.broken == [
        Broken("c", Reference("again_to_a", "a"), "cycle"),
        Broken("c", Reference("to_a", "a"), "cycle"),
        Broken("a", Reference("to_a", "a"), "self"),
    ]


def test_references_are_called_by_the_asset_names_of_their_tables() -> None:
    """Foreign keys name tables as PostgreSQL does; one to a table that isn't exported counts for nothing."""
    tables = [
        plan_table("Users__0badcafe", table="Users", references=["Users", "elsewhere"]),
        plan_table("orders", references=["Users", "users"]),
        plan_table("users"),
    ]
    assert name_references({table.name: table for table in tables}) == {
        "Users__0badcafe": [Reference("Users__0badcafe_Users_fkey", "Users__0badcafe")],
        "orders": [
            Reference("orders_Users_fkey", "Users__0badcafe"),
            Reference("orders_users_fkey", "users"),
        ],
        "users": [],
    }
