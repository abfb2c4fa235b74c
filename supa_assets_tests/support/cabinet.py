"""The cabinet in cases/: for each family of types a table, and the bytes that its file should have."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

__all__ = ["cases"]

CASES = sorted((Path(__file__).parents[1] / "cases").glob("*.sql"))
SLOW = {"many_columns"}
"""Cases that take seconds."""
LACKS = {"PostgreSQL 18": {"xml"}, "PostgreSQL 15": {"PostgreSQL 18", "vector"}}
"""What the servers of the tests don't have of what cases need."""


def cases() -> Iterator[object]:
    """Each case with each server that has what the case says it needs."""
    for case in CASES:
        found = re.search(r"^-- needs: (.*)$", case.read_text(), re.MULTILINE)
        needs = set(found[1].split(", ")) if found else set()
        for server, lacks in LACKS.items():
            if not needs & lacks:
                marks = [pytest.mark.slow] if case.stem in SLOW else []
                yield pytest.param(server, case, id=f"{case.stem}, {server}", marks=marks)
