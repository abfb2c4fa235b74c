"""Whatever the command line prints passes the border, by whatever way it is printed."""

from __future__ import annotations

import ast
import io
import subprocess
import sys

import click
import pytest
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from supa_assets.cli.border import guard_streams
from supa_assets.cli.report import build_console, print_columns
from supa_assets_tests.support.code import PACKAGE
from supa_assets_tests.support.hostile import FORGED, STEERING, list_steering


def test_strings_cells_and_richs_own_texts_are_escaped() -> None:
    file = io.StringIO()
    console = build_console(file)
    table = Table()
    table.add_column(STEERING)
    table.add_row(Text(STEERING), STEERING)
    for printed in (STEERING, Text(STEERING), table):
        console.print(printed, soft_wrap=True)
    assert list_steering(file.getvalue()) == []
    assert r"\x1b]0;owned\x07" in file.getvalue()


def test_columns_stay_columns_and_a_cell_is_one_line() -> None:
    file = io.StringIO()
    rows = [(f"a{STEERING}\n{FORGED}", "1"), ("b", "22")]
    print_columns(build_console(file), ("table", "rows"), rows, right="lr")
    lines = [line.rstrip() for line in file.getvalue().splitlines()]
    assert len(lines) == 3
    assert len(lines[1]) == len(lines[2])


def test_a_text_of_several_lines_keeps_indented_ones_and_its_hint() -> None:
    file = io.StringIO()
    own = "\nhead\n  item\n\nHINT: do"
    build_console(file).print(f"{own}\n{FORGED}", soft_wrap=True)
    assert file.getvalue() == f"{own}\\n{FORGED}\n"


def test_on_a_terminal_richs_sequences_stay() -> None:
    file = io.StringIO()
    console = build_console(file)
    console._force_terminal = True
    with Progress(console=console) as progress:
        progress.add_task(f"a{STEERING}", total=1)
    assert "\x1b[" in file.getvalue()
    assert "\x1b]" not in file.getvalue()


def test_print_click_and_consoles_pass_the_guarded_streams(
    capsys: pytest.CaptureFixture[str],
) -> None:
    guard_streams()
    guard_streams()
    print(STEERING)
    print("a", STEERING, file=sys.stderr)
    sys.stdout.writelines([STEERING, "\n"])
    click.echo(STEERING)
    click.UsageError(STEERING).show()
    build_console().print(STEERING)
    captured = capsys.readouterr()
    assert list_steering(captured.out + captured.err) == []
    assert captured.out.count(r"\x1b]0;owned\x07") == 4


def test_a_traceback_a_warning_and_a_log_line_pass_them_in_any_encoding() -> None:
    program = (
        "import logging, sys, warnings\n"
        "from supa_assets.cli.border import guard_streams\n"
        "guard_streams()\n"
        "text = sys.stdin.buffer.read().decode()\n"
        "print(chr(233), text)\n"
        "warnings.warn(text)\n"
        "logging.getLogger('x').warning(text)\n"
        "raise ValueError(text)\n"
    )
    done = subprocess.run(
        [sys.executable, "-X", "utf8=0", "-c", program],
        input=STEERING,
        capture_output=True,
        encoding="utf-8",
        env={"PYTHONIOENCODING": "ascii:strict", "LC_ALL": "C", "PYTHONPATH": str(PACKAGE.parent)},
        check=False,
    )
    assert done.returncode == 1
    assert list_steering(done.stdout + done.stderr) == []
    assert done.stdout.startswith(r"\xe9 ")


def test_nothing_of_the_command_line_goes_past_the_border() -> None:
    """No console of rich's own, no stream below stdout and stderr."""
    wrong = []
    for file in (PACKAGE / "cli").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            name = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            is_past = name in {"Console", "os.write", "rich.print", "BorderConsole"}
            if isinstance(node, ast.Attribute) and node.attr in {
                "buffer",
                "__stdout__",
                "__stderr__",
            }:
                is_past = True
            if is_past:
                wrong.append((file.name, name or ast.unparse(node)))
    constant = ("interruption.py", "os.write")  # a line of its own words, in a signal handler
    assert sorted(wrong) == [constant, ("report.py", "BorderConsole")]
