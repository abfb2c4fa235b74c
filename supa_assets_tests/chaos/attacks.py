"""What may happen to an export while it runs."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from supa_assets_tests.support.databases import Database
from supa_assets_tests.support.disks import fill
from supa_assets_tests.support.proxy import Proxy

__all__ = ["ATTACKS", "Attack", "Victim", "list_attacks", "striking"]


@dataclass(frozen=True)
class Victim:
    """An export that is running, and all that it depends on."""

    process: subprocess.Popen[bytes]
    database: Database
    line: Proxy
    folder: Path
    start_another: Callable[[], subprocess.Popen[bytes]]


@dataclass(frozen=True)
class Attack:
    """`strike` does the harm; at the end of its context what can be mended is."""

    name: str
    strike: Callable[[Victim], Iterator[None]]
    needs_small_disk: bool = False
    is_harmless: bool = False
    """Whether the export has to succeed all the same."""


def list_attacks(folder: Path) -> list[Attack]:
    """Those that can be made on an export in the folder."""
    return [attack for attack in ATTACKS if folder.is_mount() or not attack.needs_small_disk]


def _signal(number: signal.Signals) -> Callable[[Victim], Iterator[None]]:
    def strike(victim: Victim) -> Iterator[None]:
        if victim.process.poll() is None:
            victim.process.send_signal(number)
        yield

    return strike


def _leave_alone(_: Victim) -> Iterator[None]:
    yield


def _cut_the_line(victim: Victim) -> Iterator[None]:
    for line in victim.line.lines:
        with suppress(OSError):  # it has ended already
            line.cut()
    yield


def _silence_the_line(victim: Victim) -> Iterator[None]:
    """And end it by hand, as somebody would who sees nothing come."""
    victim.line.is_deaf = True
    for line in victim.line.lines:
        line.is_silent = True
    if victim.process.poll() is None:
        victim.process.send_signal(signal.SIGTERM)
    yield
    victim.line.is_deaf = False
    for line in victim.line.lines:
        line.end()


def _end_the_sessions(victim: Victim) -> Iterator[None]:
    victim.database.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = 'supa-assets' AND datname = current_database()"
    )
    yield


def _fill_the_disk(victim: Victim) -> Iterator[None]:
    fill(victim.folder)
    yield
    (victim.folder / ".filler").unlink()


def _export_beside_it(victim: Victim) -> Iterator[None]:
    another = victim.start_another()
    yield
    another.communicate()


def _add_a_table_for_a_while(victim: Victim) -> Iterator[None]:
    """DDL that comes and goes: what a deployment does."""
    victim.database.execute("CREATE TABLE passing (id integer PRIMARY KEY)", "DROP TABLE passing")
    yield


ATTACKS = (
    Attack("none", _leave_alone, is_harmless=True),
    Attack("SIGKILL", _signal(signal.SIGKILL)),
    Attack("SIGTERM", _signal(signal.SIGTERM)),
    Attack("SIGINT", _signal(signal.SIGINT)),
    Attack("the line is cut", _cut_the_line),
    Attack("the line falls silent, then SIGTERM", _silence_the_line),
    Attack("the server ends the sessions", _end_the_sessions),
    Attack("the disk fills up", _fill_the_disk, needs_small_disk=True),
    Attack("another export into the same folder", _export_beside_it),
    Attack("a table comes and goes", _add_a_table_for_a_while, is_harmless=True),
)


@contextmanager
def striking(attack: Attack, victim: Victim) -> Iterator[None]:
    """Harm the victim now, and mend what can be mended at the end."""
    yield from attack.strike(victim)
