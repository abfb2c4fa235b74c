"""What the commands print when they are done: tables and sentences for people, without colour where nobody looks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import IO

from rich.console import Console
from rich.table import Table

from supa_assets.cli.border import BorderConsole
from supa_assets.visible import one_line

__all__ = [
    "build_console",
    "format_bytes",
    "format_count",
    "format_number_of",
    "format_seconds",
    "print_columns",
]

_PIPE_WIDTH = 160
"""A pipe has no width; lines are never folded for it."""


def build_console(file: IO[str] | None = None, *, to_stderr: bool = False) -> Console:
    """A console that folds nothing and guesses nothing: names are printed as they are, but for control characters."""
    console = BorderConsole(file=file, stderr=to_stderr, highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = _PIPE_WIDTH
    return console


def print_columns(
    console: Console, headings: Sequence[str], rows: Iterable[Sequence[str]], *, right: str = ""
) -> None:
    """A table without frames; `right` has the letter `r` for columns of numbers, any other for text."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for position, heading in enumerate(headings):
        is_number = right[position : position + 1] == "r"
        table.add_column(heading, justify="right" if is_number else "left", no_wrap=True)
    for row in rows:
        table.add_row(*map(one_line, row))
    console.print(table, soft_wrap=True)


def format_count(count: int | None) -> str:
    return "?" if count is None else f"{count:,}"


def format_bytes(count: int | None) -> str:
    """Decimal units, as file managers and cloud bills count."""
    if count is None:
        return "?"
    if count < 1000:
        return f"{count} B"
    exponent = min(int(math.log10(count) // 3), 4)
    return f"{count / 1000**exponent:.1f} {('', 'kB', 'MB', 'GB', 'TB')[exponent]}"


def format_number_of(count: int | None, singular: str) -> str:
    """`1 table`, `2 tables`."""
    return f"{format_count(count)} {singular if count == 1 else singular + 's'}"


def format_seconds(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"
