"""The commands, each imported when it is asked for, and how an error leaves them."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.metadata import version

import click

from supa_assets.cli.border import guard_streams
from supa_assets.cli.interruption import EXIT_INTERRUPTED, ending_at_once, interrupt
from supa_assets.cli.report import build_console
from supa_assets.errors import SupaAssetsError

__all__ = ["COMMANDS", "commands", "run_command"]

EXIT_FAILED = 1

COMMANDS = ("demo", "doctor", "export", "prove", "restore", "tables", "verify")


class _LateCommands(click.Group):
    """Imports a command when it is asked for: `verify` reads files alone, and starts without psycopg."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        with ending_at_once():
            module = import_module(f"supa_assets.cli.{cmd_name}")
        command: click.Command = getattr(module, cmd_name)
        return command


@click.group(
    cls=_LateCommands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(version("supa-assets"), prog_name="supa-assets")
def commands() -> None:
    """Export every row of a Supabase database to JSON files, and prove it.

    Set SUPABASE_DB_URL to your project's connection string (Dashboard, Connect), then:

    \b
        supa-assets doctor              what works on the way to it, and what to mend
        supa-assets export --dry-run    what would be exported, and how
        supa-assets export              export it to ./migration-data
        supa-assets verify              read the files back, without the database

    Without a database at hand, `supa-assets demo` shows it all on a PostgreSQL of its own.
    """  # noqa: D301 - click wants the backspace itself


def run_command() -> int:
    """Run what the command line says; gives the exit code."""
    guard_streams()
    interrupt()
    try:
        code = commands.main(standalone_mode=False)
    except SystemExit as ended:
        code = ended.code
    except SupaAssetsError as error:
        build_console(to_stderr=True).print(f"error: {error}", soft_wrap=True)
        code = EXIT_FAILED
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        print("interrupted", file=sys.stderr)
        code = EXIT_INTERRUPTED
    except BrokenPipeError:
        code = EXIT_FAILED  # whoever read the output went away
    return code if isinstance(code, int) else 0
