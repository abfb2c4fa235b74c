"""The folder of what this program remembers from run to run."""

from __future__ import annotations

import logging
import os
from functools import lru_cache
from pathlib import Path

from supa_assets.errors import OutputError
from supa_assets.files.private import make_private_folder
from supa_assets.settings import Places

__all__ = ["explain_state_folder", "prepare_state_folder"]

_log = logging.getLogger("supa_assets")


def prepare_state_folder(places: Places) -> Path | None:
    """Make the folder, for its user alone; None where there is none to be had, as in many a container.

    That is told in one line, once in a process, since only what is remembered is lost: a DAGSTER_HOME, too, may be
    read-only and hold no more than dagster.yaml. A folder that the setting names must serve: if it can't be written to,
    it raises OutputError.
    """
    folder = places.state_folder()
    if folder is None:
        _tell_that_nothing_is_remembered("there is no home folder")
        return None
    try:
        make_private_folder(folder)
        if os.access(folder, os.W_OK | os.X_OK):
            return folder
        reason = "it is read-only"
    except OSError as error:
        reason = error.strerror or str(error)
    if places.state is not None:
        raise explain_state_folder(folder, reason)
    _tell_that_nothing_is_remembered(f'"{folder}" can\'t be written to: {reason}')
    return None


def explain_state_folder(folder: Path, reason: str | None) -> OutputError:
    """What keeps the folder from being written to."""
    return OutputError(
        f'the state folder "{folder}" can\'t be written to: {reason}',
        hint="make the folder writable, or name another one in SUPA_ASSETS_STATE.",
        path=str(folder),
    )


@lru_cache
def _tell_that_nothing_is_remembered(reason: str) -> None:
    _log.warning(
        "the catalogue, and Dagster's history where it has no place of its own, are not kept: %s;"
        " name a folder for them in SUPA_ASSETS_STATE",
        reason,
    )
