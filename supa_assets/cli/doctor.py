"""`supa-assets doctor`."""

from __future__ import annotations

import sys
import textwrap

import click

from supa_assets.cli.report import build_console
from supa_assets.export.doctor import Finding, run_doctor
from supa_assets.settings import load_settings
from supa_assets.visible import keep_own_lines, one_line

__all__ = ["doctor"]

EXIT_FAILED = 1

_MARKS = {"ok": "ok       ", "warning": "warning  ", "problem": "PROBLEM  "}
_SUBJECT_WIDTH = 18


@click.command()
def doctor() -> None:
    """Say what works on the way to your data, and how to mend what doesn't.

    Connects to the database of SUPABASE_DB_URL, reads its catalogue and no table: server, role and its
    rights, row-level security, pooler, TLS, timeouts, free connections, and how much an export would
    read. Exits with 1 where something would keep an export from its end.
    """
    examined = run_doctor(load_settings())
    out = build_console()
    for finding in examined.findings:
        out.print(_render(finding), soft_wrap=True)
    if not examined.is_well:
        sys.exit(EXIT_FAILED)


def _render(finding: Finding) -> str:
    head = f"{_MARKS[finding.level]}{finding.subject:<{_SUBJECT_WIDTH}}"
    lines = f"{head}{one_line(finding.text)}"
    if finding.hint:
        lines += "\n" + textwrap.indent(
            f"HINT: {keep_own_lines(finding.hint)}", " " * len(_MARKS["ok"])
        )
    return lines
