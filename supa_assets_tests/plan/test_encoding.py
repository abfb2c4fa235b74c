"""How a column of each type is encoded: the rules of docs/TYPES.md, without a server."""

from __future__ import annotations

from dataclasses import replace

import pytest

from supa_assets.errors import ExportFault
from supa_assets.files.metadata import ColumnEntry
from supa_assets.plan.encoding import (
    BUILT_IN,
    BUILT_IN_ARRAY,
    ColumnEncoding,
    encode_type,
    holds_raw_json,
    is_built_in,
    recorded_encoding,
    without_domain,
    without_made_casts,
)
from supa_assets.settings import ValueForms
from supa_assets_tests.support.types import array_of, composite_of, domain_of, of_types, some_type


@pytest.mark.parametrize(("name", "expected"), BUILT_IN.items())
def test_a_built_in_type_has_the_encoding_of_its_name(name: str, expected: ColumnEncoding) -> None:
    assert encode_type(1, of_types(some_type(1, name))) == expected


def test_a_type_of_somebodys_own_that_bears_a_built_in_name_is_text() -> None:
    own = some_type(1, "bool", schema_name="public")
    assert not is_built_in(own)
    assert encode_type(1, of_types(own)) == ColumnEncoding("string")


@pytest.mark.parametrize(("name", "expected"), BUILT_IN_ARRAY.items())
def test_an_array_of_a_built_in_type_has_the_encoding_of_its_elements(
    name: str, expected: ColumnEncoding
) -> None:
    types = of_types(some_type(1, name), array_of(1, type_id=2))
    assert encode_type(2, types) == expected


def test_a_domain_is_encoded_as_what_it_is_of_in_the_end() -> None:
    types = of_types(some_type(1, "int8"), domain_of(1, type_id=2), domain_of(2, type_id=3))
    assert without_domain(3, types) == types[1]
    assert encode_type(3, types) == encode_type(1, types)


def test_a_cast_that_somebody_made_is_never_called() -> None:
    to_json = some_type(1, "mood", schema_name="public", made_casts={"json"})
    to_all = some_type(
        2, "odd", schema_name="public", made_casts={"json", "text", "varchar", "_text"}
    )
    types = of_types(to_json, to_all, array_of(1, type_id=3), array_of(2, type_id=4))
    assert encode_type(1, types) == ColumnEncoding("string", ("text",))
    assert encode_type(2, types) == ColumnEncoding("string", ("output",))
    assert encode_type(3, types) == ColumnEncoding("array", ("text[]",))
    assert encode_type(4, types) == ColumnEncoding("array", ("output[]",))


def test_a_cast_of_the_array_itself_is_not_called_either() -> None:
    mood = some_type(1, "mood", schema_name="public", made_casts={"json"})
    moods = replace(array_of(1, type_id=2), made_casts=frozenset({"_text", "_varchar"}))
    assert encode_type(2, of_types(mood, moods)) == ColumnEncoding("array", ("output[]",))


def test_an_array_with_another_delimiter_is_its_own_text_once_no_cast_is_left() -> None:
    def encode(*made_casts: str) -> ColumnEncoding:
        shape = some_type(1, "shape", schema_name="public", delimiter=":", made_casts=made_casts)
        return encode_type(2, of_types(shape, array_of(1, type_id=2)))

    assert encode("json") == ColumnEncoding("array", ("text[]",))
    assert encode("json", "text") == ColumnEncoding("array", ("varchar[]",))
    assert encode("json", "text", "varchar") == ColumnEncoding("string", ("output",))


def test_what_an_export_recorded_calls_no_cast_of_another_database() -> None:
    mood = some_type(1, "mood", schema_name="public", made_casts={"json", "text", "varchar"})
    types = of_types(mood, some_type(2, "int4"), array_of(2, type_id=3))
    for recorded in (ColumnEncoding("string"), ColumnEncoding("string", ("varchar",))):
        assert without_made_casts(recorded, 1, types) == ColumnEncoding("string", ("output",))
    numbers = ColumnEncoding("array")
    assert without_made_casts(numbers, 3, types) == numbers


def test_a_composite_is_an_object_unless_a_field_would_not_go_back() -> None:
    types = of_types(some_type(1, "text"), composite_of(1, type_id=2))
    assert encode_type(2, types) == ColumnEncoding("object")
    types = of_types(some_type(1, "oidvector"), composite_of(1, type_id=2))
    assert encode_type(2, types) == ColumnEncoding("string", ("text",))
    types = of_types(some_type(1, "json"), array_of(1, type_id=2), composite_of(2, type_id=3))
    assert encode_type(3, types) == ColumnEncoding("string", ("text",))


def test_the_users_forms_count_for_built_in_types_and_their_arrays() -> None:
    types = of_types(
        some_type(1, "int8"), array_of(1, type_id=2), some_type(3, "bytea"), array_of(3, type_id=4)
    )
    forms = ValueForms(int8="number", bytea="base64")
    assert encode_type(1, types, forms) == ColumnEncoding("number")
    assert encode_type(2, types, forms) == ColumnEncoding("array")
    assert encode_type(3, types, forms) == ColumnEncoding("base64", ("base64",))
    assert encode_type(4, types, forms) == encode_type(4, types)


def test_raw_json_is_found_wherever_it_lies() -> None:
    types = of_types(
        some_type(1, "json"),
        domain_of(1, type_id=2),
        composite_of(2, type_id=3),
        some_type(4, "jsonb"),
    )
    assert [holds_raw_json(n, types) for n in (1, 2, 3, 4)] == [True, True, True, False]


def column(encoding: str, casts: list[str] | None) -> ColumnEntry:
    return ColumnEntry(name="total", type="numeric", encoding=encoding, casts=casts, nullable=True)


def test_a_recorded_encoding_comes_back_and_an_older_files_is_unknown() -> None:
    recorded = recorded_encoding(column("string", ["numeric", "text"]))
    assert recorded == ColumnEncoding("string", ("numeric", "text"))
    assert recorded_encoding(column("string", None)) is None


@pytest.mark.parametrize(
    ("encoding", "casts", "word"),
    [("strange", [], "strange"), ("string", ["text); DROP TABLE t"], "text); DROP TABLE t")],
)
def test_a_recorded_word_that_is_not_known_never_becomes_sql(
    encoding: str, casts: list[str], word: str
) -> None:
    with pytest.raises(ExportFault, match='says of column "total" a word') as caught:
        recorded_encoding(column(encoding, casts))
    assert caught.value.found == word
