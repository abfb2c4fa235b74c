"""Every way of cutting a table gives the file that one plain query gives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from supa_assets.errors import ValueNotExportable
from supa_assets.plan.export_plan import PlannedTable
from supa_assets.stream import chunks
from supa_assets.stream.chunks import Strategy, guess_strategy
from supa_assets_tests.support.databases import Database, as_file
from supa_assets_tests.support.servers import Server

SMALL_CHUNKS: dict[str, Any] = {"chunk_bytes": 4096, "streaming_threshold": 10}


@pytest.fixture(params=[1, 2, 3])
def streams(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture(autouse=True)
def _sorts_small_heaps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "_SMALL_HEAP_BYTES", 0)


def physical(table: PlannedTable) -> PlannedTable:
    return table.model_copy(update={"ordered_by": []})


def plain(database: Database, table: PlannedTable, order: str | None = None) -> str:
    """The whole table as the server's one value, in the key's order."""
    key = ", ".join(f'"{name}"' for name in table.ordered_by)
    order = order or (f"ORDER BY {key}" if key else "")
    session = "SET TimeZone = 'UTC'; SET extra_float_digits = 1; SET bytea_output = hex;"
    with psycopg.connect(database.superuser_url, autocommit=True) as connection:
        connection.execute(session.encode())
        lines = connection.execute(
            f"SELECT row_to_json(r)::text FROM (SELECT * FROM {table.relation} {order}) r".encode()
        ).fetchall()
    text = ",\n".join(line for (line,) in lines)
    return f"[\n{text}\n]\n" if lines else "[]\n"


def rows(text: str) -> Counter[str]:
    return Counter(line.rstrip(",") for line in text.splitlines()[1:-1])


def export(
    database: Database, table: PlannedTable, **overrides: Any
) -> tuple[str, Strategy | None]:
    with database.session(**{**SMALL_CHUNKS, **overrides}) as session:
        stream = session.stream(table)
        return as_file(stream), stream.strategy


SHAPES = {
    "identity": (
        (
            "CREATE TABLE cases (id int PRIMARY KEY, t text);"
            "INSERT INTO cases SELECT n, repeat('x', n % 50) FROM generate_series(1, 3000) n"
        ),
        "key ranges",
    ),
    "gaps, deleted and updated rows": (
        (
            "CREATE TABLE cases (id int PRIMARY KEY, t text);"
            "INSERT INTO cases SELECT n * n, 'row' FROM generate_series(1, 3000) n;"
            "DELETE FROM cases WHERE id % 3 = 0; UPDATE cases SET t = 'changed' WHERE id % 2 = 0"
        ),
        "key ranges",
    ),
    "random uuid": (
        (
            "CREATE TABLE cases (id uuid PRIMARY KEY, t text);"
            "INSERT INTO cases SELECT gen_random_uuid(), repeat('x', n % 50) FROM generate_series(1, 3000) n"
        ),
        "sorted buckets",
    ),
    "random text": (
        (
            'CREATE TABLE cases (id text PRIMARY KEY, bucket int, "t" text);'
            "INSERT INTO cases SELECT 'é\"\\,{' || md5(n::text), n, 'x' FROM generate_series(1, 3000) n"
        ),
        "sorted buckets",
    ),
    "random text, nondeterministic collation": (
        (
            "CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false);"
            "CREATE TABLE cases (id text COLLATE ci PRIMARY KEY);"
            "INSERT INTO cases SELECT CASE WHEN n % 2 = 0 THEN upper(md5(n::text)) ELSE md5(n::text) END"
            " FROM generate_series(1, 3000) n"
        ),
        "sorted buckets",
    ),
    "random, in a domain": (
        (
            "CREATE DOMAIN code AS text CHECK (value <> '');"
            "CREATE TABLE cases (id code PRIMARY KEY);"
            "INSERT INTO cases SELECT md5(n::text) FROM generate_series(1, 3000) n"
        ),
        "key ranges",
    ),
    "composite, random": (
        (
            "CREATE TABLE cases (a uuid, b uuid, PRIMARY KEY (a, b));"
            "INSERT INTO cases SELECT md5((n % 900)::text)::uuid, gen_random_uuid() FROM generate_series(1, 3000) n"
        ),
        "sorted buckets",
    ),
    "first key column all equal": (
        (
            "CREATE TABLE cases (a int, b uuid, PRIMARY KEY (a, b));"
            "INSERT INTO cases SELECT 1, gen_random_uuid() FROM generate_series(1, 3000)"
        ),
        "key ranges",
    ),
    "few prefixes, following the heap": (
        (
            "CREATE TABLE cases (a int, b int, PRIMARY KEY (a, b));"
            "INSERT INTO cases SELECT n / 1000, n % 1000 FROM generate_series(1, 3000) n"
        ),
        "key ranges",
    ),
    "mostly empty pages": (
        (
            "CREATE TABLE cases (id uuid PRIMARY KEY, t text);"
            "INSERT INTO cases SELECT gen_random_uuid(), repeat('x', 100) FROM generate_series(1, 20000) n;"
            "DELETE FROM cases WHERE ctid NOT IN (SELECT ctid FROM cases ORDER BY ctid DESC LIMIT 500)"
        ),
        None,
    ),
    "values outside the pages": (
        (
            "CREATE TABLE cases (id uuid PRIMARY KEY, t text);"
            "INSERT INTO cases SELECT gen_random_uuid(), CASE WHEN n % 50 = 0 THEN"
            " (SELECT string_agg(md5(n::text || m), '') FROM generate_series(1, 500) m) ELSE 'small' END"
            " FROM generate_series(1, 1000) n"
        ),
        "key ranges",
    ),
    "compressible values": (
        (
            "CREATE TABLE cases (id int PRIMARY KEY, t text, j jsonb);"
            "INSERT INTO cases SELECT n, CASE WHEN n % 7 = 0 THEN repeat('x', 20000) END,"
            " CASE WHEN n % 9 = 0 THEN jsonb_build_object('a', repeat('y', 200000)) END FROM generate_series(1, 300) n"
        ),
        "key ranges",
    ),
    "partitioned": (
        (
            "CREATE TABLE cases (id int, part int, t text, PRIMARY KEY (id, part)) PARTITION BY LIST (part);"
            "CREATE TABLE cases_a PARTITION OF cases FOR VALUES IN (0);"
            "CREATE TABLE cases_b PARTITION OF cases DEFAULT PARTITION BY HASH (id);"
            "CREATE TABLE cases_b0 PARTITION OF cases_b FOR VALUES WITH (MODULUS 2, REMAINDER 0);"
            "CREATE TABLE cases_b1 PARTITION OF cases_b FOR VALUES WITH (MODULUS 2, REMAINDER 1);"
            "INSERT INTO cases SELECT n, n % 3, 'x' FROM generate_series(1, 3000) n"
        ),
        "key ranges",
    ),
    "partitioned, random": (
        (
            "CREATE TABLE cases (id uuid PRIMARY KEY, t text) PARTITION BY HASH (id);"
            "CREATE TABLE cases_0 PARTITION OF cases FOR VALUES WITH (MODULUS 2, REMAINDER 0);"
            "CREATE TABLE cases_1 PARTITION OF cases FOR VALUES WITH (MODULUS 2, REMAINDER 1);"
            "INSERT INTO cases SELECT gen_random_uuid(), 'x' FROM generate_series(1, 3000) n"
        ),
        "sorted buckets",
    ),
    "inherited": (
        (
            "CREATE TABLE cases (id uuid PRIMARY KEY, t text); CREATE TABLE child () INHERITS (cases);"
            "INSERT INTO cases SELECT gen_random_uuid(), 'x' FROM generate_series(1, 3000) n;"
            "INSERT INTO child SELECT gen_random_uuid(), 'y' FROM generate_series(1, 3000) n"
        ),
        "sorted buckets",
    ),
}


def fill(database: Database, shape: str) -> str | None:
    """Make the table; tells the strategy that is right for it, if only one is."""
    statements, strategy = SHAPES[shape]
    database.execute(*statements.split(";"))
    return strategy


def shapes() -> Iterator[object]:
    """Each shape with each server; PostgreSQL 18's wheel is built without ICU."""
    for shape, (statements, _) in SHAPES.items():
        for server in ("PostgreSQL 18", "PostgreSQL 15"):
            if server == "PostgreSQL 15" or "provider = icu" not in statements:
                yield pytest.param(server, shape, id=f"{shape}, {server}")


