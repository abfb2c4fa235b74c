"""Options and arguments that several commands take alike."""

from __future__ import annotations

from pathlib import Path

import click
from click.testing import CliRunner

from supa_assets.cli.options import output_dir_option
from supa_assets.cli.restore import folder_argument


@click.command()
@output_dir_option
@folder_argument
def show(output_dir: Path | None, folder: Path | None) -> None:
    click.echo(f"{output_dir!r} {folder!r}")


def shown(*arguments: str) -> str:
    done = CliRunner().invoke(show, arguments)
    assert done.exit_code == 0, done.output
    return done.output.strip()


def test_folders_are_paths_and_none_where_they_are_not_given() -> None:
    assert shown() == "None None"
    assert shown("--output-dir", "out", "in") == f"{Path('out')!r} {Path('in')!r}"


def test_the_help_says_where_the_default_comes_from() -> None:
    assert "SUPA_ASSETS_OUTPUT, else ./migration-data" in " ".join(shown("--help").split())
