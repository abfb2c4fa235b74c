"""Every way of cutting a table gives the file that one plain query gives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from supa_assets.errors import ValueNotExportable
from supa_assets.plan.export_plan import PlannedTable, TableStatistics
from supa_assets.settings import Running
from supa_assets.stream.limits import Limits
from supa_assets.stream.strategies.choose import guess_strategy
from supa_assets.stream.strategies.strategy import StrategyName
from supa_assets_tests.support.databases import Database, as_file
from supa_assets_tests.support.servers import Server
from supa_assets_tests.support.shapes import (
    SMALL_CHUNKS,
    SORTS_SMALL_HEAPS,
    each_shape_with_each_server,
    fill,
    unordered,
)


@pytest.fixture(params=[1, 2, 3])
def streams(request: pytest.FixtureRequest) -> int:
    return int(request.param)


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
    database: Database,
    table: PlannedTable,
    *,
    limits: Limits = SORTS_SMALL_HEAPS,
    **overrides: Any,
) -> tuple[str, StrategyName | None]:
    with database.session(**{**SMALL_CHUNKS, **overrides}) as session:
        stream = session.stream(table, limits=limits)
        return as_file(stream), stream.strategy


@pytest.mark.slow
@pytest.mark.parametrize(
    ("any_server", "shape"), list(each_shape_with_each_server()), indirect=["any_server"]
)
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


@pytest.mark.slow
@pytest.mark.parametrize(
    ("any_server", "shape"), list(each_shape_with_each_server()), indirect=["any_server"]
)
def test_in_heap_order_every_cut_gives_the_same_rows(any_database: Database, shape: str) -> None:
    fill(any_database, shape)
    table = unordered(any_database.table())
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
        assert as_file(session.stream(ordered, limits=SORTS_SMALL_HEAPS)) == expected
        assert rows(as_file(session.stream(unordered(ordered)))) == rows(expected)


def test_a_table_that_grew_a_hundredfold_since_it_was_analyzed(database: Database) -> None:
    database.execute(
        "CREATE TABLE cases (id int PRIMARY KEY, t text)",
        "ALTER TABLE cases SET (autovacuum_enabled = off)",
        "INSERT INTO cases SELECT n, 'x' FROM generate_series(1, 50) n",
        "ANALYZE cases",
        "INSERT INTO cases SELECT n, repeat('x', 200) FROM generate_series(51, 5000) n",
    )
    table = database.table()
    for cut in (table, unordered(table)):
        assert export(database, cut)[0] == plain(database, table)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["key ranges", "sorted buckets", "page ranges"])
def test_at_the_edges_no_row_is_lost(database: Database, kind: str) -> None:
    database.execute("CREATE TABLE cases (id int PRIMARY KEY)")
    threshold = SMALL_CHUNKS["streaming_threshold"]
    limits = SORTS_SMALL_HEAPS
    if kind == "sorted buckets":
        limits = replace(limits, most_visits_per_page=-1)
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
        table = unordered(table) if kind == "page ranges" else table
        text, _ = export(database, table, limits=limits)
        assert text.count("{") == filled
        assert text == plain(database, database.table())


@pytest.mark.slow
def test_a_border_on_the_last_row(database: Database) -> None:
    limits = replace(SORTS_SMALL_HEAPS, most_rows=10)
    database.execute(
        "CREATE TABLE cases (id int PRIMARY KEY)",
        "INSERT INTO cases SELECT generate_series(1, 11)",
    )
    for _ in range(12):
        text, _ = export(database, database.table(), limits=limits)
        assert text == plain(database, database.table())
        database.execute("INSERT INTO cases SELECT max(id) + 1 FROM cases")


def test_a_large_table_is_sorted_in_parts(database: Database, streams: int) -> None:
    limits = replace(SORTS_SMALL_HEAPS, sorted_bytes=64 * 1024)
    fill(database, "random uuid")
    table = database.table()
    exported = export(database, table, limits=limits, streams=streams)
    assert exported == (plain(database, table), "sorted buckets")


def test_a_bucket_that_is_too_large_is_fetched_in_parts(database: Database, streams: int) -> None:
    badly_guessed = replace(SORTS_SMALL_HEAPS, sampled_pages=2, sampled_rows_per_bucket=0.1)
    fill(database, "random uuid")
    table = database.table()
    text, _ = export(database, table, limits=badly_guessed, streams=streams)
    assert text == plain(database, table)


def test_no_chunk_is_much_larger_than_asked(database: Database) -> None:
    fill(database, "compressible values")
    for table in (database.table(), unordered(database.table())):
        with database.session(**SMALL_CHUNKS) as session:
            for chunk in session.stream(table, limits=SORTS_SMALL_HEAPS):
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


@pytest.mark.slow
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    key=st.lists(KEYS, min_size=1, max_size=3), is_random=st.booleans(), streams=st.integers(1, 3)
)
def test_keys_of_every_type_that_a_btree_sorts(
    types_database: Database,
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
    limits = replace(SORTS_SMALL_HEAPS, most_visits_per_page=-1 if is_random else 1e9)
    table = types_database.table()
    text, _ = export(types_database, table, limits=limits, streams=streams)
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
    running = Running()

    def guess(table: PlannedTable, **statistics: Any) -> StrategyName:
        known = {"estimated_row_count": 10**6, "byte_count": 10**9, **statistics}
        large = table.model_copy(update={"statistics": TableStatistics(**known)})
        return guess_strategy(large, running)

    assert guess_strategy(table, running) == "one piece"
    assert guess(table) == "key ranges"
    assert guess(unordered(table)) == "page ranges"
    assert guess(table, key_correlation=0.01) == "sorted buckets"
    rows_ = table.rows.model_copy(update={"is_partitioned": True})
    assert guess(unordered(table.model_copy(update={"rows": rows_}))) == "leaves"


@pytest.mark.slow
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
    for cut, where in ((table, "id = 42"), (unordered(table), "ctid = (0,")):
        with database.session() as session, pytest.raises(ValueNotExportable) as caught:
            list(session.stream(cut))
        assert 'column "large" of the row with' in str(caught.value)
        assert where in str(caught.value)
        assert caught.value.relation == "public.cases"


@pytest.mark.slow
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
