"""The Dagster instance of this program's own commands: the user's, else one of their own that outlives each command."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path

import dagster as dg

# What `dagster dev` itself makes of a folder and of the dagster.yaml in another. Nothing public keeps them apart.
from dagster._core.instance.ref import InstanceRef
from filelock import FileLock

from supa_assets.errors import SettingsError
from supa_assets.export.state_folder import explain_state_folder, prepare_state_folder
from supa_assets.files.private import write_private_file
from supa_assets.settings import (
    DAGSTER_HOME_VARIABLE,
    Settings,
    find_dagster_home,
    read_dotenv,
)

__all__ = ["dagster_environment", "open_instance"]

CONFIG_FILE = "dagster.yaml"
OWN_FOLDER = "dagster"
"""In the state folder."""
OWN_CONFIG = """\
# Dagster's history of what supa-assets ran where there was no instance: neither DAGSTER_HOME nor a dagster.yaml.
# The folder is a DAGSTER_HOME: with that variable set to it, `dagster dev` shows the history.
concurrency:
  pools:
    granularity: run
telemetry:
  enabled: false
nux:
  enabled: false
"""
_SILENT = {"telemetry": {"enabled": False}}
"""Our own commands neither take part in Dagster's telemetry nor print its banner, whatever the instance."""


@contextmanager
def open_instance(settings: Settings) -> Iterator[dg.DagsterInstance]:
    """The instance of DAGSTER_HOME, else the one that ./dagster.yaml describes, else our own in the state folder.

    Where no state folder is to be had, the instance is in memory. What it writes is for its user alone, but in a
    DAGSTER_HOME, whose modes are its owner's affair: so the process's umask is changed while the instance is open. Open
    it in a process of your own. Raises SettingsError for a DAGSTER_HOME that isn't a folder.
    """
    with ExitStack() as stack:
        stack.enter_context(_dotenv_in_environment())
        home = find_dagster_home()
        if home is not None:
            yield stack.enter_context(_open_home(home))
            return
        stack.enter_context(_private_umask())
        yield stack.enter_context(_open_without_home(settings))


def dagster_environment(settings: Settings) -> dict[str, str]:
    """What lets a program of Dagster's that is started here use the instance of `open_instance`, too."""
    if find_dagster_home() is not None or Path(CONFIG_FILE).exists():
        return {}
    state = prepare_state_folder(settings.places)
    if state is None:
        return {}
    with _own_home(state) as home:
        return {DAGSTER_HOME_VARIABLE: str(home.absolute())}


def _open_home(home: Path) -> dg.DagsterInstance:
    if home.is_absolute() and home.is_dir():
        return dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(home), overrides=_SILENT))
    raise SettingsError(
        f'{DAGSTER_HOME_VARIABLE} is "{home}", which is not the absolute path of a folder',
        hint="make the folder, or unset the variable.",
    )


def _open_without_home(settings: Settings) -> dg.DagsterInstance:
    state = prepare_state_folder(settings.places)
    with _own_home(state) if state else nullcontext() as own:
        if Path(CONFIG_FILE).exists():
            return _open_here(own or Path(".dagster"))
        if own is None:
            return dg.DagsterInstance.ephemeral(settings=_SILENT)
        return dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(own), overrides=_SILENT))


def _open_here(rest: Path) -> dg.DagsterInstance:
    """As ./dagster.yaml says; what it gives no place goes to `rest`, where Dagster itself would throw it away."""
    return dg.DagsterInstance.from_ref(
        InstanceRef.from_dir(str(rest.absolute()), config_dir=str(Path.cwd()), overrides=_SILENT)
    )


@contextmanager
def _own_home(state: Path) -> Iterator[Path]:
    """For one at a time: two that make Dagster's databases at once would fail."""
    with ExitStack() as stack:
        try:
            stack.enter_context(FileLock(state / f"{OWN_FOLDER}.lock", mode=0o600))
            home = _prepare_own_home(state)
        except OSError as error:
            raise explain_state_folder(state, error.strerror) from None
        yield home


def _prepare_own_home(state: Path) -> Path:
    """Made whole or not at all: where a kill leaves a database without its tables, Dagster fails on it for good."""
    home = state / OWN_FOLDER
    if home.is_dir():
        return home
    unfinished = state / f"{OWN_FOLDER}.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    write_private_file(unfinished / CONFIG_FILE, OWN_CONFIG)
    with dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(unfinished))):
        pass
    unfinished.rename(home)
    return home


@contextmanager
def _private_umask() -> Iterator[None]:
    """Dagster makes its files with whatever mode the umask leaves."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


@contextmanager
def _dotenv_in_environment() -> Iterator[None]:
    """Under Dagster's own commands a dagster.yaml may name variables of .env, too."""
    added = {name: value for name, value in read_dotenv().items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)
