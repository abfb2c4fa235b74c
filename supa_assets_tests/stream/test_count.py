"""`read_count`: rows, and of each column exactly the values that have a known hole."""

from __future__ import annotations

import json
from typing import Any

import pytest

from supa_assets.stream.count import compose_table_count, read_count
from supa_assets_tests.support.databases import Database


def count(
    database: Database, relation: str = "cases", **settings: Any
) -> dict[str, dict[str, int] | None]:
    """By column, as metadata.json tells it."""
    return count_all(database, **settings)[relation]


def count_all(database: Database, **settings: Any) -> dict[str, dict[str, dict[str, int] | None]]:
    counts = {}
    tables = database.plan(**settings).tables
    with database.session() as session:
        for table in tables:
            columns = read_count(session.connection, table.rows).columns
            counts[table.relation.name] = {
                c.name: c.holes.model_dump(exclude_none=True, by_alias=False) if c.holes else None
                for c in columns
            }
    return counts


def found(database: Database, type_: str, values: list[str], **settings: Any) -> dict[str, Any]:
    """By value, in a table of its own, so that each count is one value's."""
    database.execute(
        *(
            f"CREATE TABLE cases_{n} (v {type_}); INSERT INTO cases_{n} VALUES ({value}), (NULL)"
            for n, value in enumerate(values)
        )
    )
    counts = count_all(database, **settings)
    return {value: counts[f"cases_{n}"]["v"] for n, value in enumerate(values)}


def expected(hole: str, having: list[str], not_having: list[str], **also: int) -> dict[str, Any]:
    return {value: {hole: int(value in having), **also} for value in having + not_having}


def test_jsonb_null_is_counted_and_nothing_else_of_jsonb(any_database: Database) -> None:
    having = ["'null'", "' null '"]
    other = [
        "NULL",
        "'\"null\"'",
        "'[null]'",
        "'{\"a\": null}'",
        "'false'",
        "'0'",
        "'\"\"'",
        "'[]'",
    ]
    assert found(any_database, "jsonb", having + other) == expected("json_null", having, other)


def test_json_null_is_counted_whatever_white_space_is_around_it(any_database: Database) -> None:
    having = ["'null'", "E'\\n\\t null\\r'", "(repeat(' ', 100000) || 'null')::json"]
    other = ["NULL", "'\"null\"'", "'[null]'", "(repeat(' ', 100000) || '\"null\"')::json"]
    assert found(any_database, "json", having + other) == expected(
        "json_null", having, other, refused_escapes=0
    )


@pytest.mark.parametrize("type_", ["json", "jsonb"])
def test_a_column_that_is_not_null_has_no_doubt_about_null(
    any_database: Database, type_: str
) -> None:
    any_database.execute(
        f"CREATE TABLE cases (v {type_} NOT NULL)", "INSERT INTO cases VALUES ('null'), ('1')"
    )
    assert count(any_database)["v"] == ({"refused_escapes": 0} if type_ == "json" else None)


def test_arrays_that_do_not_count_from_1_are_counted_in_any_dimension(
    any_database: Database,
) -> None:
    having = ["'[0:1]={1,2}'", "'[-1:0]={1,2}'", "'[12:13]={1,2}'", "'[1:1][0:1]={{1,2}}'",
              "'[2:2][1:2]={{1,2}}'", "'[1:1][1:1][1:1][1:1][1:1][2:2]={{{{{{1}}}}}}'"]  # fmt: skip
    other = ["NULL", "'{}'", "'{1,NULL}'", "'{{1},{2}}'", "array_fill(1, ARRAY[5000])"]
    assert found(any_database, "int[]", having + other) == expected("lower_bounds", having, other)


@pytest.mark.parametrize("type_", ["int8[]", "numeric[]", "money[]", "json[]", "jsonb[]", "few[]"])
def test_every_form_of_array_is_looked_at_for_its_bounds(
    any_database: Database, type_: str
) -> None:
    any_database.execute("CREATE DOMAIN few AS int[]")
    having, other = ["'[0:0]={1}'"], ["'{1}'"]
    if type_ == "few[]":
        having, other = ["'[0:0]={\"{1}\"}'"], ["'{\"[0:0]={1}\"}'"]  # an element keeps its text
    assert found(any_database, type_, having + other) == expected("lower_bounds", having, other)


def test_int8_as_a_number_is_counted_where_a_double_is_wrong(any_database: Database) -> None:
    having = ["9007199254740992", "-9007199254740992", "9223372036854775807"]
    other = ["9007199254740991", "-9007199254740991", "0", "NULL"]
    assert found(any_database, "int8", having + other, int8="number") == expected(
        "large_numbers", having, other
    )


