"""Programs as a user runs them, in folders as a user has them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

__all__ = ["EXPORT_PROGRAM", "ORPHAN_PROGRAM", "REPOSITORY", "make_checkout", "run_program"]

REPOSITORY = Path(__file__).parents[2]
EXPORT_PROGRAM = Path(__file__).with_name("export_program.py")
"""Run by a path, as `python export_program.py <URL> <folder>`."""
ORPHAN_PROGRAM = Path(__file__).with_name("orphan_program.py")
"""As `python orphan_program.py <how it is made> <behaviour>`."""


def run_program(
    *arguments: str, folder: Path, **environment: str | None
) -> subprocess.CompletedProcess[str]:
    """Run one of the venv's programs; a variable that is None is unset."""
    variables = {**os.environ, "PYTHONWARNINGS": "ignore", **environment}
    return subprocess.run(
        [Path(sys.executable).parent / arguments[0], *arguments[1:]],
        cwd=folder,
        env={name: value for name, value in variables.items() if value is not None},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


def make_checkout(folder: Path) -> None:
    """What Dagster reads of a checkout: its configuration, the package being installed."""
    for name in ("pyproject.toml", "dagster.yaml", "workspace.yaml"):
        shutil.copy(REPOSITORY / name, folder / name)
