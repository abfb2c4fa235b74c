"""How a value of each PostgreSQL type stands in JSON. docs/TYPES.md is this module in prose.

The server encodes: `row_to_json` writes what it keeps exactly, and a column that it would not keep is cast first. No
value passes through a Python object. The way back is `json_populate_recordset`, but for two encodings that it would
misread without an error: `text-array` is read as text[] and cast to its type, `base64` is read as text and decoded.
A cast that somebody made is never called: it need not keep the value, and its function would run as the exporter.
What still comes back otherwise than it was is sought by `probes`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast, get_args

from supa_assets.errors import ExportFault
from supa_assets.files.metadata import ColumnEntry
from supa_assets.server.catalog import Type
from supa_assets.settings import ValueForms

__all__ = [
    "BUILT_IN",
    "BUILT_IN_ARRAY",
    "Cast",
    "ColumnEncoding",
    "Encoding",
    "encode_type",
    "holds_raw_json",
    "is_built_in",
    "recorded_encoding",
    "without_domain",
    "without_made_casts",
]

Encoding = Literal[
    "boolean", "number", "string", "base64", "timestamp", "json", "array", "text-array", "object"
]
Cast = Literal[
    "text",
    "varchar",
    "numeric",
    "timestamptz",
    "text[]",
    "varchar[]",
    "numeric[]",
    "timestamptz[]",
    "base64",
    "output",
    "output[]",
]


@dataclass(frozen=True)
class ColumnEncoding:
    """`casts` are applied in turn before the server's `row_to_json` sees the value.

    `output` is the type's output function, which `text` and `varchar` mean as well, as long as nobody made a cast.
    """

    encoding: Encoding
    casts: tuple[Cast, ...] = ()


def recorded_encoding(column: ColumnEntry) -> ColumnEncoding | None:
    """The encoding that metadata.json records; None where an older version wrote it, without casts.

    Raises ExportFault for words that this version doesn't know: a cast becomes part of a statement.
    """
    if column.casts is None:
        return None
    for word, known in (
        (column.encoding, get_args(Encoding)),
        *((c, get_args(Cast)) for c in column.casts),
    ):
        if word not in known:
            raise ExportFault(
                f'metadata.json says of column "{column.name}" a word that this version doesn\'t know: "{word}"',
                hint="upgrade supa-assets, or take another copy of metadata.json.",
                found=word,
            )
    return ColumnEncoding(
        cast("Encoding", column.encoding), cast("tuple[Cast, ...]", tuple(column.casts))
    )


_AS_NUMBER = ColumnEncoding("number")
_AS_TEXT = ColumnEncoding("string", ("text",))
BUILT_IN: Mapping[str, ColumnEncoding] = {
    "bool": ColumnEncoding("boolean"),
    "int2": _AS_NUMBER,
    "int4": _AS_NUMBER,
    "float4": _AS_NUMBER,
    "float8": _AS_NUMBER,
    # RFC 7493 (I-JSON) 2.2: integers beyond 2^53-1 belong in strings; a double drops numeric's scale, too.
    "int8": _AS_TEXT,
    "numeric": _AS_TEXT,
    # money's own text depends on lc_monetary.
    "money": ColumnEncoding("string", ("numeric", "text")),
    "timestamptz": ColumnEncoding("timestamp"),
    # RFC 7493 4.3 wants a zone; under TimeZone=UTC the cast changes no digit, and PostgreSQL ignores the zone on the
    # way back.
    "timestamp": ColumnEncoding("timestamp", ("timestamptz",)),
    "json": ColumnEncoding("json"),
    "jsonb": ColumnEncoding("json"),
    # Arrays to the server, but counted from 0: their own text keeps that.
    "int2vector": _AS_TEXT,
    "oidvector": _AS_TEXT,
}
"""Of built-in types whose encoding their kind doesn't tell; docs/TYPES.md names each."""
_JSON = frozenset({"json", "jsonb"})
_COUNTED_FROM_0 = frozenset({"int2vector", "oidvector"})
BUILT_IN_ARRAY: Mapping[str, ColumnEncoding] = {
    "int8": ColumnEncoding("array", ("text[]",)),
    "numeric": ColumnEncoding("array", ("text[]",)),
    "money": ColumnEncoding("array", ("numeric[]", "text[]")),
    "timestamp": ColumnEncoding("array", ("timestamptz[]",)),
    # Native nesting could not tell an array inside an element from a second dimension.
    "json": ColumnEncoding("text-array", ("text[]",)),
    "jsonb": ColumnEncoding("text-array", ("text[]",)),
}
"""Of arrays, by the name of their elements' built-in type."""
_CALLED: Mapping[tuple[Cast, ...], str] = {
    (): "json",
    ("text",): "text",
    ("text[]",): "text",
    ("varchar",): "varchar",
    ("varchar[]",): "varchar",
}
"""By casts, to which type PostgreSQL looks for a cast from the value's, or its elements', own."""


