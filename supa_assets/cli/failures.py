"""Tables that can't be exported, for people: each cause once."""

from __future__ import annotations

from collections.abc import Iterable

from supa_assets.causes import group_by_cause
from supa_assets.cli.report import build_console
from supa_assets.errors import SupaAssetsError
from supa_assets.export.refusals import merge_hints
from supa_assets.visible import keep_own_lines

__all__ = ["print_failures"]


def print_failures(failures: Iterable[tuple[str, SupaAssetsError]], *, what: str = "") -> None:
    """An error for each cause; `what` stands before the name where a message alone doesn't say whose it is."""
    err = build_console(to_stderr=True)
    for group in group_by_cause(failures):
        hint = merge_hints(group.errors)
        said = group.describe_cause()
        if what and len(group.errors) == 1:
            said = f'{what} "{group.names[0]}": {said}'
        err.print(
            f"error: {said}" + (f"\nHINT: {keep_own_lines(hint)}" if hint else ""), soft_wrap=True
        )
