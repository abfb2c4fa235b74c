"""Each relation that is not exported has the reason that a user can do something about."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from supa_assets.export.absence import describe_absence, explain_absence
from supa_assets.export.survey import SurveyedRelation
from supa_assets.files.metadata import NotExportedEntry, RelationKind
from supa_assets.naming import Relation
from supa_assets.settings import Choice

REACHABLE: dict[str, Any] = {
    "has_usage": True,
    "has_select": True,
    "has_hidden_rows": False,
    "is_forced": False,
}


def found(
    name: str, kind: RelationKind = "table", extension: str | None = None
) -> SurveyedRelation:
    """By its `schema.table`."""
    return SurveyedRelation(Relation(*name.split(".")), kind, extension, **REACHABLE)


def explain(relation: SurveyedRelation, **choice: Any) -> tuple[str, str | None]:
    entry = explain_absence(relation, Choice(**choice))
    assert entry.relation == relation.relation
    assert entry.kind == relation.kind
    return entry.reason, entry.detail


@pytest.mark.parametrize(
    ("name", "choice", "reason"),
    [
        ("pg_toast.t", {}, ("internal schema", None)),
        ("graphql.t", {}, ("internal schema", None)),
        ("realtime.messages", {}, ("transient schema", None)),
        ("storage.objects", {}, ("platform schema", None)),
        ("auth.sessions", {}, ("platform schema", None)),
        ("billing.t", {}, ("schema not selected", None)),
        ("billing.t", {"exclude": ["billing.*"]}, ("excluded by setting", "exclude billing.*")),
        ("billing.t", {"include": ["public.*"]}, ("excluded by setting", "include")),
        ("auth.sessions", {"exclude": ["auth.*"]}, ("platform schema", None)),
        ("auth.users", {"auth": False}, ("excluded by setting", "auth")),
        ("auth.identities", {"auth": False}, ("excluded by setting", "auth")),
        ("public.t", {"exclude": ["*.u", "public.t*"]}, ("excluded by setting", "exclude public.t*")),
        ("public.t", {"include": ["public.u"]}, ("excluded by setting", "include")),
        ("storage.objects", {"platform_schemas": ["storage"], "exclude": ["storage.*"]},
         ("excluded by setting", "exclude storage.*")),
    ],
)  # fmt: skip
def test_a_table_is_left_out_for_its_schema_or_by_a_setting(
    name: str, choice: dict[str, Any], reason: tuple[str, str | None]
) -> None:
    assert explain(found(name), **choice) == reason


@pytest.mark.parametrize("kind", ["view", "materialized view", "foreign table"])
def test_what_is_no_table_is_left_out_for_its_kind(kind: RelationKind) -> None:
    assert explain(found("public.v", kind)) == (kind, None)
    assert explain(found("public.v", kind), exclude=["public.v"]) == (kind, None)


def test_an_extension_s_table_is_left_out_with_the_extension_s_name() -> None:
    assert explain(found("public.spatial_ref_sys", extension="postgis")) == ("extension", "postgis")
    assert explain(found("public.seen", "view", "pg_stat_statements"))[0] == "extension"


def test_a_platform_schema_that_is_selected_has_its_extension_s_tables() -> None:
    """`cron.job` belongs to pg_cron, and is the user's data all the same."""
    job = found("cron.job", extension="pg_cron")
    assert explain(job) == ("extension", "pg_cron")
    given = {"platform_schemas": ["cron"], "exclude": ["cron.job"]}
    assert explain(job, **given) == ("excluded by setting", "exclude cron.job")


def test_a_schema_of_an_extension_is_not_the_user_s_own_until_a_setting_names_it() -> None:
    queue = replace(found("partman.config"), schema_extension="pg_partman")
    assert explain(queue) == ("extension", "pg_partman")
    given = {"schemas": ["partman"], "exclude": ["partman.*"]}
    assert explain(queue, **given) == ("excluded by setting", "exclude partman.*")
    pgmq = replace(found("pgmq.q_jobs"), schema_extension="pgmq")
    assert explain(pgmq) == ("platform schema", None)


def test_what_nobody_can_select_is_said_before_anything_else() -> None:
    assert explain(found("extensions.v", "view", "pg_stat_statements")) == ("internal schema", None)


def test_a_description_has_the_true_names() -> None:
    odd = found('a b.T "x"', "foreign table")
    assert describe_absence(odd, "failed", "refused") == NotExportedEntry(
        schema_name="a b", name='T "x"', kind="foreign table", reason="failed", detail="refused"
    )
