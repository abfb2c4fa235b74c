"""The commands, and how an error leaves them."""

from __future__ import annotations

import sys
from importlib import import_module

import click
import pytest
from click.testing import CliRunner

from supa_assets.cli.commands import COMMANDS, commands, run_command


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_listed_with_what_it_does(name: str) -> None:
    listed = CliRunner().invoke(commands, ["--help"]).output
    command = getattr(import_module(f"supa_assets.cli.{name}"), name)
    assert isinstance(command, click.Command)
    assert f"\n  {name} " in listed
    assert command.get_short_help_str(limit=30).removesuffix("...") in listed


@pytest.mark.parametrize(
    ("ending", "code"), [(SystemExit(3), 3), (SystemExit(), 0), (KeyboardInterrupt(), 130)]
)
def test_an_ending_of_any_kind_is_an_exit_code(
    monkeypatch: pytest.MonkeyPatch, ending: BaseException, code: int
) -> None:
    def end(**_: object) -> None:
        raise ending

    monkeypatch.setattr(commands, "main", end)
    assert run_command() == code


def test_help_is_no_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["supa-assets", "--help"])
    assert run_command() == 0
    assert "supa-assets doctor" in capsys.readouterr().out