@pytest.mark.parametrize(("any_server", "shape"), list(shapes()), indirect=["any_server"])
def test_in_the_keys_order_every_cut_gives_the_same_bytes(
    any_database: Database, shape: str
) -> None:
    strategy = fill(any_database, shape)
    table = any_database.table()
    expected = plain(any_database, table, _order_of_own_rows(table, shape))
    for analyzed in (False, True):
        if analyzed:
            any_database.execute("ANALYZE cases")
        for streams in (1, 2, 3):
            text, used = export(any_database, table, streams=streams)
            assert text == expected
            assert strategy in (None, used)


@pytest.mark.parametrize(("any_server", "shape"), list(shapes()), indirect=["any_server"])
def test_in_heap_order_every_cut_gives_the_same_rows(any_database: Database, shape: str) -> None:
    fill(any_database, shape)
    table = physical(any_database.table())
    expected = rows(plain(any_database, any_database.table(), _order_of_own_rows(table, shape)))
    texts = []
    for streams in (1, 2, 3):
        text, used = export(any_database, table, streams=streams)
        assert rows(text) == expected
        assert used == ("leaves" if table.rows.is_partitioned else "page ranges")
        texts.append(text)
    assert texts[0] == texts[1] == texts[2]


def _order_of_own_rows(table: PlannedTable, shape: str) -> str:
    own = "WHERE tableoid = 'cases'::regclass " if shape == "inherited" else ""
    key = ", ".join(table.primary_key)
    return f"{own}ORDER BY {key}"


