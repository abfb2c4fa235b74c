"""JSON as RFC 8259 has it, and no other: what one parser refuses and the next one takes has no meaning to rely on."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any, NoReturn

__all__ = ["read_object"]

_MOST_DIGITS = 100


def read_object(data: bytes) -> dict[str, Any]:
    """The one object that `data` is; raises ValueError, whose words quote nothing.

    Not taken: a key that comes twice in one object, NaN and Infinity, other encodings than UTF-8, a byte order mark,
    and what nests deeper than Python's parser goes.
    """
    try:
        found = json.loads(
            data.decode(),
            object_pairs_hook=_refuse_twice,
            parse_constant=_refuse_constant,
            parse_int=_read_integer,
        )
    except UnicodeDecodeError as error:
        raise ValueError(f"it is not UTF-8 after byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"it is not JSON after character {error.pos}") from None
    except RecursionError:
        raise ValueError("it nests too deeply") from None
    if not isinstance(found, dict):
        raise ValueError("it is not an object")  # noqa: TRY004 - of the data, not of an argument
    return found


def _refuse_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        counts = Counter(name for name, _ in pairs)
        twice = next(name for name, count in counts.items() if count > 1)
        raise ValueError(f'an object has the key "{twice[:60]}" twice')
    return found


def _read_integer(text: str) -> int:
    if len(text) > _MOST_DIGITS:
        raise ValueError("a number is too long")
    return int(text)


def _refuse_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number of JSON")
