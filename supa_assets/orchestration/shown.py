"""The border before Dagster's logs and UI: what comes from a database is shown as text, and obeyed by nothing.

The UI renders an asset's description as Markdown, with links, images and HTML; a run's log goes to terminals, too.
"""

from __future__ import annotations

import re

import dagster as dg

from supa_assets.visible import escape_controls, one_line

__all__ = ["PlainLog", "as_markdown"]

_LONGEST_DESCRIPTION = 2_000
"""Characters of a comment; a page that lists assets loads all of them."""
_SPECIAL = re.compile(r"[\\`*_\[\]<>#|~&!]")
_BEFORE_LINE_START = re.compile(r"^(?:\d{1,9}(?=[.)](?: |$))|(?=[-+=:]))")
"""A number of a list, or nothing: what comes after it would begin a list, a heading or a definition."""


class PlainLog:
    """A run's log that gets control characters by their numbers."""

    def __init__(self, log: dg.DagsterLogManager) -> None:
        self._log = log

    def info(self, text: str) -> None:
        self._log.info(escape_controls(text))

    def warning(self, text: str) -> None:
        self._log.warning(escape_controls(text))

    def error(self, text: str) -> None:
        self._log.error(escape_controls(text))


def as_markdown(text: str) -> str:
    """Markdown that shows the text itself: no heading, image or HTML. A long one is cut, and says so.

    An address in it becomes a link, which is that address: the UI does so with text, too.
    """
    shown = text[:_LONGEST_DESCRIPTION]
    lines = [_escape_line(one_line(line.strip())) for line in shown.splitlines()]
    if len(text) > _LONGEST_DESCRIPTION:
        lines.append("… (cut)")
    return "  \n".join(lines)  # two blanks before a line break keep it


def _escape_line(line: str) -> str:
    escaped = _SPECIAL.sub(r"\\\g<0>", line)
    return _BEFORE_LINE_START.sub(r"\g<0>\\", escaped)
