"""Why a table can't be read, and the one error for all of them."""

from __future__ import annotations

import pytest

from supa_assets.errors import PermissionDenied, SchemaChanged, SourceUnavailable, SupaAssetsError
from supa_assets.export.refusals import (
    Refusal,
    explain_emptiness,
    merge_hints,
    refuse_all,
    refuse_filtered,
    refuse_missing,
    refuse_unlocked,
    refuse_unprivileged,
)
from supa_assets.export.survey import SurveyedRelation
from supa_assets.naming import Relation


def surveyed(
    name: str, *, has_usage: bool = True, has_select: bool = True, is_forced: bool = False
) -> SurveyedRelation:
    return SurveyedRelation(
        relation=Relation("public", name),
        kind="table",
        extension=None,
        has_usage=has_usage,
        has_select=has_select,
        has_hidden_rows=True,
        is_forced=is_forced,
    )


def test_no_refusal_is_no_error() -> None:
    refuse_all([], table_count=3)


def test_one_refusal_is_raised_as_it_is() -> None:
    refusal = refuse_unprivileged(surveyed("t", has_select=False), "reader")
    with pytest.raises(
        PermissionDenied, match=r'^role "reader" may not read "public\.t"'
    ) as caught:
        refuse_all([refusal], table_count=3)
    assert 'GRANT SELECT ON "public"."t" TO "reader";' in (caught.value.hint or "")
    assert "USAGE" not in (caught.value.hint or "")
    assert caught.value.relation == "public.t"


def test_many_refusals_are_one_error_with_each_remedy_once() -> None:
    refusals = [
        refuse_unprivileged(surveyed(f"t{n}", has_usage=False, has_select=False), "reader")
        for n in range(30)
    ]
    with pytest.raises(PermissionDenied, match="30 of 40 tables can't be exported") as caught:
        refuse_all(refusals, table_count=40)
    assert caught.value.message == (
        '30 of 40 tables can\'t be exported: role "reader" may not read the table:'
        f" {', '.join(f'public.t{n}' for n in range(8))} and 22 more"
    )
    hint = caught.value.hint or ""
    assert hint.count('GRANT USAGE ON SCHEMA "public"') == 1
    assert hint.count("GRANT SELECT ON") == 1
    assert '"public"."t29"' in hint, "one statement mends all"
    assert hint.count("Or leave them out") == 1


def test_refusals_of_several_kinds_are_an_error_of_none_of_them() -> None:
    refusals = [
        refuse_missing(Relation("public", "gone"), None),
        refuse_filtered(surveyed("hidden"), "reader"),
    ]
    with pytest.raises(SupaAssetsError) as caught:
        refuse_all(refusals, table_count=2)
    assert type(caught.value) is SupaAssetsError
    assert "reload definitions" in (caught.value.hint or "")
    assert 'ALTER ROLE "reader" BYPASSRLS;' in (caught.value.hint or "")


def test_a_table_that_is_gone_or_became_something_else_is_a_changed_schema() -> None:
    relation = Relation("public", "t")
    gone = refuse_missing(relation, None)
    assert isinstance(gone.error(), SchemaChanged)
    assert gone.text == '"public.t" is no longer in the database'
    assert refuse_missing(relation, surveyed("t")).text.endswith("no longer what it was")


def test_forced_row_security_can_be_mended_by_the_owner_too() -> None:
    mend = 'ALTER TABLE "public"."t" NO FORCE ROW LEVEL SECURITY'
    assert mend not in str(refuse_filtered(surveyed("t"), "reader"))
    assert mend in str(refuse_filtered(surveyed("t", is_forced=True), "reader"))


def test_a_locked_table_is_an_error_that_another_attempt_may_mend() -> None:
    locked = Refusal("m", Relation("public", "t"), "h", reason="locked")
    assert type(locked.error()) is SourceUnavailable
    with pytest.raises(SourceUnavailable, match="2 of 2 tables"):
        refuse_all([locked, locked], table_count=2)


def test_a_table_that_came_too_late_is_a_changed_schema_with_what_helps() -> None:
    late = refuse_unlocked(Relation("public", "t"))
    assert type(late.error()) is SchemaChanged
    assert late.text == '"public.t" was created while the export began'
    assert "run again" in (late.hint or "")
    assert "setting exclude" in (late.hint or "")
    assert late.reason == "created since the definitions were loaded"


def test_each_cause_has_its_own_remedy_and_each_is_told_once() -> None:
    refusals = [
        refuse_unprivileged(surveyed("a", has_select=False), "reader"),
        refuse_filtered(surveyed("b", is_forced=True), "reader"),
        refuse_filtered(surveyed("c", is_forced=True), "reader"),
        refuse_missing(Relation("public", "d"), None),
    ]
    hint = merge_hints([refusal.error() for refusal in refusals]) or ""
    assert hint.startswith('GRANT SELECT ON "public"."a" TO "reader"; Or leave it out')
    assert hint.count('ALTER ROLE "reader" BYPASSRLS;') == 1
    assert "NO FORCE" not in hint, "what mends all is told, not what mends one"
    assert hint.count("reload definitions") == 1
    alone = refusals[1].error()
    assert merge_hints([alone]) == alone.hint


def test_a_run_that_would_export_nothing_is_told_where_tables_are_chosen() -> None:
    error = explain_emptiness()
    assert error.message == "there is no table to export"
    assert "settings schemas and auth" in (error.hint or "")
