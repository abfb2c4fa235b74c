"""How every part of metadata.json is written: camelCase names, frozen, and fields that it does not know are kept."""

from __future__ import annotations

from pydantic import ConfigDict
from pydantic.alias_generators import to_camel

__all__ = ["ENTRY_CONFIG"]

ENTRY_CONFIG = ConfigDict(
    alias_generator=to_camel,
    validate_by_alias=True,
    validate_by_name=True,
    serialize_by_alias=True,
    extra="allow",
    frozen=True,
)
