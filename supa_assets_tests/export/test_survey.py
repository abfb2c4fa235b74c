"""Every relation of the database, as the exporting role may use it."""

from __future__ import annotations

from supa_assets.export.survey import Survey, SurveyedRelation, survey
from supa_assets.naming import Relation
from supa_assets_tests.support.databases import Database


def look(database: Database) -> Survey:
    with database.source().hold_snapshot() as hold:
        return survey(hold.connection)


def test_each_relation_has_its_kind_and_what_the_role_may_do(any_database: Database) -> None:
    any_database.execute(
        "CREATE TABLE open (id int)",
        "CREATE VIEW seen AS SELECT 1",
        "CREATE SCHEMA closed",
        "CREATE TABLE closed.t (id int)",
        "CREATE TABLE forced (id int)",
        "ALTER TABLE forced OWNER TO postgres",
        "ALTER TABLE forced ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
    )
    found = look(any_database)

    assert found.role == "postgres"
    assert found.relations[Relation("public", "seen")].kind == "view"
    assert found.relations[Relation("public", "open")] == SurveyedRelation(
        relation=Relation("public", "open"),
        kind="table",
        extension=None,
        has_usage=True,
        has_select=True,
        has_hidden_rows=False,
        is_forced=False,
    )
    # pg_read_all_data reads everything, and BYPASSRLS sees every row
    closed = found.relations[Relation("closed", "t")]
    assert closed.has_usage
    assert closed.has_select
    assert not found.relations[Relation("public", "forced")].has_hidden_rows


def test_files_in_storage_are_none_where_there_is_no_storage(database: Database) -> None:
    assert look(database).not_included.storage_object_count is None
    assert look(database).not_included.large_object_count == 0
