"""Rows of pg_type as the catalogue gives them, for tests of rules that need no server."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from supa_assets.server.catalog import Type

__all__ = ["array_of", "composite_of", "domain_of", "of_types", "some_type"]


def some_type(
    type_id: int,
    name: str,
    *,
    schema_name: str = "pg_catalog",
    delimiter: str = ",",
    made_casts: Collection[str] = (),
) -> Type:
    return Type(
        type_id=type_id,
        schema_name=schema_name,
        name=name,
        kind="b",
        base_type_id=0,
        element_type_id=0,
        delimiter=delimiter,
        made_casts=frozenset(made_casts),
        field_names=(),
        field_type_ids=(),
    )


def array_of(element_type_id: int, *, type_id: int) -> Type:
    return replace(some_type(type_id, f"_{element_type_id}"), element_type_id=element_type_id)


def domain_of(base_type_id: int, *, type_id: int) -> Type:
    own = some_type(type_id, f"domain{type_id}", schema_name="public")
    return replace(own, kind="d", base_type_id=base_type_id)


def composite_of(field_type_id: int, *, type_id: int) -> Type:
    """With one field, `part`."""
    own = some_type(type_id, f"composite{type_id}", schema_name="public")
    return replace(own, kind="c", field_names=("part",), field_type_ids=(field_type_id,))


def of_types(*types: Type) -> Mapping[int, Type]:
    return {type_.type_id: type_ for type_ in types}
