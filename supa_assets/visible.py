"""Text for people: what steers a terminal, turns a line around or can't be seen is shown by its number.

PostgreSQL allows any character but NUL in a name, a comment or a message; a terminal obeys some of them. Files of an
export keep every character: this is for what is printed, logged and shown.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable
from typing import Any

__all__ = ["dump_json", "escape_controls", "keep_own_lines", "one_line"]

_FILLERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0")
"""Letters and marks by their category, and nothing to the eye."""
_SHORT = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}
_FOREIGN_BREAK = re.compile(r"\n(?! )")


def escape_controls(text: str) -> str:
    r"""The text with `\x1b`, `\u202e` and so on for what isn't visible. Line breaks stay; it can be repeated.

    All of Unicode's categories for control, format, surrogate, private and unassigned characters are meant, line
    and paragraph separators, and letters that show nothing.
    """
    return text.translate(_FOR_PEOPLE)


def one_line(text: str) -> str:
    r"""As `escape_controls`, and a line break is shown as `\n`: a value can't begin a line of its own."""
    return escape_controls(text).replace("\n", r"\n")


def keep_own_lines(text: str) -> str:
    r"""Keep line breaks before an indented line, as this program writes lists; others, a value's, become `\n`."""
    return _FOREIGN_BREAK.sub(r"\\n", text)


def dump_json(value: Any, *, indent: int | None = None) -> str:
    r"""JSON that holds the same value, and what isn't visible as `\u202e`."""
    return json.dumps(value, indent=indent, ensure_ascii=False).translate(_FOR_JSON)


class _Escapes(dict[int, str | int]):
    """For `str.translate`: each character is looked at once."""

    def __init__(self, escape: Callable[[str], str]) -> None:
        super().__init__()
        self._escape = escape

    def __missing__(self, code: int) -> str | int:
        character = chr(code)
        self[code] = found = code if _is_visible(character) else self._escape(character)
        return found


def _is_visible(character: str) -> bool:
    if character in _FILLERS or "\U000e0000" <= character <= "\U000e0fff":
        return False  # the latter are tags and selectors, text that no font draws
    is_space = unicodedata.category(character) == "Zs"
    return character == "\n" or character.isprintable() or is_space


def _as_number(character: str) -> str:
    code = ord(character)
    form = "x{:02x}" if code < 0x100 else "u{:04x}" if code < 0x10000 else "U{:08x}"
    return _SHORT.get(character) or "\\" + form.format(code)


def _as_json_number(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[n : n + 2].hex()}" for n in range(0, len(units), 2))


_FOR_PEOPLE = _Escapes(_as_number)
_FOR_JSON = _Escapes(_as_json_number)
