"""Whether two descriptions lead to one database: every kind of evidence, and the lack of it."""

from __future__ import annotations

from typing import Any

import pytest

from supa_assets.files.metadata import SourceEntry
from supa_assets.files.same_database import Likeness, compare_databases, is_on_this_machine


def entry(host: str = "h", port: int = 1, **fields: Any) -> SourceEntry:
    return SourceEntry(host=host, port=port, **{"database": "app", "database_oid": 16384, **fields})


def compare(one: SourceEntry, other: SourceEntry) -> Likeness:
    """Whichever comes first."""
    found = compare_databases(one, other)
    assert compare_databases(other, one).verdict == found.verdict
    return found


SERVER: dict[str, Any] = {"system_identifier": "7", "timeline": 1}
OTHER_SERVER: dict[str, Any] = {"system_identifier": "8", "timeline": 1}
OLD: dict[str, Any] = {"database_oid": None}
POOLER = "aws-0-eu-central-1.pooler.supabase.com"


@pytest.mark.parametrize(
    ("one", "other", "verdict"),
    [
        # Projects decide where both are known.
        (entry(POOLER, project="a"), entry("db.a.supabase.co", 2, project="a"), "same"),
        (entry(POOLER, project="a"), entry(POOLER, project="b"), "other"),
        (entry(project="a", **SERVER), entry(project="b", **SERVER), "other"),
        (entry(project="a", **SERVER), entry(port=2, project="a", **OTHER_SERVER), "same"),
        (entry(project="a"), entry(project="a", database="other", database_oid=2), "other"),
        (entry(project="a"), entry(project="a", database="renamed"), "unknown"),
        (entry(project="a", **OLD), entry(project="a", database="renamed"), "other"),
        # So do identifiers that differ, of the server and of the database in it.
        (entry(**SERVER), entry(**OTHER_SERVER), "other"),
        (entry(project="a", **SERVER), entry(**OTHER_SERVER), "other"),
        (entry(**SERVER), entry(database_oid=16385, **SERVER), "other"),
        (entry(), entry(database_oid=16385), "other"),
        (entry(), entry(database="other", database_oid=16385), "other"),
        # The same identifier: the server itself, or a copy of it elsewhere.
        (entry(**SERVER), entry(**SERVER), "same"),
        (entry(**SERVER), entry(**{**SERVER, "timeline": 2}), "same"),
        (entry(**SERVER), entry(port=2, **SERVER), "unknown"),
        (entry(**SERVER), entry("g", **SERVER), "unknown"),
        (entry("localhost", **SERVER), entry("/run/pg", **SERVER), "same"),
        (entry("localhost", **SERVER), entry("::1", **{**SERVER, "timeline": 2}), "unknown"),
        (entry("h", host_address="10.0.0.1", **SERVER), entry("10.0.0.1", host_address="10.0.0.1", **SERVER), "same"),
        (entry(project="a", **SERVER), entry("g", **SERVER), "unknown"),
        (entry(POOLER, project="a", **SERVER), entry(POOLER, **SERVER), "unknown"),
        # A renamed database keeps its OID; the first ones of two servers have the same.
        (entry(**SERVER), entry(database="renamed", **SERVER), "unknown"),
        (entry(**SERVER), entry(port=2, database="renamed", **SERVER), "unknown"),
        (entry(), entry(database="renamed"), "unknown"),
        (entry(), entry("g", database="renamed"), "other"),
        (entry(**OLD), entry(database="other"), "other"),
        (entry(**OLD, **SERVER), entry(database="other", **SERVER), "other"),
        # Without an identifier on both sides the address is left.
        (entry(), entry(), "same"),
        (entry("Db.Example.com."), entry("db.example.com"), "same"),
        (entry(**SERVER), entry(), "same"),
        (entry(project="a"), entry(), "same"),
        (entry(), entry(port=2), "unknown"),
        (entry(), entry("g"), "unknown"),
        (entry("localhost"), entry("127.0.0.1"), "unknown"),
        (entry("/run/One"), entry("/run/one"), "unknown"),
        (entry(POOLER), entry(POOLER, project="a"), "unknown"),
        (entry("db.a.supabase.co", project="a"), entry("localhost"), "other"),
        (entry("db.a.supabase.co", project="a"), entry("g"), "unknown"),
        # An export of an older version, which knew neither OID nor timeline, and wrote localhost for a socket.
        (entry(**OLD), entry(**SERVER), "same"),
        (entry(**OLD, system_identifier="7"), entry(**SERVER), "same"),
        (entry(**OLD, system_identifier="7"), entry(**OTHER_SERVER), "other"),
        (entry("localhost", **OLD), entry("/tmp", **SERVER), "same"),
        (entry("localhost", **OLD), entry("/tmp", 2, **SERVER), "unknown"),
    ],
)  # fmt: skip
def test_the_verdict_says_no_more_than_is_known(
    one: SourceEntry, other: SourceEntry, verdict: str
) -> None:
    assert compare(one, other).verdict == verdict


def test_a_copy_is_called_what_it_can_be() -> None:
    reason = compare(entry(**SERVER), entry("g", **{**SERVER, "timeline": 2})).reason
    assert reason == (
        "both have the system identifier 7, so that they are one database, or one is a physical copy of the other (a"
        " promoted replica, a restored base backup); their timelines, 1 and 2, differ, so that one was promoted"
    )


@pytest.mark.parametrize(
    ("host", "address", "expected"),
    [
        ("/run/pg", None, True), ("@pg", None, True), ("LocalHost", None, True), ("127.8.8.8", None, True),
        ("::1", None, True), ("::ffff:127.0.0.1", None, True), ("db.example.com", "127.0.0.1", True),
        ("db.example.com", None, False), ("db.example.com", "10.0.0.1", False), ("10.0.0.1", None, False),
        ("127.example.com", None, False),
    ],
)  # fmt: skip
def test_this_machine_is_a_socket_or_a_loopback_address(
    host: str, address: str | None, expected: bool
) -> None:
    assert is_on_this_machine(host, address) is expected
