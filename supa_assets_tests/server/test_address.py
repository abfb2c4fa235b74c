"""A connection URL: where it leads, and how text is kept free of its password."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from supa_assets.errors import SettingsError, SupaAssetsError
from supa_assets.server.address import Address, parse_url
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
        ("postgresql://u:p@db.example.com:6543/app", "db.example.com:6543/app"),
        ("postgres://u:p@h/app", "h:5432/app"),
        ("postgresql://u:p@[2001:db8::1]:5433/app", "2001:db8::1:5433/app"),
        ("postgresql://u:p@h1,h2:2/app", "h1:5432,h2:2/app"),
        ("postgresql://u:p@h1,h2/app?port=7", "h1:7,h2:7/app"),
        ("postgresql:///app?host=/run/pg&port=7&user=u", "/run/pg:7/app"),
        ("postgresql:///app?hostaddr=10.0.0.1", "10.0.0.1:5432/app"),
        ("postgresql://u:p%40%2F%3F%23%25@h/a%20b", "h:5432/a b"),
        ("postgresql://u@h", "h:5432/u"),
        ("postgresql://u@", "[local]:5432/u"),
        ("postgresql://u:p@h/app?sslmode=require&application_name=x", "h:5432/app"),
        ("postgresql://u@h/app?password=p@s", "h:5432/app"),
        ("postgresql://u:p@/?service=mine", "service mine"),
        ("postgresql://u:p@h/app?service=mine", "service mine/h/app"),
    ],
)
def test_an_address_says_no_more_than_is_known_of_where_it_leads(url: str, expected: str) -> None:
    assert parse_url(url).describe() == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://h1,h2:2/app", [("h1", 5432), ("h2", 2)]),
        ("postgresql:///app", []),
        ("postgresql:///app?service=mine", []),
    ],
)
def test_hosts_are_those_that_are_named(url: str, expected: list[tuple[str, int]]) -> None:
    assert parse_url(url).hosts() == expected


def test_what_the_url_leaves_out_comes_from_libpqs_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PGHOST", "elsewhere")
    monkeypatch.setenv("PGPORT", "7777")
    monkeypatch.setenv("PGDATABASE", "other")
    monkeypatch.setenv("PGPASSWORD", "s3cret word")
    address = parse_url("postgresql://")
    assert address.describe() == "elsewhere:7777/other"
    assert parse_url("postgresql:///?service=mine").describe() == "service mine"
    assert address.redact("no s3cret word here, no s3cret%20word") == "no *** here, no ***"
    monkeypatch.setenv("PGPORT", "no number")
    assert address.describe() == "elsewhere:5432/other"


def test_the_service_of_the_environment_is_read_as_libpq_reads_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "services").write_text("[mine]\nhost=elsewhere\ndbname=other\n")
    monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "services"))
    monkeypatch.setenv("PGSERVICE", "mine")
    assert parse_url("postgresql://").describe() == "elsewhere:5432/other"


def test_a_fingerprint_differs_with_the_place_and_not_with_the_password(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    services = tmp_path / "services"
    services.write_text("[mine]\nhost=one\npassword=hunter2\n")
    monkeypatch.setenv("PGSERVICEFILE", str(services))
    by_service = parse_url("postgresql:///?service=mine")
    urls = (
        "postgresql://u:p@h/d", "postgresql://u:p@h/e", "postgresql://u:p@h:1/d", "postgresql://u:p@h,g/d",
        "postgresql://v:p@h/d", "postgresql://u:p@h/d?target_session_attrs=primary",
    )  # fmt: skip
    fingerprints = [parse_url(url).fingerprint() for url in urls] + [by_service.fingerprint()]
    services.write_text("[mine]\nhost=two\npassword=hunter2\n")
    fingerprints.append(by_service.fingerprint())
    monkeypatch.setenv("PGDATABASE", "other")
    fingerprints.append(by_service.fingerprint())

    assert len(set(fingerprints)) == len(fingerprints)
    assert parse_url("postgresql://u:q@h/d").fingerprint() == fingerprints[0]
    assert "hunter2" not in "".join(fingerprints)


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


anything = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


@given(anything.map("k7Qx9z{}".format))
@example("k7Qx9z%")
@example("k7Qx9z%25")
def test_an_escaped_password_is_understood_and_redacted_in_every_form(password: str) -> None:
    address = parse_url(f"postgresql://u:{quote(password, safe='')}@h/d")
    assert address.parameters["password"] == password
    escaped = quote(password, safe="")
    lower = re.sub("%..", lambda found: found[0].lower(), escaped)
    forms = (password, quote(password), escaped, lower)
    assert address.redact("|".join(forms)) == "***|***|***|***"
    assert password not in repr(address).replace("Address(h:5432/d)", "")


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("see postgresql://u:other@h/d", "see postgresql://u:***@h/d"),
        ("see host=h password=other user=u", "see host=h password=*** user=u"),
        (r"see password = 'oth\'er one' user=u", "see password = *** user=u"),
        ("see ?sslpassword=other&user=u", "see ?sslpassword=***&user=u"),
    ],
)
def test_what_stands_where_a_password_does_is_not_shown_whatever_it_is(
    text: str, redacted: str
) -> None:
    assert parse_url("postgresql://u@h/d").redact(text) == redacted


TEXTS = [
    'connection to server at "127.0.0.1", port 5432 failed: FATAL:  password authentication failed for "app_1user"',
    'connection to server at "db7.example.com" (10.0.0.7), port 6543 failed: Connection refused',
    'connection failed: FATAL:  database "shop2024" does not exist',
    'FATAL:  role "app_1user" does not exist',
    "failed to resolve host 'db7.example.com': [Errno -2] Name or service not known",
    'server certificate for "*.pooler.supabase.com" does not match host name "db7.example.com"',
    "SSL error: tlsv1 alert no application protocol; TLSv1.3, SCRAM-SHA-256-PLUS, channel_binding=require",
    "connection is bad: fe_sendauth: no password supplied",
    'FATAL:  no pg_hba.conf entry for host "10.0.0.7", user "app_1user", database "shop2024", no encryption',
    "FATAL:  (EMAXCONNSESSION) max clients reached in session mode - max clients are limited to pool_size: 15",
    "timeout expired; MaxClientsInSessionMode; self-signed certificate in certificate chain",
]
"""Of libpq, the resolver, OpenSSL, PostgreSQL and poolers."""


@st.composite
def cut_out(draw: st.DrawFn) -> str:
    """A piece of a message, long or short."""
    text = draw(st.sampled_from(TEXTS))
    start = draw(st.integers(0, len(text) - 1))
    return text[start : draw(st.integers(start + 1, len(text)))]


words = st.sampled_from(
    sorted({word for text in TEXTS for word in re.split(r"[^\w.-]+", text) if word})
)


@given(words | cut_out() | st.text(min_size=1, max_size=5).filter(lambda text: "\0" not in text))
@example("a")
@example("5432")
@example("postgres")
@example("app_1user")
@example("db7.example.com")
@example("SCRAM-SHA-256")
@example("HA-256")
@example("256-PLUS,")
@example("LSv1.3")
@example("failed to resolve host 'db7.example.com': [Errno")
def test_what_is_shown_of_a_message_is_the_same_whatever_the_password_is(password: str) -> None:
    """Or it would tell the password: stars in the place of a word that everybody knows."""
    others = {"host": "db7.example.com", "port": "6543", "user": "app_1user", "dbname": "shop2024"}
    for text in TEXTS:
        shown = Address({**others, "password": password}).redact(text)
        assert shown == Address({**others, "password": "k7Qx9z!unlike"}).redact(text) == text


def test_what_the_server_quotes_of_the_password_itself_is_not_shown() -> None:
    for password in ("hunter2", "p@ssword", "7b41c2d9", "correct h0rse7 battery"):
        address = Address({"host": "h", "password": password})
        assert address.redact(f'no "{password}", {quote(password)}') == 'no "***", ***'