def test_a_table_that_is_written_to_is_as_in_its_snapshot(database: Database) -> None:
    database.execute(
        "CREATE TABLE cases (id uuid PRIMARY KEY, n int)",
        "INSERT INTO cases SELECT gen_random_uuid(), n FROM generate_series(1, 3000) n",
    )
    ordered = database.table()
    expected = plain(database, ordered)
    with database.session(**SMALL_CHUNKS, streams=3) as session:
        session.stream(ordered).source_row_count()
        database.execute(
            "DELETE FROM cases WHERE n % 3 = 0",
            "UPDATE cases SET n = -n, id = gen_random_uuid() WHERE n % 3 = 1",
            "INSERT INTO cases SELECT gen_random_uuid(), n FROM generate_series(1, 5000) n",
        )
        assert as_file(session.stream(ordered)) == expected
        assert rows(as_file(session.stream(physical(ordered)))) == rows(expected)


def test_a_table_that_grew_a_hundredfold_since_it_was_analyzed(database: Database) -> None:
    database.execute(
        "CREATE TABLE cases (id int PRIMARY KEY, t text)",
        "ALTER TABLE cases SET (autovacuum_enabled = off)",
        "INSERT INTO cases SELECT n, 'x' FROM generate_series(1, 50) n",
        "ANALYZE cases",
        "INSERT INTO cases SELECT n, repeat('x', 200) FROM generate_series(51, 5000) n",
    )
    table = database.table()
    for cut in (table, physical(table)):
        assert export(database, cut)[0] == plain(database, table)


