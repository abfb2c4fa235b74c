"""Names: unique, safe on every file system and in Dagster, and the plain one wherever it is fit."""

from __future__ import annotations

import hashlib
import random
import re

import dagster as dg
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from supa_assets.files.layout import ARRAY
from supa_assets.naming import (
    CHECK_SUFFIX,
    RESERVED_NAMES,
    Relation,
    assign_asset_names,
    find_by_name,
    find_close_names,
    list_names,
)

identifiers = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1
).filter(lambda name: len(name.encode()) <= 63)
awkward = st.sampled_from(
    ["users", "Users", "USERS", "auth_users", "a_b", "b", "a", "b_c", "../x", "a/b", "..", ".", "con", "CON", "nul",
     "type", "Foo Bar", "🙂", "metadata", "Metadata", f"x_{CHECK_SUFFIX}", "__x", "class", "", " ", "users__"]
)  # fmt: skip
relations = st.sets(
    st.builds(
        Relation,
        st.sampled_from(["public", "auth", "a", "a_b", "Public", "x y"]) | identifiers,
        awkward | identifiers,
    ),
    max_size=30,
)


@given(relations)
@example(
    {Relation("auth", "users"), Relation("public", "auth_users"), Relation("public", "AUTH_USERS")}
)
def test_names_are_unique_without_case_and_fit_for_dagster_and_file_systems(
    tables: set[Relation],
) -> None:
    names = assign_asset_names(tables)
    assert set(names) == tables
    assert len({name.casefold() for name in names.values()}) == len(tables)
    for name in names.values():
        assert re.fullmatch(r"[A-Za-z0-9_]+", name)
        assert name.casefold() not in RESERVED_NAMES
        assert not name.endswith(CHECK_SUFFIX)
        assert len(ARRAY.file_name(name)) < 255 - 64  # room for the suffix of an unfinished file


@given(relations, st.randoms())
def test_names_do_not_depend_on_the_order_of_the_tables(
    tables: set[Relation], chance: random.Random
) -> None:
    shuffled = list(tables)
    chance.shuffle(shuffled)
    assert assign_asset_names(shuffled) == assign_asset_names(sorted(tables))


@given(relations)
def test_a_table_literally_called_like_anothers_escaped_name_is_told_apart(
    tables: set[Relation],
) -> None:
    escaped = {Relation("public", name) for name in assign_asset_names(tables).values()}
    names = assign_asset_names(tables | escaped)
    assert len({name.casefold() for name in names.values()}) == len(tables | escaped)


def gone(tables: set[Relation]) -> set[Relation]:
    """Every other one of them."""
    return set(sorted(tables)[::2])


@given(relations, relations)
@example({Relation("public", "Users")}, {Relation("public", "users"), Relation("public", "USERS")})
def test_tables_that_have_a_name_keep_it_and_nobody_gets_one_that_is_given(
    before: set[Relation], added: set[Relation]
) -> None:
    """Also not the name of a table that is gone: its asset and file are still known by it."""
    loaded = assign_asset_names(before)
    now = (before - gone(before)) | added
    names = assign_asset_names(now, given=loaded)

    assert names.keys() == now
    assert {table: names[table] for table in now & before} == {
        table: loaded[table] for table in now & before
    }
    assert len({name.casefold() for name in names.values()}) == len(now)
    given_names = {name.casefold() for name in loaded.values()}
    for table in now - before:
        assert names[table].casefold() not in given_names
        assert re.fullmatch(r"[A-Za-z0-9_]+", names[table])
        assert names[table].casefold() not in RESERVED_NAMES


@given(relations, relations, st.randoms())
def test_names_beside_given_ones_do_not_depend_on_the_order_of_the_tables(
    before: set[Relation], added: set[Relation], chance: random.Random
) -> None:
    loaded = assign_asset_names(before)
    shuffled = list(before | added)
    chance.shuffle(shuffled)
    again = assign_asset_names(shuffled, given=loaded)
    assert again == assign_asset_names(before | added, given=loaded)


def test_a_new_table_gives_way_to_one_that_has_its_name_already() -> None:
    old, new = Relation("public", "Users"), Relation("public", "users")
    assert assign_asset_names([old, new])[new] == "users"  # were neither known
    names = assign_asset_names([old, new], given={old: "Users"})
    assert names[old] == "Users"
    assert re.fullmatch(r"users__[0-9a-f]{8}", names[new])