def test_int8_as_a_string_has_no_hole(any_database: Database) -> None:
    values = ["9223372036854775807"]
    assert found(any_database, "int8", values) == {values[0]: None}


def test_arrays_of_int8_as_numbers_are_counted_by_array(any_database: Database) -> None:
    having, other = ["'{1,9007199254740992,9007199254740993}'"], ["'{1,NULL}'", "'{}'", "NULL"]
    assert found(any_database, "int8[]", having + other, int8="number") == expected(
        "large_numbers", having, other, lower_bounds=0
    )


def test_numeric_inside_a_composite_is_counted_where_a_double_gives_another_value(
    any_database: Database,
) -> None:
    any_database.execute("CREATE TYPE pair AS (exact numeric)")
    having = ["123456789012345678", "0.12345678901234567891", "1e400", "-1e400", "1e-400",
              "9007199254740993"]  # fmt: skip
    other = ["1.10", "0.1", "-0.1000000000000000000", "12345678901234500000", "0.00000000000000000000",
             "'NaN'::numeric", "'-Infinity'::numeric", "NULL"]  # fmt: skip
    as_pairs = [[f"ROW({value})::pair" for value in values] for values in (having, other)]
    assert found(any_database, "pair", as_pairs[0] + as_pairs[1]) == expected(
        "large_numbers", *as_pairs
    )


def test_json_that_postgres_cannot_read_back_is_counted(any_database: Database) -> None:
    having = [r"""'"\ud800"'""", r"""'"\uDC00"'""", r"""'{"a":"\u0000"}'""", r"""'"\ud83d\ud83d\ude42"'""",
              r"""'"\ud83d\ude42\uDe42"'""", r"""'"\\\u0000"'""", r"""'"\ud83d\\ude42"'""",
              r"""'{"\ud800":1}'"""]  # fmt: skip
    other = [r"""'"\ud83d\ude42"'""", r"""'"\uD83D\uDE42\u00e9\ud7ff\ue000\u0001\u0010\u0100\u1000"'""",
             r"""'"\\u0000 \\ud800"'""", r"""'"u0000 \n\"\/"'""", "'[1]'", "NULL"]  # fmt: skip
    assert found(any_database, "json", having + other) == expected(
        "refused_escapes", having, other, json_null=0
    )
    for n, value in enumerate(having + other):
        select = f"SELECT v::jsonb FROM cases_{n}"
        if value in other:
            any_database.fetch(select)
        else:
            with pytest.raises(Exception, match=r"Unicode|type json"):
                any_database.fetch(select)


@pytest.mark.parametrize("type_", ["timestamptz", "timestamp", "date"])
@pytest.mark.parametrize("form", ["utc", "naive"])
def test_times_that_rfc_3339_has_no_form_for_are_counted(
    any_database: Database, type_: str, form: str
) -> None:
    having = ["'infinity'", "'-infinity'", "'0044-03-15 BC'", "'0001-12-31 BC'", "'10000-01-01'"]
    other = ["'0001-01-01'", "'9999-12-31'", "NULL"]
    assert found(any_database, type_, having + other, timestamps=form) == expected(
        "times_beyond_rfc3339", having, other
    )


def test_the_year_is_that_of_utc(any_database: Database) -> None:
    having, other = ["'9999-12-31 23:30-01'"], ["'10000-01-01 00:30+01'"]
    assert found(any_database, "timestamptz", having + other) == expected(
        "times_beyond_rfc3339", having, other
    )


def test_holes_are_found_however_deep_inside_composites(any_database: Database) -> None:
    any_database.execute(
        'CREATE TYPE inside AS ("big %s {v}" int8, bigs int8[], doc jsonb, at timestamp, raw json)',
        "CREATE DOMAIN kept AS inside",
        "CREATE TYPE around AS (label text, one kept, several inside[])",
        "CREATE TABLE rows_of (id int, tags text[])",
        "CREATE TABLE cases (id int, c around, cs around[], r rows_of)",
        """INSERT INTO cases VALUES
        (1, ROW('a', ROW(9007199254740992, '{1}', 'null', 'infinity', '"\\u0000"'), NULL),
            ARRAY[ROW('a', NULL, ARRAY[ROW(1, '{9007199254740992}', NULL, NULL, NULL)::inside])::around],
            ROW(1, '[0:0]={a}')),
        (2, ROW('a', NULL, ARRAY[ROW(1, '{1}', 'null', NULL, NULL), ROW(1, '[0:0]={1}', 'null', NULL, NULL)]::inside[]),
            NULL, ROW(1, '{a}')),
        (3, NULL, '{}', NULL),
        (4, ROW(NULL, NULL, NULL), '[0:0]={NULL}', ROW(NULL, NULL))""",
    )
    nothing = dict.fromkeys(
        ["json_null", "lower_bounds", "large_numbers", "refused_escapes", "times_beyond_rfc3339"], 0
    )
    assert count(any_database) == {
        "id": None,
        "c": {
            "json_null": 2,
            "lower_bounds": 1,
            "large_numbers": 1,
            "refused_escapes": 1,
            "times_beyond_rfc3339": 1,
        },
        "cs": {**nothing, "lower_bounds": 1, "large_numbers": 1},
        "r": {"lower_bounds": 1},
    }