@pytest.mark.parametrize("kind", ["key ranges", "sorted buckets", "page ranges"])
def test_at_the_edges_no_row_is_lost(
    database: Database, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    database.execute("CREATE TABLE cases (id int PRIMARY KEY)")
    threshold = SMALL_CHUNKS["streaming_threshold"]
    if kind == "sorted buckets":
        monkeypatch.setattr(chunks, "_MOST_VISITS_PER_PAGE", -1)
    lines_per_chunk = 4096 // len('{"id":1000},\n')
    counts = [0, 1, threshold - 1, threshold, threshold + 1]
    counts += [lines_per_chunk + n for n in (-1, 0, 1)] + [700]
    filled = 0
    for count in counts:
        database.execute(
            f"INSERT INTO cases SELECT generate_series({filled + 1000}, {count + 999})"
        )
        filled = max(filled, count)
        table = database.table()
        table = physical(table) if kind == "page ranges" else table
        text, _ = export(database, table)
        assert text.count("{") == filled
        assert text == plain(database, database.table())


def test_a_border_on_the_last_row(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "_MOST_ROWS", 10)
    database.execute(
        "CREATE TABLE cases (id int PRIMARY KEY)",
        "INSERT INTO cases SELECT generate_series(1, 11)",
    )
    for _ in range(12):
        assert export(database, database.table())[0] == plain(database, database.table())
        database.execute("INSERT INTO cases SELECT max(id) + 1 FROM cases")


def test_a_large_table_is_sorted_in_parts(
    database: Database, monkeypatch: pytest.MonkeyPatch, streams: int
) -> None:
    monkeypatch.setattr(chunks, "_SORTED_BYTES", 64 * 1024)
    fill(database, "random uuid")
    table = database.table()
    assert export(database, table, streams=streams) == (plain(database, table), "sorted buckets")


def test_a_bucket_that_is_too_large_is_fetched_in_parts(
    database: Database, monkeypatch: pytest.MonkeyPatch, streams: int
) -> None:
    monkeypatch.setattr(chunks, "_SAMPLED_PAGES", 2)  # borders are guessed badly
    monkeypatch.setattr(chunks, "_SAMPLED_ROWS_PER_BUCKET", 0.1)
    fill(database, "random uuid")
    table = database.table()
    assert export(database, table, streams=streams)[0] == plain(database, table)


def test_no_chunk_is_much_larger_than_asked(database: Database) -> None:
    fill(database, "compressible values")
    for table in (database.table(), physical(database.table())):
        with database.session(**SMALL_CHUNKS) as session:
            for chunk in session.stream(table):
                assert chunk.row_count == 1 or len(chunk.data) <= 4 * 4096


KEYS = st.sampled_from(
    [
        ("int2", "n"), ("int4", "n - 500"), ("int8", "n::int8 * 1e14::int8"), ("numeric", "n / 7.0"),
        ("numeric(9,4)", "n / 8.0"), ("float4", "n / 7.0"), ("float8", "'-Infinity'::float8 * (n = 3)::int + sqrt(n)"),
        ("text", "chr(n + 31)"), ("varchar(9)", "n::text"), ("char(5)", "n::text"), ("name", "n::text"),
        ("bytea", "decode(md5(n::text), 'hex')"), ("uuid", "md5(n::text)::uuid"), ("bool", "n % 2 = 0"),
        ("date", "'0044-03-15 BC'::date + n * 999"), ("time", "'0:00'::time + n * interval '1.5 s'"),
        ("timetz", "'0:00+02'::timetz + n * interval '1.5 s'"),
        ("timestamp", "'2026-01-01'::timestamp + n * interval '1 d'"),
        ("timestamptz", "'2026-01-01'::timestamptz + n * interval '.000001 s'"),
        ("interval", "n * interval '1 mon -7 s'"),
        ("money", "n::money"), ("inet", "'10.0.0.0'::inet + n"), ("cidr", "('10.0.' || n % 256 || '.0/24')::cidr"),
        ("macaddr", "('08002b01' || lpad(to_hex(n), 4, '0'))::macaddr"),
        ("bit(12)", "n::bit(12)"), ("varbit", "n::bit(12)"),
        ("oid", "n::oid"), ("pg_lsn", "'0/0'::pg_lsn + n"), ("tsvector", "n::text::tsvector"),
        ("xid8", "n::text::xid8"),
        ("int4range", "int4range(n, n + 3)"), ("int4multirange", "int4multirange(int4range(n, n + 3))"),
        ("int[]", "ARRAY[n % 7, n]"), ("text[]", "ARRAY['a\"' || n, NULL]"), ("jsonb", "jsonb_build_object('a', n)"),
        ('"char"', "(n % 256 - 128)::\"char\""), ("mood", "CASE n % 2 WHEN 0 THEN 'glad' ELSE 'sad, \"so\"' END::mood"),
        ("pair", "ROW(n % 5, 'x' || n)::pair"), ("code", "('c' || n)::code"),
    ]
)  # fmt: skip


@pytest.fixture(scope="module")
def types_database(any_server: Server) -> Iterator[Database]:
    from supa_assets_tests.support.databases import new_database

    with new_database(any_server) as database:
        database.execute(
            "CREATE TYPE mood AS ENUM ('sad, \"so\"', 'glad')",
            "CREATE TYPE pair AS (a int, b text)",
            "CREATE DOMAIN code AS text CHECK (value <> '')",
        )
        yield database


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    key=st.lists(KEYS, min_size=1, max_size=3), is_random=st.booleans(), streams=st.integers(1, 3)
)
def test_keys_of_every_type_that_a_btree_sorts(
    types_database: Database,
    monkeypatch: pytest.MonkeyPatch,
    key: list[tuple[str, str]],
    is_random: bool,
    streams: int,
) -> None:
    columns = ", ".join(f"k{n} {type_} NOT NULL" for n, (type_, _) in enumerate(key))
    names = ", ".join(f"k{n}" for n in range(len(key)))
    values = ", ".join(f"({value})::{type_}" for type_, value in key)
    order = "md5(g.n::text)" if is_random else "g.n"
    types_database.execute(
        "DROP TABLE IF EXISTS cases",
        f"CREATE TABLE cases ({columns}, PRIMARY KEY ({names}))",
        f"INSERT INTO cases SELECT {values} FROM generate_series(1, 1200) AS g(n) ORDER BY {order}"
        " ON CONFLICT DO NOTHING",
    )
    monkeypatch.setattr(chunks, "_MOST_VISITS_PER_PAGE", -1 if is_random else 1e9)
    table = types_database.table()
    text, _ = export(types_database, table, streams=streams)
    with psycopg.connect(types_database.superuser_url) as connection:
        found = connection.execute(
            f"SELECT {names.replace(', ', '::text, ')}::text FROM cases ORDER BY {names}".encode()
        ).fetchall()
    assert text.count("\n{") == len(found)
    one_piece, _ = export(
        types_database, table, chunk_bytes=64 * 1024 * 1024, streaming_threshold=9999
    )
    assert text == one_piece


