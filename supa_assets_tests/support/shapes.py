"""Tables of every shape that a strategy is made for, and one that must not mislead it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from supa_assets.plan.export_plan import PlannedTable
from supa_assets.stream.limits import Limits
from supa_assets_tests.support.databases import Database

__all__ = [
    "SHAPES",
    "SMALL_CHUNKS",
    "SORTS_SMALL_HEAPS",
    "each_shape_with_each_server",
    "fill",
    "unordered",
]

SMALL_CHUNKS: dict[str, Any] = {"chunk_bytes": 4096, "streaming_threshold": 10}
SORTS_SMALL_HEAPS = Limits(small_heap_bytes=0)

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
"""By name: the statements that make it, and the strategy that is right for it in its key's order, if only one is."""


def fill(database: Database, shape: str) -> str | None:
    """Make the table; tells the strategy that is right for it, if only one is."""
    statements, strategy = SHAPES[shape]
    database.execute(*statements.split(";"))
    return strategy


def each_shape_with_each_server() -> Iterator[object]:
    """Parameters `any_server` and `shape`; PostgreSQL 18's wheel is built without ICU."""
    for shape, (statements, _) in SHAPES.items():
        for server in ("PostgreSQL 18", "PostgreSQL 15"):
            if server == "PostgreSQL 15" or "provider = icu" not in statements:
                yield pytest.param(server, shape, id=f"{shape}, {server}")


def unordered(table: PlannedTable) -> PlannedTable:
    """As it is planned for rows in the heap's order."""
    return table.model_copy(update={"ordered_by": []})
