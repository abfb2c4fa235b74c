"""Options that several commands take."""

from __future__ import annotations

import click

__all__ = ["output_dir_option"]

output_dir_option = click.option(
    "--output-dir",
    type=click.Path(),
    metavar="DIR",
    help="Folder of the files.  [default: SUPA_ASSETS_OUTPUT, else ./migration-data]",
)
