"""`supa-assets`: how it begins and ends. What takes time to import is imported once a signal makes no traceback."""

from __future__ import annotations

import sys

from supa_assets.cli.interruption import end_at_once, keep_exit_code

__all__ = ["main"]


def main() -> None:
    """Run a command; errors of this project are told without a traceback and end with 1, an interruption with 130."""
    end_at_once()
    from supa_assets.cli.commands import run_command  # noqa: PLC0415 - click takes a tenth of a second

    code = run_command()
    keep_exit_code(code)
    sys.exit(code)