def test_the_guess_goes_by_the_catalogue(database: Database) -> None:
    database.execute("CREATE TABLE cases (id uuid PRIMARY KEY)")
    table = database.table()
    settings = database.settings()
    assert guess_strategy(table, settings) == "one piece"
    large = table.model_copy(update={"estimated_row_count": 10**6, "byte_count": 10**9})
    assert guess_strategy(large, settings) == "key ranges"
    assert guess_strategy(physical(large), settings) == "page ranges"
    shuffled = large.model_copy(update={"key_correlation": 0.01})
    assert guess_strategy(shuffled, settings) == "sorted buckets"
    partitioned = physical(large).model_copy(update={"is_partitioned": True})
    assert guess_strategy(partitioned, settings) == "leaves"


def test_a_value_that_the_server_cannot_write_is_named_by_column_and_key(
    database: Database,
) -> None:
    database.execute(
        "CREATE TABLE cases (id int PRIMARY KEY, small text, large bytea)",
        "INSERT INTO cases SELECT n, 'x' FROM generate_series(1, 100) n",
        "UPDATE cases SET large = decode(repeat('00', 270000000), 'hex') WHERE id = 42",
        "UPDATE cases SET large = large || large WHERE id = 42",
    )
    table = database.table()
    for cut, where in ((table, "id = 42"), (physical(table), "ctid = (0,")):
        with database.session() as session, pytest.raises(ValueNotExportable) as caught:
            list(session.stream(cut))
        assert 'column "large" of the row with' in str(caught.value)
        assert where in str(caught.value)
        assert caught.value.relation == "public.cases"


def test_values_near_the_limit_pass_one_by_one(database: Database) -> None:
    """Two of them would be more than the server's 1 GB."""
    database.execute(
        "CREATE TABLE cases (id int PRIMARY KEY, t text)",
        "INSERT INTO cases SELECT n, CASE WHEN n IN (3, 4) THEN repeat('x', 30000000) END"
        " FROM generate_series(1, 10) n",
    )
    with database.session() as session:
        sizes = [len(chunk.data) for chunk in session.stream(database.table())]
    assert sum(size > 30_000_000 for size in sizes) == 2
    assert sum(size > 60_000_000 for size in sizes) == 0


def test_the_guess_learns_from_an_analyzed_key(any_database: Database) -> None:
    fill(any_database, "random uuid")
    assert any_database.table().statistics.key_correlation is None
    any_database.execute("ANALYZE cases")
    correlation = any_database.table().statistics.key_correlation
    assert correlation is not None
    assert abs(correlation) < 0.5
