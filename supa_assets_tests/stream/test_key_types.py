"""A table in key ranges has each row once, in the key's order, whatever type the key is of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from supa_assets.demo.server import EmbeddedServer
from supa_assets_tests.support.databases import Database, new_database

ROWS = 90
KEYS = {
    "int": "n * 37 % 91",
    "int8": "-n",
    "numeric": "n / 7.0",
    "float8": "CASE n WHEN 1 THEN 'NaN' WHEN 2 THEN '-Infinity' ELSE n / 7.0::float8 END",
    "money": "n::money",
    "text": "chr(200 - n) || n",
    'text COLLATE "C"': "n::text",
    "char(5)": "n::text",
    '"char"': 'chr(n + 32)::"char"',
    "name": "'Name ' || n",
    "bytea": "int8send(n)",
    "uuid": "md5(n::text)::uuid",
    "date": "CASE n WHEN 1 THEN 'infinity' WHEN 2 THEN '0044-03-15 BC' ELSE date '2026-01-01' + n END",
    "timestamp": "timestamp '9999-12-30' + n * interval '1 hour'",
    "timestamptz": "timestamptz '2026-01-01 00:00+00' - n * interval '1 microsecond'",
    "interval": "n * interval '1 hour'",
    "inet": "('10.0.0.' || n)::inet",
    "jsonb": "to_jsonb(n)",
    "int[]": "ARRAY[n, NULL]",
    "text[]": "ARRAY['{', n::text]",
    "int4range": "int4range(n, n + 1)",
    "bit(8)": "n::bit(8)",
    "oid": "n",
    "pg_lsn": "('0/' || n)::pg_lsn",
    "boolean": "n % 2 = 0",
    'public."Mood"': "(ARRAY['z', 'b,\"', 'a'])[n]::public.\"Mood\"",
    "public.small": "n",
    "public.pair": "ROW(n % 9, n::text)::public.pair",
    "extensions.citext": "CASE n % 2 WHEN 0 THEN upper(chr(97 + n % 26)) ELSE chr(97 + n % 26) END || n",
    "public.folded": "CASE n % 2 WHEN 0 THEN upper(chr(97 + n % 26)) ELSE chr(97 + n % 26) END || n",
    "extensions.ltree": "('a.b' || n)::extensions.ltree",
    "extensions.hstore": "extensions.hstore('a', n::text)",
    "extensions.vector": "ARRAY[n]::extensions.vector",
}
FEWER = {"boolean": 2, 'public."Mood"': 3}


@pytest.fixture(scope="module")
def keyed_database(server: EmbeddedServer) -> Iterator[Database]:
    with new_database(server) as database:
        database.execute(
            "CREATE SCHEMA extensions",
            *(
                f"CREATE EXTENSION {e} SCHEMA extensions"
                for e in ("citext", "ltree", "hstore", "vector")
            ),
            "CREATE TYPE \"Mood\" AS ENUM ('z', 'b,\"', 'a'); CREATE TYPE pair AS (a int, b text)",
            "CREATE DOMAIN small AS int; CREATE DOMAIN folded AS extensions.citext",
        )
        yield database


def cases() -> Iterator[object]:
    for type_ in KEYS:
        for is_toasted in (False, True):
            by = "size" if is_toasted else "row count"
            yield pytest.param(type_, is_toasted, id=f"{type_} by {by}")


@pytest.mark.slow
@pytest.mark.parametrize(("type_", "is_toasted"), list(cases()))
def test_key_ranges_hold_each_row_once_in_the_keys_order(
    keyed_database: Database, type_: str, is_toasted: bool
) -> None:
    rows, width = FEWER.get(type_, ROWS), 9_000 if is_toasted else 200
    keyed_database.execute(
        "DROP TABLE IF EXISTS cases",
        f"CREATE TABLE cases (k {type_}, second int, n int, pad text, PRIMARY KEY (k, second))",
        "ALTER TABLE cases ALTER pad SET STORAGE EXTERNAL",
        f"INSERT INTO cases SELECT {KEYS[type_]}, 0, n, repeat('x', {width}) FROM generate_series(1, {rows}) AS n",
    )
    given: dict[str, Any] = {
        "large_tables": ("cases",),
        "chunk_bytes": 64 * 1024 if is_toasted else 1024,
    }
    with keyed_database.session(**given) as session:
        chunks = list(session.stream(keyed_database.table(**given)))
    assert sum(chunk.row_count for chunk in chunks) == rows
    numbers = [
        line.split(b'"n":')[1].split(b",")[0]
        for chunk in chunks
        for line in chunk.data.split(b"\n")
    ]
    expected = keyed_database.fetch("SELECT n FROM cases ORDER BY k, second")
    assert [int(number) for number in numbers] == [n for (n,) in expected]
    assert len(chunks) > (0 if type_ in FEWER else 5)
