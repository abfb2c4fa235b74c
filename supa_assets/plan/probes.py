"""What a table's values are searched for while it is counted: where in a type a known hole can lie (docs/TYPES.md).

The plan holds what to look for in each column; `stream.count` makes a statement of it and reads the answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict

from supa_assets.files.holes import Hole
from supa_assets.plan.encoding import ColumnEncoding, is_built_in, without_domain
from supa_assets.server.catalog import Type

__all__ = ["Probe", "Sought", "find_probes"]

Sought = Literal[
    "json null", "jsonb null", "escapes", "bounds", "int8", "numeric", "timestamptz", "timestamp", "date"
]  # fmt: skip

_HOLE_OF: Mapping[Sought, Hole] = {
    "json null": "json_null",
    "jsonb null": "json_null",
    "escapes": "refused_escapes",
    "bounds": "lower_bounds",
    "int8": "large_numbers",
    "numeric": "large_numbers",
    "timestamptz": "times_beyond_rfc3339",
    "timestamp": "times_beyond_rfc3339",
    "date": "times_beyond_rfc3339",
}
_SOUGHT_IN: Mapping[str, tuple[Sought, ...]] = {
    "json": ("json null", "escapes"),
    "jsonb": ("jsonb null",),
    "int8": ("int8",),
    "numeric": ("numeric",),
    "timestamptz": ("timestamptz",),
    "timestamp": ("timestamp",),
    "date": ("date",),
}
"""By built-in type, where `row_to_json` sees a value of it as it is."""
_SOUGHT_IN_TEXT = frozenset({"timestamptz", "timestamp", "date"})
"""Whatever form they are cast to, their text is what a reader gets."""


class Probe(BaseModel):
    """One thing to look for in a column's values."""

    model_config = ConfigDict(frozen=True)

    sought: Sought
    path: tuple[str | None, ...] = ()
    """Inside of a value: a name leads to a composite's field, None to each element of an array."""

    @property
    def hole(self) -> Hole:
        return _HOLE_OF[self.sought]


def find_probes(
    type_id: int, types: Mapping[int, Type], encoded: ColumnEncoding, *, is_nullable: bool
) -> list[Probe]:
    """What to look for in a column of this type and encoding; nothing for most types."""
    type_ = without_domain(type_id, types)
    if encoded.encoding == "text-array":
        return [Probe(sought="bounds")]  # an element is its own text, which keeps the rest
    if encoded.casts or encoded.encoding == "string":
        return list(_look_into_text(type_, types, is_array=encoded.encoding == "array"))
    probes = list(_look_into(type_, types))
    if is_nullable:
        return probes
    # There null is the scalar, and nothing else.
    return [probe for probe in probes if probe.path or probe.hole != "json_null"]


def _look_into(
    type_: Type, types: Mapping[int, Type], path: tuple[str | None, ...] = ()
) -> Iterator[Probe]:
    """Of a value that `row_to_json` sees as it is."""
    if is_built_in(type_) and type_.name in _SOUGHT_IN:
        yield from (Probe(sought=sought, path=path) for sought in _SOUGHT_IN[type_.name])
    elif type_.element_type_id:
        yield Probe(sought="bounds", path=path)
        yield from _look_into(without_domain(type_.element_type_id, types), types, (*path, None))
    elif type_.kind == "c":
        for name, type_id in zip(type_.field_names, type_.field_type_ids, strict=True):
            yield from _look_into(without_domain(type_id, types), types, (*path, name))


def _look_into_text(type_: Type, types: Mapping[int, Type], *, is_array: bool) -> Iterator[Probe]:
    """Of a value, or an array's elements, that `row_to_json` sees as text."""
    path: tuple[str | None, ...] = ()
    if is_array:
        yield Probe(sought="bounds")
        type_, path = without_domain(type_.element_type_id, types), (None,)
    if is_built_in(type_) and type_.name in _SOUGHT_IN_TEXT:
        yield from (Probe(sought=sought, path=path) for sought in _SOUGHT_IN[type_.name])
