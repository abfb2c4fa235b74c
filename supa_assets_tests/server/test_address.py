"""A connection URL: where it leads, and how text is kept free of its password."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from supa_assets.errors import SettingsError, SupaAssetsError
from supa_assets.files.metadata import SourceEntry
from supa_assets.server.address import parse_url
from supa_assets.server.connection import connect
from supa_assets.settings import Settings
from supa_assets_tests.support.connections import PROJECT


def refusal(url: str) -> SettingsError:
    with pytest.raises(SettingsError) as raised:
        parse_url(url)
    return raised.value


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://u:p@db.example.com:6543/app", ("db.example.com", 6543, "app")),
        ("postgres://u:p@h/app", ("h", 5432, "app")),
        ("postgresql://u:p@[2001:db8::1]:5433/app", ("2001:db8::1", 5433, "app")),
        ("postgresql://u:p@h1,h2:2/app", ("h1", 5432, "app")),
        ("postgresql://u:p@h1:1,h2:2/app", ("h1", 1, "app")),
        ("postgresql:///app?host=/run/pg&port=7&user=u", ("/run/pg", 7, "app")),
        ("postgresql://u:p%40%2F%3F%23%25@h/a%20b", ("h", 5432, "a b")),
        ("postgresql://u@h", ("h", 5432, "u")),
        ("postgresql://u:p@h/app?sslmode=require&application_name=x", ("h", 5432, "app")),
        ("postgresql://u@h/app?password=p@s", ("h", 5432, "app")),
    ],
)
def test_an_address_tells_host_port_and_database(url: str, expected: tuple[str, int, str]) -> None:
    entry = parse_url(url).describe()
    assert (entry.host, entry.port, entry.database) == expected
    assert entry.project is None


def test_what_the_url_leaves_out_comes_from_libpqs_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PGHOST", "elsewhere")
    monkeypatch.setenv("PGPORT", "7777")
    monkeypatch.setenv("PGDATABASE", "other")
    monkeypatch.setenv("PGPASSWORD", "s3cret word")
    address = parse_url("postgresql://")
    assert address.describe() == SourceEntry(host="elsewhere", port=7777, database="other")
    assert address.redact("no s3cret word here, no s3cret%20word") == "no *** here, no ***"
    monkeypatch.setenv("PGPORT", "no number")
    assert address.describe().port == 5432


@pytest.mark.parametrize(
    ("url", "project"),
    [
        (f"postgresql://postgres:p@db.{PROJECT}.supabase.co:5432/postgres", PROJECT),
        (f"postgresql://postgres:p@DB.{PROJECT}.Supabase.co:6543/postgres", PROJECT),
        (
            f"postgresql://postgres.{PROJECT}:p@aws-0-eu-central-1.pooler.supabase.com:6543/postgres",
            PROJECT,
        ),
        (f"postgresql://my.role.{PROJECT}:p@aws-1-us-east-1.pooler.supabase.com/postgres", PROJECT),
        ("postgresql://postgres:p@aws-0-eu-central-1.pooler.supabase.com:6543/postgres", None),
        (f"postgresql://postgres.{PROJECT}:p@db.example.com/postgres", None),
        (f"postgresql://postgres:p@db.{PROJECT}.supabase.co.example.com/postgres", None),
    ],
)
def test_a_supabase_address_tells_the_project(url: str, project: str | None) -> None:
    assert parse_url(url).describe().project == project


def test_direct_and_pooled_addresses_of_a_project_are_one_database() -> None:
    direct = parse_url(f"postgresql://postgres:p@db.{PROJECT}.supabase.co/postgres").describe()
    pooler = "aws-0-eu-central-1.pooler.supabase.com:6543/postgres"
    pooled = parse_url(f"postgresql://postgres.{PROJECT}:p@{pooler}").describe()
    other = parse_url(f"postgresql://postgres.{'z' * 20}:p@{pooler}").describe()
    assert direct.is_same_database(pooled)
    assert not pooled.is_same_database(other)


def entry(port: int = 1, *, identifier: str | None = None, **fields: str) -> SourceEntry:
    return SourceEntry(
        host="h",
        port=port,
        database=fields.pop("database", "d"),
        system_identifier=identifier,
        **fields,
    )


def test_a_server_on_another_port_is_known_by_its_identifier() -> None:
    assert entry(1, identifier="7").is_same_database(entry(2, identifier="7"))
    assert not entry(1, identifier="7").is_same_database(entry(2, identifier="7", database="e"))
    assert not entry(1, identifier="7").is_same_database(entry(1, identifier="8"))
    assert entry(1, identifier="7").is_same_database(entry(1))
    assert not entry(1, identifier="7").is_same_database(entry(2))


def test_a_project_counts_before_the_servers_identifier() -> None:
    assert not entry(identifier="7", project="a").is_same_database(
        entry(identifier="7", project="b")
    )
    assert entry(identifier="7", project="a").is_same_database(
        entry(2, identifier="8", project="a")
    )
    assert not entry(1, identifier="7", project="a").is_same_database(entry(2, identifier="7"))


# Malformed URLs


@pytest.mark.parametrize(
    "url",
    [
        "", "postgres", "localhost:5432/postgres", "mysql://u:hunter2@h/d", "postgresql+psycopg2://u:hunter2@h/d",
        "jdbc:postgresql://h/d?password=hunter2", "POSTGRESQL://u:hunter2@h/d", "'postgresql://u:hunter2@h/d'",
        "postgresql:u:hunter2@h/d", "postgresql:/u:hunter2@h/d", "host=h password=hunter2",
        "postgresql://u:hunter2%zz@h/d", "postgresql://u:hunter2%@h/d", "postgresql://u:hunter2@[::1/d",
        "postgresql://u:hunter2@h:port/d", "postgresql://u:hunter2@h:0/d", "postgresql://u:hunter2@h:65536/d",
        "postgresql://u:hunter2@h:99999999999999999999/d", "postgresql://u:hunter2@h:-1/d", "postgresql://u:hunter2@h:5432x/d",
        "postgresql://u:hunter2@h/d?nonsense=1", "postgresql://u:hunter2@h/d?sslmode", "postgresql://u:hunter2@h/d?a=b=c",
        "postgresql://u:hunter2:h:5432/d", "postgresql://u:hunter2\0@h/d", "postgresql://u:hunter2@h:٣/d",
        "postgresql://u:hunter2@hunter2@h/d", "postgresql://u:hunter2/hunter2@h/d", "postgresql://u:1/hunter2@h/d",
        "postgresql://u:1?x=/hunter2@h/d", "postgresql://u:1?sslmode=/hunter2@h/d", "postgresql://u:1?user=/hunter2@h/d",
    ],
)  # fmt: skip
def test_a_malformed_url_is_refused_without_being_quoted(url: str) -> None:
    error = refusal(url)
    assert "malformed" in error.message
    assert "postgresql://USER:PASSWORD@HOST:5432/postgres" in str(error.hint)
    assert "hunter2" not in str(error)
    assert "\n" not in error.message


def test_no_url_is_said_with_the_variables_name() -> None:
    with pytest.raises(
        SettingsError, match=r"^SUPABASE_DB_URL is not set\nHINT: set it to your project's"
    ):
        Settings().places.require_database_url()


def test_the_dashboards_placeholder_is_named() -> None:
    error = refusal(f"postgresql://postgres:[YOUR-PASSWORD]@db.{PROJECT}.supabase.co:5432/postgres")
    assert error.message.endswith("still holds [YOUR-PASSWORD]")
    assert "without the brackets" in str(error.hint)


@pytest.mark.parametrize(
    "parameter", ["pgbouncer=true", "sslmode=require&connection_limit=1", "schema=public"]
)
def test_a_parameter_of_another_tool_is_named(parameter: str) -> None:
    error = refusal(f"postgresql://u:hunter2@h/d?{parameter}")
    name = parameter.rpartition("&")[2].partition("=")[0]
    assert f'"{name}"' in error.message
    assert "Prisma" in str(error.hint)
    assert "hunter2" not in str(error)


passwords = st.lists(
    st.sampled_from(
        [
            "@",
            "/",
            "#",
            "?",
            ":",
            "%",
            "&",
            "=",
            "[",
            "]",
            ",",
            " ",
            "%4",
            "\\",
            "'",
            '"',
            "é",
            "🙂",
        ]
    )
    | st.text("qQzZxXjJ0123456789", min_size=4, max_size=8),
    min_size=1,
    max_size=7,
).map("".join)
"""Runs of rare letters are the parts that would be found again."""


@given(passwords)
@example("qqqq@zzzz")
@example("qqqq/zzzz@xxxx")
@example("5432/zzzz")
@example("1?user=/qqqqzzzz")
@example("qqqq%4")
def test_no_part_of_an_unescaped_password_is_in_a_message(password: str) -> None:
    url = f"postgresql://postgres:{password}@127.0.0.1:1/nodb"
    with pytest.raises(SupaAssetsError) as raised:
        connect(parse_url(url), timeout_s=1)
    told = str(raised.value)
    for known in ("127.0.0.1", "postgresql://USER:PASSWORD@HOST:5432/postgres"):
        told = told.replace(known, "")
    assert [run for run in re.findall("[qQzZxXjJ0-9]{4,}", password) if run in told] == []
    assert "\n" not in raised.value.message


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1))
@example("%")
@example("%25")
def test_an_escaped_password_is_understood_and_redacted_in_every_form(password: str) -> None:
    address = parse_url(f"postgresql://u:{quote(password, safe='')}@h/d")
    assert address.parameters["password"] == password
    escaped = quote(password, safe="")
    lower = re.sub("%..", lambda found: found[0].lower(), escaped)
    forms = (password, quote(password), escaped, lower)
    marked = "|".join(forms)
    if not set(password) <= set("*|"):
        assert address.redact(marked) == "***|***|***|***"
    assert password not in repr(address).replace("Address(h:5432/d)", "")


def test_a_url_in_a_message_loses_its_password() -> None:
    address = parse_url("postgresql://u@h/d")
    assert address.redact("see postgresql://u:other@h/d") == "see postgresql://u:***@h/d"
