"""Options and arguments that several commands take alike."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from supa_assets.cli.commands import commands
from supa_assets.cli.options import output_dir_option
from supa_assets.cli.restore import folder_argument
from supa_assets.errors import SettingsError


@click.command()
@output_dir_option
@folder_argument
def show(output_dir: str | None, folder: str | None) -> None:
    click.echo(f"{output_dir!r} {folder!r}")


def shown(*arguments: str) -> str:
    done = CliRunner().invoke(show, arguments)
    assert done.exit_code == 0, done.output
    return done.output.strip()


def test_places_stay_as_they_are_given_since_a_url_is_no_path() -> None:
    assert shown() == "None None"
    assert shown("--output-dir", "s3://bucket/out", "in") == "'s3://bucket/out' 'in'"


def test_the_help_says_where_the_default_comes_from() -> None:
    assert "SUPA_ASSETS_OUTPUT, else ./migration-data" in " ".join(shown("--help").split())


@pytest.mark.parametrize("command", ["export", "verify", "restore", "prove"])
def test_a_place_that_no_storage_serves_is_refused_before_a_server_is_asked(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for variable in ("SUPABASE_DB_URL", "SUPA_ASSETS_TARGET_URL"):
        monkeypatch.setenv(variable, "postgresql://nobody@127.0.0.1:1/nothing")
    option = ["--output-dir"] if command == "export" else []

    done = CliRunner().invoke(commands, [command, *option, "s3://bucket/out"])

    assert isinstance(done.exception, SettingsError)
    assert done.exception.message == 'there is no storage for "s3://"'
    assert list(tmp_path.iterdir()) == []
