"""A name that `--table` was given and no exported table has: what is called so, and how it is taken in."""

from __future__ import annotations

from typing import Any

import pytest

from supa_assets.errors import SettingsError
from supa_assets.export.unselected import explain_unselected
from supa_assets.plan.selection import select_tables
from supa_assets_tests.support.databases import Database

SCHEMA = """
CREATE TABLE totals_source (id int);
CREATE VIEW totals AS SELECT count(*) FROM totals_source;
CREATE MATERIALIZED VIEW kept AS SELECT 1 AS one;
CREATE FOREIGN DATA WRAPPER nothing; CREATE SERVER far FOREIGN DATA WRAPPER nothing;
CREATE FOREIGN TABLE distant (id int) SERVER far;
CREATE TABLE events (at date, n int) PARTITION BY RANGE (at);
CREATE TABLE events_2026 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01') PARTITION BY LIST (n);
CREATE TABLE events_2026_1 PARTITION OF events_2026 FOR VALUES IN (1);
CREATE SCHEMA billing; CREATE TABLE billing.invoices (id int);
CREATE SCHEMA other; CREATE TABLE other.invoices (id int);
CREATE SCHEMA storage; CREATE TABLE storage.things (id int);
CREATE SCHEMA graphql; CREATE TABLE graphql.inner (id int);
"""


@pytest.mark.parametrize(
    ("given", "choice", "said", "hint"),
    [
        ("totals", {}, '"public.totals" is a view', "name the tables that it reads."),
        ("kept", {}, '"public.kept" is a materialized view', "name the tables that it is made from."),
        ("distant", {}, '"public.distant" is a foreign table', "export them there"),
        ("events_2026", {}, '"public.events_2026" is a partition of "public.events"', 'name "public.events".'),
        ("public.events_2026_1", {}, 'is a partition of "public.events"', 'name "public.events".'),
        ("billing.invoices", {}, 'lies in the schema "billing", which is not selected',
         "SUPA_ASSETS_SCHEMAS=public,billing takes it in."),
        ("invoices", {}, 'not selected, as there is "other.invoices"',
         "SUPA_ASSETS_SCHEMAS=public,billing takes it in."),
        ("things", {}, "lies in the platform's schema \"storage\"",
         "SUPA_ASSETS_PLATFORM_SCHEMAS=storage takes it in."),
        ("graphql.inner", {}, "lies in a schema of PostgreSQL's or Supabase's own", "no setting takes it in"),
        ("totals_source", {"exclude": ["*.totals*"]}, "is left out by the setting exclude *.totals*",
         "take the pattern out of it."),
        ("totals_source", {"include": ["*.events"]}, "is none of those that the setting include names",
         "add it there."),
    ],
)  # fmt: skip
def test_what_is_called_so_is_told_with_what_takes_it_in(
    database: Database, given: str, choice: dict[str, Any], said: str, hint: str
) -> None:
    database.execute(SCHEMA)
    settings = database.settings(**choice)
    with pytest.raises(SettingsError) as caught:
        select_tables(
            database.plan(**choice),
            settings,
            named=[given],
            explain_unknown=lambda name: explain_unselected(settings, name),
        )
    assert said in caught.value.message
    assert hint in (caught.value.hint or "")
    assert "did you mean" not in (caught.value.hint or "")


def test_a_name_of_nothing_is_left_to_the_offer_of_close_ones(database: Database) -> None:
    database.execute(SCHEMA)
    assert explain_unselected(database.settings(), "totals_sources") is None


def test_a_table_that_the_setting_auth_leaves_out(database: Database) -> None:
    database.execute("CREATE SCHEMA auth; CREATE TABLE auth.users (id int)")
    found = explain_unselected(database.settings(), "auth.users")
    assert found is not None
    assert found.hint == "SUPA_ASSETS_AUTH=true takes it in."
