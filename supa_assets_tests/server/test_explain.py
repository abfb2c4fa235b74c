"""What is said when the server fails while it reads or writes: one table each, one treatment of what both have."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import errors

from supa_assets.errors import (
    PermissionDenied,
    SchemaChanged,
    SourceError,
    SourceUnavailable,
    SupaAssetsError,
    TargetError,
    ValueNotExportable,
)
from supa_assets.naming import Relation
from supa_assets.server.address import parse_url
from supa_assets.server.explain import explain_query_error, explain_write_error
from supa_assets_tests.support.databases import Database

ADDRESS = parse_url("postgresql://someone:hunter2@h/d")
ORDERS = Relation("public", "orders")


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (errors.UndefinedTable("gone"), SchemaChanged, 'no longer as the catalogue said: gone'),
        (errors.LockNotAvailable("held"), SourceUnavailable, "could not be locked for reading: held"),
        (errors.ProgramLimitExceeded("1 GB"), ValueNotExportable, "can't write as text: 1 GB"),
        (errors.CharacterNotInRepertoire("0x80"), ValueNotExportable, "isn't in the database's encoding"),
        (errors.QueryCanceled("ended"), SourceUnavailable, "was cancelled by the server: ended"),
        (errors.DivisionByZero("by 0"), SourceError, "failed: by 0 (SQLSTATE 22012)"),
    ],
)  # fmt: skip
def test_what_failed_while_reading_names_the_relation_and_the_fix(
    error: psycopg.Error, kind: type[SupaAssetsError], message: str
) -> None:
    explained = explain_query_error(error, ADDRESS, relation=ORDERS)

    assert type(explained) is kind
    assert '"public.orders"' in explained.message
    assert message in explained.message
    assert explained.hint
    assert explained.relation == "public.orders"
    assert '"' not in explain_query_error(error, ADDRESS).message.partition(":")[0]


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        (errors.UntranslatableCharacter("u0000"), "a json value holds a lone surrogate or \\u0000"),
        (errors.InvalidTextRepresentation("x"), "a value is none of its column's type"),
        (errors.UniqueViolation("twice"), "the target has rows of its own"),
        (errors.ForeignKeyViolation("no parent"), "the referenced row is not in the target"),
        (errors.NotNullViolation("null"), "the target has a rule that the source's rows don't obey"),
        (errors.LockNotAvailable("held"), "another session holds the table"),
        (errors.DiskFull("full"), "give the server more space."),
        (errors.QueryCanceled("ended"), "an administrator cancelled it"),
        (errors.RaiseException("no"), "a trigger of the target refused"),
        (errors.DivisionByZero("by 0"), "compare the target with the source."),
    ],
)  # fmt: skip
def test_what_failed_while_writing_says_that_nothing_was_written(
    error: psycopg.Error, hint: str
) -> None:
    explained = explain_write_error(error, ADDRESS, relation=ORDERS, action="loading")

    said = f'loading "public.orders" failed: {error} (SQLSTATE {error.sqlstate})'
    assert (type(explained), explained.message) == (TargetError, said)
    assert str(explained.hint).startswith(hint)
    assert str(explained.hint).endswith(" Nothing was written.")


@pytest.mark.parametrize(
    "error",
    [
        psycopg.OperationalError("EOF"),
        errors.AdminShutdown("down"),
        errors.CrashShutdown("a backend crashed"),
        errors.ConnectionFailure("gone"),
        errors.InternalError_("(EDBHANDLEREXITED) connection to database closed"),
        errors.InternalError_("DbHandler exited. Check logs for more information"),
    ],
    ids=str,
)
def test_a_lost_connection_is_told_alike_in_both_directions(error: psycopg.Error) -> None:
    reading = explain_query_error(error, ADDRESS, relation=ORDERS)
    writing = explain_write_error(error, ADDRESS)

    assert {type(reading), type(writing)} == {SourceUnavailable}
    assert reading.message == f'the connection was lost while reading "public.orders": {error}'
    assert writing.message == f"the connection was lost while writing the target: {error}"
    assert str(reading.hint).endswith("then run again.")
    assert str(writing.hint).endswith("then run again; nothing was written.")


def test_a_missing_privilege_is_told_with_the_role_in_both_directions() -> None:
    error = errors.InsufficientPrivilege("permission denied")
    reading = explain_query_error(error, ADDRESS, relation=ORDERS)
    writing = explain_write_error(error, ADDRESS, relation=ORDERS)
    catalogue = explain_query_error(error, ADDRESS, role="other")

    assert {type(e) for e in (reading, writing, catalogue)} == {PermissionDenied}
    assert reading.message == 'role "someone" may not read "public.orders": permission denied'
    assert 'GRANT SELECT ON "public"."orders" TO "someone";' in str(reading.hint)
    assert writing.message.startswith("role someone may not do it, writing")
    assert 'role "other" may not read the catalogue' in catalogue.message


def test_row_security_is_told_with_what_gets_past_it() -> None:
    error = errors.InsufficientPrivilege("query would be affected by row-level security policy")
    explained = explain_query_error(error, ADDRESS, relation=ORDERS)
    assert 'ALTER ROLE "someone" BYPASSRLS;' in str(explained.hint)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (errors.ProtocolViolation("Tenant or user not found"), SourceError),
        (errors.ProtocolViolation("query_wait_timeout"), SourceUnavailable),
        (errors.InternalError_("(ECHECKOUTTIMEOUT) unable to check out connection from the pool"),
         SourceUnavailable),
        (errors.InternalError_("(EMAXCONN) max client connections reached, limit: 200"), SourceUnavailable),
    ],
)  # fmt: skip
def test_a_poolers_own_word_is_a_connection_that_did_not_open(
    error: psycopg.Error, kind: type[SourceError]
) -> None:
    explained = explain_query_error(error, ADDRESS, relation=ORDERS)
    assert explained.message == f'cannot connect to "h:5432/d": {error}'
    assert type(explained) is kind


def test_an_internal_error_of_the_servers_is_no_lost_connection() -> None:
    explained = explain_query_error(errors.InternalError_("cache lookup failed"), ADDRESS)
    assert type(explained) is SourceError
    assert "(SQLSTATE XX000)" in explained.message


def test_a_connection_that_an_administrator_ends_is_a_lost_one(database: Database) -> None:
    with psycopg.connect(database.url) as connection:
        database.execute(f"SELECT pg_terminate_backend({connection.info.backend_pid})")
        with pytest.raises(psycopg.Error) as told:
            connection.execute("SELECT 1")
        with pytest.raises(psycopg.Error) as silent:
            connection.execute("SELECT 1")
    for raised in (told, silent):
        explained = explain_query_error(raised.value, parse_url(database.url))
        assert type(explained) is SourceUnavailable
        assert explained.message.startswith("the connection was lost while reading the catalogue:")


def test_a_lock_that_is_not_given_in_time_may_be_given_later(database: Database) -> None:
    database.execute("CREATE TABLE orders (id int)")
    with (
        psycopg.connect(database.superuser_url) as other,
        psycopg.connect(database.url) as connection,
    ):
        other.execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
        connection.execute("SET lock_timeout = '50ms'")
        with pytest.raises(psycopg.Error) as raised:
            connection.execute("SELECT count(*) FROM orders")
    explained = explain_query_error(raised.value, ADDRESS, relation=ORDERS)
    assert type(explained) is SourceUnavailable
    assert explained.message.startswith('"public.orders" could not be locked for reading')


@pytest.mark.parametrize("explain", [explain_query_error, explain_write_error])
def test_a_password_that_the_server_quotes_is_not_told(explain: object) -> None:
    assert callable(explain)
    assert "hunter2" not in str(explain(errors.RaiseException("got hunter2"), ADDRESS))


def test_a_value_that_the_target_refuses_is_not_told(database: Database) -> None:
    with (
        psycopg.connect(database.url) as connection,
        pytest.raises(psycopg.DataError) as raised,
    ):
        connection.execute("SELECT 'secret value'::int")
    explained = explain_write_error(raised.value, ADDRESS)
    assert "invalid input syntax for type integer (SQLSTATE 22P02)" in explained.message
    assert "secret" not in str(explained)


def test_only_the_primary_message_is_told(database: Database) -> None:
    database.execute("CREATE TABLE cases (id int PRIMARY KEY)", "INSERT INTO cases VALUES (4711)")
    with (
        psycopg.connect(database.superuser_url) as connection,
        pytest.raises(psycopg.IntegrityError) as raised,
    ):
        connection.execute("INSERT INTO cases VALUES (4711)")
    assert "4711" in str(raised.value)
    for explain in (explain_query_error, explain_write_error):
        assert "4711" not in str(explain(raised.value, ADDRESS))