def encode_type(
    type_id: int, types: Mapping[int, Type], forms: ValueForms | None = None
) -> ColumnEncoding:
    """The encoding of a column of this type; a domain is encoded as its base type. `forms` are the user's choices."""
    type_ = without_domain(type_id, types)
    if forms and (chosen := _encode_as_chosen(type_, types, forms)):
        return chosen
    return without_made_casts(_encode(type_, types), type_id, types)


def _encode(type_: Type, types: Mapping[int, Type]) -> ColumnEncoding:
    if is_built_in(type_) and type_.name in BUILT_IN:
        return BUILT_IN[type_.name]
    if type_.element_type_id:
        return _encode_array(type_, types)
    if type_.kind == "c":
        return _AS_TEXT if _would_not_go_back(type_, types) else ColumnEncoding("object")
    return ColumnEncoding("string")


def _encode_as_chosen(
    type_: Type, types: Mapping[int, Type], forms: ValueForms
) -> ColumnEncoding | None:
    """Where the user wants another form than the default; None elsewhere. Arrays follow, but those of bytea."""
    scalar = type_
    if type_.element_type_id:
        scalar = without_domain(type_.element_type_id, types)
    if not (is_built_in(type_) and is_built_in(scalar)):
        return None
    is_array = scalar is not type_
    if scalar.name == "int8" and forms.int8 == "number":
        return ColumnEncoding("array") if is_array else _AS_NUMBER
    if scalar.name == "timestamp" and forms.timestamps == "naive":
        return ColumnEncoding("array" if is_array else "timestamp")
    if scalar.name == "bytea" and forms.bytea == "base64" and not is_array:
        return ColumnEncoding("base64", ("base64",))
    return None


def holds_raw_json(type_id: int, types: Mapping[int, Type]) -> bool:
    """Whether `row_to_json` would copy a `json` value with its line breaks into the row's text."""
    type_ = without_domain(type_id, types)
    if is_built_in(type_):
        return type_.name == "json"
    return any(holds_raw_json(part, types) for part in _parts(type_))


def _encode_array(array: Type, types: Mapping[int, Type]) -> ColumnEncoding:
    element = without_domain(array.element_type_id, types)
    if is_built_in(element) and element.name in BUILT_IN_ARRAY:
        return BUILT_IN_ARRAY[element.name]
    if element.element_type_id or (element.kind == "c" and _would_not_go_back(element, types)):
        return ColumnEncoding("text-array", ("text[]",))
    return ColumnEncoding("array")


def without_made_casts(
    encoded: ColumnEncoding, type_id: int, types: Mapping[int, Type]
) -> ColumnEncoding:
    """The same JSON, by the output function where `encoded` would call a cast that somebody made.

    PostgreSQL calls such a cast for `::text` and `::varchar`, and `row_to_json` one to json.
    """
    type_ = without_domain(type_id, types)
    if encoded.encoding == "string":
        return _first_without(encoded, ("text", "output"), type_.made_casts)
    if encoded.encoding not in ("array", "text-array"):
        return encoded
    element = without_domain(type_.element_type_id, types)
    made = element.made_casts | {name[1:] for name in type_.made_casts if name[0] == "_"}
    if element.kind == "c":
        made -= {"json"}  # a composite is an object, whatever its own casts
    if element.delimiter == ",":
        return _first_without(encoded, ("text[]", "output[]"), made)
    # Its array's text isn't that of a text[]: where no cast of the elements is left, it is whole in one string.
    found = _first_without(encoded, ("text[]", "varchar[]", "output"), made)
    return ColumnEncoding("string", ("output",)) if found.casts == ("output",) else found


def _first_without(
    encoded: ColumnEncoding, others: tuple[Cast, ...], made: frozenset[str]
) -> ColumnEncoding:
    """`encoded`, or it with the first of the other casts that calls none that somebody made."""
    if _CALLED.get(encoded.casts) not in made:
        return encoded
    cast_ = next(other for other in others if _CALLED.get((other,)) not in made)
    return ColumnEncoding(encoded.encoding, (cast_,))


def _would_not_go_back(type_: Type, types: Mapping[int, Type]) -> bool:
    """Whether, somewhere inside, the value as `to_json` writes it would not lead back to the same one.

    A cast to json need not keep the value; json in an array, or an array in one, looks like a second dimension;
    int2vector and oidvector would be counted from 1.
    """
    if "json" in type_.made_casts or (is_built_in(type_) and type_.name in _COUNTED_FROM_0):
        return True
    if type_.element_type_id:
        element = without_domain(type_.element_type_id, types)
        if element.element_type_id or (is_built_in(element) and element.name in _JSON):
            return True
    return any(_would_not_go_back(without_domain(part, types), types) for part in _parts(type_))


def _parts(type_: Type) -> tuple[int, ...]:
    return type_.field_type_ids + ((type_.element_type_id,) if type_.element_type_id else ())


def without_domain(type_id: int, types: Mapping[int, Type]) -> Type:
    """The type, or what a domain is of in the end."""
    type_ = types[type_id]
    while type_.kind == "d":
        type_ = types[type_.base_type_id]
    return type_


def is_built_in(type_: Type) -> bool:
    """Whether its name says which type it is."""
    return type_.schema_name == "pg_catalog"
