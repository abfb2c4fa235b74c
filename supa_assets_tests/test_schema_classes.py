"""Whose a schema is."""

from __future__ import annotations

import pytest

from supa_assets.schema_classes import PLATFORM_SCHEMAS, classify_schema


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ("public", "user"),
        ("billing", "user"),
        ("Auth", "user"),
        ("pgmq_mine", "user"),
        ("realtime", "transient"),
        ("_realtime", "internal"),
        ("pg_toast", "internal"),
        ("information_schema", "internal"),
        ("timescaledb_information", "internal"),
    ],
)
def test_a_schema_that_is_not_known_is_the_users(schema: str, expected: str) -> None:
    assert classify_schema(schema) == expected


def test_every_platform_schema_is_classified_as_one() -> None:
    assert {classify_schema(schema) for schema in PLATFORM_SCHEMAS} == {"platform"}
