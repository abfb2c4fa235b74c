"""Whose user PostgreSQL's programs run as, and what that user can reach.

PostgreSQL refuses to run as root. Where we are root, its programs run as an account that every
system has; none is made, and no folder above our own gets other permissions.
"""

from __future__ import annotations

import os
import pwd
import subprocess
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from supa_assets.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_UNPRIVILEGED = ("nobody", "daemon")
_TIMEOUT_S = 120


@dataclass(frozen=True)
class Account:
    uid: int
    gid: int
    is_ours: bool

    def run(
        self,
        command: Sequence[str | Path],
        *,
        text_in: str = "",
        log: IO[str] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a program as this user and wait for it.

        `log` takes what it writes, and what a server that it leaves behind will write: the open
        file is inherited, so it may lie where the user itself can't go. Raises nothing for an exit
        code other than 0.
        """
        return subprocess.run(
            command,
            input=text_in,
            stdout=log or subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=_without_libpq_variables() | dict(environment or {}),
            cwd="/",
            user=None if self.is_ours else self.uid,
            group=None if self.is_ours else self.gid,
            extra_groups=None if self.is_ours else [],
            text=True,
            check=False,
            timeout=_TIMEOUT_S,
        )

    def can_run(self, program: Path) -> bool:
        try:
            return self.run([program, "--version"]).returncode == 0
        except OSError:
            return False

    def can_enter(self, folder: Path) -> bool:
        """Ask the system rather than add up mode bits: access lists and mounts count too."""
        try:
            return self.run(["/bin/sh", "-c", 'cd -- "$0"', folder]).returncode == 0
        except OSError:
            return False

    def give(self, path: Path) -> None:
        if not self.is_ours:
            os.chown(path, self.uid, self.gid)


def server_account() -> Account:
    """The user that we are; where that is root, `nobody` or else `daemon`."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid(), is_ours=True)
    for name in _UNPRIVILEGED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid, is_ours=False)
    raise SettingsError(
        f"PostgreSQL does not run as root, and the system has no user {' or '.join(_UNPRIVILEGED)}",
        hint="run the demo as an ordinary user",
    )


def _without_libpq_variables() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")}