def test_what_is_written_as_its_own_text_has_no_hole(any_database: Database) -> None:
    any_database.execute(
        "CREATE TYPE with_docs AS (docs jsonb[], big int8)",
        "CREATE TABLE cases (c with_docs, i int2vector, r tstzrange, b bytea, n numeric, m int8multirange)",
        "INSERT INTO cases VALUES (ROW('[0:0]={null}', 9007199254740993), '1 2', '[infinity,]', '', 1e400, '{}')",
    )
    assert set(count(any_database).values()) == {None}


def test_domains_are_looked_at_as_what_they_are_of(any_database: Database) -> None:
    any_database.execute(
        "CREATE DOMAIN document AS jsonb; CREATE DOMAIN plain AS json; CREATE DOMAIN numbers AS int[];"
        " CREATE DOMAIN of_document AS document; CREATE DOMAIN instant AS timestamptz; CREATE DOMAIN big AS int8",
        "CREATE TABLE cases (d document, dd of_document, p plain, n numbers, i instant, b big)",
        "INSERT INTO cases VALUES ('null', 'null', 'null', '[0:0]={1}', 'infinity', 9007199254740993)",
    )
    assert count(any_database, int8="number") == {
        "d": {"json_null": 1},
        "dd": {"json_null": 1},
        "p": {"json_null": 1, "refused_escapes": 0},
        "n": {"lower_bounds": 1},
        "i": {"times_beyond_rfc3339": 1},
        "b": {"large_numbers": 1},
    }


def test_a_partitioned_table_counts_its_leaves_and_a_parent_not_its_children(
    any_database: Database,
) -> None:
    any_database.execute(
        "CREATE TABLE parted (id int, v jsonb) PARTITION BY LIST (id)",
        "CREATE TABLE leaf_1 PARTITION OF parted FOR VALUES IN (1)",
        "CREATE TABLE leaf_2 PARTITION OF parted DEFAULT",
        "INSERT INTO parted VALUES (1, 'null'), (2, 'null'), (3, NULL)",
        "CREATE TABLE parent (v jsonb)",
        "CREATE TABLE child () INHERITS (parent)",
        "INSERT INTO parent VALUES ('null')",
        "INSERT INTO child VALUES ('null'), ('null')",
    )
    assert count(any_database, "parted")["v"] == {"json_null": 2}
    assert count(any_database, "parent")["v"] == {"json_null": 1}


def test_a_table_of_1600_columns_with_two_holes_each_is_counted(any_database: Database) -> None:
    columns = ", ".join(f"c{n} json" for n in range(1600))
    any_database.execute(
        f"CREATE TABLE cases ({columns})", "INSERT INTO cases (c7) VALUES ('null')"
    )
    counts = count(any_database)
    assert counts["c7"] == {"json_null": 1, "refused_escapes": 0}
    assert sum(holes["json_null"] for holes in counts.values() if holes) == 1


def test_large_jsonb_is_not_fetched_for_its_type(any_database: Database) -> None:
    any_database.execute(
        "CREATE TABLE cases (id int, v jsonb); ALTER TABLE cases ALTER v SET STORAGE EXTERNAL",
        "INSERT INTO cases SELECT n, jsonb_build_array(repeat(n::text, 100000)) FROM generate_series(1, 20) n",
        "INSERT INTO cases VALUES (0, 'null')",
    )
    assert count(any_database)["v"] == {"json_null": 1}
    assert read_pages(any_database) < 10
    assert any_database.fetch_value("SELECT pg_table_size('cases') / 8192") > 250


def test_a_table_that_can_have_no_hole_is_counted_by_its_index(any_database: Database) -> None:
    any_database.execute(
        "CREATE TABLE cases (id int PRIMARY KEY, v text)",
        "INSERT INTO cases SELECT n, repeat('x', 500) FROM generate_series(1, 5000) n",
        "VACUUM ANALYZE cases",
    )
    assert "Index Only Scan" in json.dumps(explain(any_database))


def explain(database: Database) -> Any:
    query = compose_table_count(database.table().rows)
    with database.session() as session:
        shown = query.as_string(session.connection)
        (plan,) = session.connection.execute(
            b"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + shown.encode()
        ).fetchone() or [None]
    return plan[0]["Plan"]


def read_pages(database: Database) -> int:
    plan = explain(database)
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])
