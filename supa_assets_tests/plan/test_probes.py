"""What is looked for in a column: the places in a type where a known hole can lie."""

from __future__ import annotations

import pytest

from supa_assets.plan.encoding import encode_type
from supa_assets.plan.probes import Probe, find_probes
from supa_assets_tests.support.types import array_of, composite_of, of_types, some_type


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("text", []),
        ("int8", []),  # a string in the file, so that no digit is lost
        ("json", [("json null", "json_null"), ("escapes", "refused_escapes")]),
        ("jsonb", [("jsonb null", "json_null")]),
        ("date", [("date", "times_beyond_rfc3339")]),
        ("timestamp", [("timestamp", "times_beyond_rfc3339")]),  # cast, and still a time
    ],
)
def test_a_type_is_searched_for_the_holes_that_it_can_have(
    name: str, expected: list[tuple[str, str]]
) -> None:
    types = of_types(some_type(1, name))
    probes = find_probes(1, types, encode_type(1, types), is_nullable=True)
    assert [(probe.sought, probe.hole) for probe in probes] == expected
    assert all(probe.path == () for probe in probes)


def test_in_a_column_without_nulls_json_null_is_the_scalar_and_no_hole() -> None:
    types = of_types(some_type(1, "jsonb"))
    assert find_probes(1, types, encode_type(1, types), is_nullable=False) == []


def test_a_probe_leads_into_fields_and_elements() -> None:
    types = of_types(some_type(1, "int8"), composite_of(1, type_id=2), array_of(2, type_id=3))
    probes = find_probes(3, types, encode_type(3, types), is_nullable=True)
    assert probes == [Probe(sought="bounds"), Probe(sought="int8", path=(None, "part"))]


def test_of_an_array_in_text_form_only_its_bounds_can_get_lost() -> None:
    types = of_types(some_type(1, "jsonb"), array_of(1, type_id=2))
    probes = find_probes(2, types, encode_type(2, types), is_nullable=True)
    assert probes == [Probe(sought="bounds")]
