"""The program as a whole: its commands, and how an error leaves it."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from supa_assets.cli.main import COMMANDS, commands, main


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., int]]:
    """Call the program in this process; gives its exit code."""
    before = signal.getsignal(signal.SIGTERM)

    def call(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["supa-assets", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0)

    yield call
    signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_listed_with_what_it_does(name: str) -> None:
    listed = CliRunner().invoke(commands, ["--help"]).output
    command = getattr(import_module(f"supa_assets.cli.{name}"), name)
    assert isinstance(command, click.Command)
    assert f"\n  {name} " in listed
    assert command.get_short_help_str(limit=30).removesuffix("...") in listed


def test_an_error_of_ours_is_told_with_its_hint_and_ends_with_1(
    run: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("verify", str(tmp_path)) == 1
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith('error: "')
    assert said[1].startswith("HINT: ")
    assert len(said) == 2


def test_a_wrong_command_line_ends_with_2(
    run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("verifi") == 2
    assert "No such command 'verifi'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [(KeyboardInterrupt(), 130, "interrupted\n"), (BrokenPipeError(), 1, "")],
    ids=["Ctrl-C", "closed pipe"],
)
def test_an_ending_from_outside_is_no_traceback(
    run: Callable[..., int],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    code: int,
    said: str,
) -> None:
    def end(**_: object) -> None:
        raise error

    monkeypatch.setattr(commands, "main", end)
    assert run("export") == code
    assert capsys.readouterr().err == said
