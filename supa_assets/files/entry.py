"""What every part of metadata.json is: camelCase names in JSON, frozen, and fields that it does not know are kept."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

__all__ = ["Entry"]


class Entry(BaseModel):
    """A part of metadata.json. What a newer minor version wrote into it is written again as it was."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_alias=True,
        validate_by_name=True,
        serialize_by_alias=True,
        extra="allow",
        frozen=True,
    )
