"""Random tables: any name, any types, any values, as hypothesis draws them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import psycopg
from hypothesis import strategies as st
from psycopg import sql

__all__ = ["TYPES", "Sample", "create", "samples"]

TYPES = """
CREATE SCHEMA extensions;
CREATE EXTENSION hstore SCHEMA extensions;
CREATE EXTENSION citext SCHEMA extensions;
CREATE EXTENSION ltree SCHEMA extensions;
CREATE TYPE "Mood ""q" AS ENUM ('it''s "fine"', 'a,b', '{', 'back\\slash', '🙂');
CREATE DOMAIN big AS int8; CREATE DOMAIN bigs AS int8[]; CREATE DOMAIN doc AS json;
CREATE TYPE "Pair {}" AS (n int, "t ""q" text, at timestamptz);
CREATE TYPE nested AS (label text, pair "Pair {}", pairs "Pair {}"[], docs jsonb[], map extensions.hstore);
"""

characters = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
texts = st.text(characters, max_size=20)
names = st.text(characters, min_size=1, max_size=30).filter(lambda name: len(name.encode()) <= 63)
whole = st.integers(-(2**63), 2**63 - 1)


def digits(width: int) -> st.SearchStrategy[str]:
    return st.integers(-(2 ** (width - 1)), 2 ** (width - 1) - 1).map(str)


def special(values: st.SearchStrategy[str], *others: str) -> st.SearchStrategy[str]:
    return values | st.sampled_from(others)


dates = st.dates().map(str)
moments = st.datetimes().map(str)
clock = special(st.times().map(str), "24:00:00")
documents = st.recursive(
    st.none() | st.booleans() | whole | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
# A json null at the top is a known hole; test_known_holes.py has it.
jsons = st.builds(
    lambda value, indent: json.dumps(value, ensure_ascii=False, indent=indent),
    documents.filter(lambda value: value is not None),
    st.sampled_from([None, 1]),
)
numerics = special(
    st.decimals(allow_nan=False, allow_infinity=False, places=None).map(lambda d: f"{d:f}"[:200]),
    "NaN", "Infinity", "-Infinity", "1.10", "-0.00", "1e-1000", "1e1000",
)  # fmt: skip

VALUES: dict[str, st.SearchStrategy[str]] = {
    "bool": st.sampled_from(["t", "f"]),
    "int2": digits(16),
    "int4": digits(32),
    "int8": digits(64),
    "numeric": numerics,
    "float4": special(st.floats(width=32).map(repr), "-0"),
    "float8": special(st.floats().map(repr), "-0"),
    "money": st.integers(-(10**16), 10**16).map(lambda n: f"{n / 100:.2f}"),
    "oid": st.integers(0, 2**32 - 1).map(str),
    "xid8": st.integers(0, 2**64 - 1).map(str),
    "text": texts,
    "varchar(25)": texts,
    "char(25)": texts.filter(lambda text: not text.endswith(" ")),
    "name": texts.map(lambda text: text[:15]),
    '"char"': st.sampled_from(["", "a", " ", "\\", '"', "\\377"]),
    "uuid": st.uuids().map(str),
    "bytea": st.binary(max_size=20).map(lambda data: "\\x" + data.hex()),
    "date": special(dates, "infinity", "-infinity", "0044-03-15 BC", "5874897-12-31"),
    "timestamp": special(
        moments, "infinity", "0044-03-15 12:00:00.5 BC", "294276-12-31 23:59:59.999999"
    ),
    "timestamptz": special(
        moments.map(lambda moment: moment + "+05:30"), "-infinity", "4714-11-24 00:00:00+00 BC"
    ),
    "time": clock,
    "timetz": clock.map(lambda time: time + "-07:30"),
    "interval": st.timedeltas().map(
        lambda d: f"{d.days} days {d.seconds} seconds {d.microseconds} microseconds"
    ),
    "json": jsons,
    "jsonb": jsons,
    "jsonpath": st.sampled_from(["$", '$."a b"[*] ? (@ > 1)']),
    "bit(3)": st.sampled_from(["000", "101"]),
    "varbit": st.text("01", max_size=9),
    "inet": st.ip_addresses().map(str),
    "macaddr": st.just("08:00:2b:01:02:03"),
    "point": st.tuples(st.integers(), st.floats()).map(lambda point: f"({point[0]},{point[1]})"),
    "int4range": st.sampled_from(["empty", "[1,5)", "(,)", "[1,]"]),
    "tstzmultirange": st.sampled_from(["{}", "{[2026-01-01 00:00+00,2026-01-02 00:00+00)}"]),
    "tsvector": st.sampled_from(["", "'it''s':1A fat:2"]),
    "pg_lsn": st.just("16/B374D848"),
    "int2vector": st.sampled_from(["", "1 2"]),
    "regclass": st.sampled_from(["pg_class", "0"]),
    'public."Mood ""q"': st.sampled_from(['it\'s "fine"', "a,b", "{", "back\\slash", "🙂"]),
    "public.big": digits(64),
    "public.bigs": st.lists(digits(64), max_size=3).map(
        lambda values: "{" + ",".join(values) + "}"
    ),
    "public.doc": jsons,
    "extensions.citext": texts,
    "extensions.hstore": st.sampled_from(["", '"a b"=>"\\"", c=>NULL']),
    "extensions.ltree": st.sampled_from(["", "a.b"]),
}
"""Texts that each type takes."""


def quoted(value: str | None) -> str:
    """An element of an array's or a field of a composite's text."""
    if value is None:
        return ""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def in_array(element: str) -> st.SearchStrategy[str]:
    """Arrays of one or two dimensions, nulls among the elements, counted from 1 (another count is a known hole)."""
    elements = st.none() | VALUES[element]
    flat = st.lists(elements, max_size=4).map(as_array)
    return flat | st.lists(st.tuples(elements, elements), min_size=1, max_size=2).map(
        lambda rows: "{" + ",".join(as_array(list(row)) for row in rows) + "}"
    )


def as_array(values: list[str | None]) -> str:
    return "{" + ",".join("NULL" if v is None else quoted(v) for v in values) + "}"


def as_row(values: tuple[str | None, ...]) -> str:
    return "(" + ",".join(map(quoted, values)) + ")"


pairs = st.tuples(st.none() | digits(32), st.none() | texts, st.none() | VALUES["timestamptz"]).map(
    as_row
)
VALUES['public."Pair {}"'] = pairs
VALUES["public.nested"] = st.tuples(
    st.none() | texts, st.none() | pairs, st.none() | st.lists(st.none() | pairs, max_size=2).map(as_array),
    st.none() | st.lists(st.none() | jsons, max_size=2).map(as_array), st.none() | VALUES["extensions.hstore"],
).map(as_row)  # fmt: skip
NO_ARRAYS = {"varchar(25)", "char(25)", "bit(3)"}


@dataclass(frozen=True)
class Sample:
    """A table to make."""

    name: str
    columns: list[tuple[str, str]]
    has_key: bool
    rows: list[list[str | None]]


@st.composite
def samples(draw: st.DrawFn) -> Sample:
    types = draw(st.lists(st.sampled_from(list(VALUES)), max_size=6))
    columns, strategies = [], []
    for type_, is_array in zip(
        types, draw(st.lists(st.booleans(), min_size=6, max_size=6)), strict=False
    ):
        if is_array and type_ not in NO_ARRAYS:
            columns.append(f"{type_}[]")
            strategies.append(in_array(type_))
        else:
            columns.append(type_)
            strategies.append(VALUES[type_])
    column_names = draw(
        st.lists(
            names | st.sampled_from(["r", "t", "n", "b", "x", "key_0", "bucket", "line", "%s"]),
            min_size=len(columns) + 1,
            max_size=len(columns) + 1,
            unique=True,
        ).filter(lambda found: not SYSTEM_COLUMNS & set(found))
    )
    row = st.tuples(*(st.none() | strategy for strategy in strategies)).map(list)
    return Sample(
        name=draw(names),
        columns=list(zip(column_names, ["int8", *columns], strict=True)),
        has_key=draw(st.booleans()),
        rows=draw(st.lists(row, max_size=4)),
    )


SYSTEM_COLUMNS = {"ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"}


def create(connection: psycopg.Connection[Any], sample: Sample) -> None:
    """Fill the table; the first column is the row's number."""
    table = sql.Identifier("public", sample.name)
    columns = [
        sql.SQL("{} {}").format(sql.Identifier(n), sql.SQL(type_)) for n, type_ in sample.columns
    ]
    if sample.has_key:
        columns.append(sql.SQL("PRIMARY KEY ({})").format(sql.Identifier(sample.columns[0][0])))
    connection.execute(sql.SQL("CREATE TABLE {} ({})").format(table, sql.SQL(", ").join(columns)))
    for number, row in enumerate(sample.rows):
        values = [
            sql.SQL("{}::{}").format(sql.Literal(value), sql.SQL(type_))
            for value, (_, type_) in zip([str(number), *row], sample.columns, strict=True)
        ]
        connection.execute(
            sql.SQL("INSERT INTO {} VALUES ({})").format(table, sql.SQL(", ").join(values))
        )
