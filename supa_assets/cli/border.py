"""The border that everything passes before a person reads it: no text of a database's steers the terminal.

A console escapes what it prints before it lays it out, so that rich's own sequences for colours and bars stay. What
doesn't go through a console (click's messages, warnings, logging, a traceback) meets the same at stdout and stderr.
"""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterable
from typing import Any, TextIO, cast

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from supa_assets.visible import escape_controls

__all__ = ["BorderConsole", "guard_streams"]

_BREAK_BEFORE_FOREIGN_LINE = re.compile(r"\n(?![ \n]|HINT: |\Z)")


class BorderConsole(Console):
    r"""A console that shows control characters by their numbers.

    Of a text that it prints, every line after the first is indented or a hint: a line break before any other line came
    with a value, and is shown as `\n`. So what begins at the margin is this program's own.
    """

    def render_str(self, text: str, **options: Any) -> Text:
        """Escaped before it is measured, so that columns stay columns."""
        body = text.lstrip("\n")
        own = _BREAK_BEFORE_FOREIGN_LINE.sub(r"\\n", body)
        return super().render_str(text[: len(text) - len(body)] + escape_controls(own), **options)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Whatever was rendered: texts that rich's own classes made don't pass `render_str`."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else _escape_segment(segment)


def _escape_segment(segment: Segment) -> Segment:
    return Segment(escape_controls(segment.text), segment.style)


class _GuardedStream:
    """stdout or stderr for all that writes there without a console."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    @property
    def rich_proxied_file(self) -> TextIO:
        """Rich's name for what a console writes to instead: a BorderConsole has escaped its text already."""
        return self._stream

    def write(self, text: str) -> int:
        self._stream.write(escape_controls(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        if name == "buffer":  # a way past `write`; click looks for one
            raise AttributeError(name)
        return getattr(self._stream, name)


def guard_streams() -> None:
    """Put the border before stdout and stderr until the process ends: a traceback comes last.

    A character that the terminal's encoding doesn't have is shown by its number, too.
    """
    sys.stdout, sys.stderr = _guard(sys.stdout), _guard(sys.stderr)


def _guard(stream: TextIO) -> TextIO:
    if isinstance(stream, _GuardedStream):
        return stream
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")
    return cast("TextIO", _GuardedStream(stream))