@pytest.mark.parametrize(
    ("relation", "expected"),
    [
        (("public", "organizations"), "organizations"),
        (("public", "Users"), "Users"),
        (("auth", "users"), "auth_users"),
        (("auth", "identities"), "auth_identities"),
        (("billing", "invoices"), "billing_invoices"),
        (("public", "a" * 63), "a" * 63),
        (("public", "2026"), "2026"),
    ],
)
def test_a_fit_name_stays_as_it_is(relation: Relation, expected: str) -> None:
    assert assign_asset_names([relation]) == {relation: expected}


@pytest.mark.parametrize(
    ("table", "readable"),
    [
        ("Foo Bar", "Foo_Bar"), ("a/b", "a_b"), ("../x", "x"), ("..", "table"), ("🙂", "table"), ("type", "type"),
        ("CON", "CON"), ("metadata", "metadata"), ("naïve", "na_ve"), ('"', "table"), ("a\nb", "a_b"),
        ("__typename", "typename"),
    ],
)  # fmt: skip
def test_an_unfit_name_is_escaped_with_the_hash_of_the_true_one(table: str, readable: str) -> None:
    digest = hashlib.sha256(f"public\0{table}".encode()).hexdigest()
    assert (
        assign_asset_names([Relation("public", table)])[Relation("public", table)]
        == f"{readable}__{digest[:8]}"
    )


def test_users_keeps_its_name_beside_users_with_a_capital() -> None:
    names = assign_asset_names(
        [Relation("public", "Users"), Relation("public", "users"), Relation("public", "USERS")]
    )
    assert names[Relation("public", "users")] == "users"
    assert (
        names[Relation("public", "USERS")]
        == "USERS__" + names[Relation("public", "USERS")].rpartition("__")[2]
    )


def test_auth_users_keeps_its_name_beside_a_table_of_that_name() -> None:
    names = assign_asset_names(
        [Relation("public", "auth_users"), Relation("auth", "users"), Relation("auth_users", "x")]
    )
    assert names[Relation("auth", "users")] == "auth_users"
    assert names[Relation("public", "auth_users")].startswith("auth_users__")


@settings(max_examples=20, deadline=None)
@given(relations)
def test_dagster_takes_every_name_as_an_assets(tables: set[Relation]) -> None:
    def build(name: str) -> tuple[dg.AssetsDefinition, dg.AssetChecksDefinition]:
        @dg.asset(name=name)
        def asset() -> None: ...

        @dg.asset_check(asset=name, name=CHECK_SUFFIX)
        def check() -> dg.AssetCheckResult:
            return dg.AssetCheckResult(passed=True)

        return asset, check

    built = [build(name) for name in assign_asset_names(tables).values()]
    definitions = dg.Definitions([a for a, _ in built], asset_checks=[c for _, c in built])
    dg.Definitions.validate_loadable(definitions)


# By a person


KNOWN = {
    "users": Relation("public", "users"),
    "auth_users": Relation("auth", "users"),
    "Users__0badcafe": Relation("public", "Users"),
    "orders": Relation("shop", "b.c"),
    "b_c": Relation("shop.b", "c"),
}


@pytest.mark.parametrize(
    ("given_name", "expected"),
    [
        ("public.users", ["users"]),
        ("auth.users", ["auth_users"]),
        ("auth_users", ["auth_users"]),
        ("users", ["users"]),  # the asset's name comes before a table's of any schema
        ("Users", ["Users__0badcafe"]),
        ("shop.b.c", ["orders", "b_c"]),
        ("c", ["b_c"]),
        ("USERS", []),
        ("", []),
    ],
)
def test_a_table_is_found_by_whatever_a_person_calls_it(
    given_name: str, expected: list[str]
) -> None:
    assert find_by_name(given_name, KNOWN) == expected


def test_close_names_are_offered_whatever_their_case() -> None:
    assert find_close_names("public.user", KNOWN)[0].casefold() == "public.users"
    assert "orders" in find_close_names("ORDER", KNOWN)
    assert find_close_names("zzzzzz", KNOWN) == []


def test_a_relation_in_a_message_is_one_line_and_for_programs_what_it_is() -> None:
    relation = Relation("a\x1b", "b\n0 faults")
    assert f"{relation}" == r"a\x1b.b\n0 faults"
    assert str(relation) == "a\x1b.b\n0 faults"


def test_a_line_names_the_first_of_many() -> None:
    assert list_names([]) == ""
    assert list_names(["a", "b"]) == "a, b"
    assert list_names([f"t{n}" for n in range(10)]) == "t0, t1, t2, t3, t4, t5, t6, t7 and 2 more"
