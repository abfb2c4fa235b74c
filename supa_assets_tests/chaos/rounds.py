"""Round after round: an export is begun and struck, and what it left and said is judged."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from supa_assets_tests.chaos.attacks import Attack, Victim, striking
from supa_assets_tests.chaos.judge import find_faults, is_unfinished, list_digests
from supa_assets_tests.chaos.moments import Moment, draw_moment
from supa_assets_tests.support.databases import Database
from supa_assets_tests.support.proxy import Proxy

__all__ = ["OUTCOMES", "Chaos", "Outcome", "Round"]

Outcome = Literal["published", "kept", "finished later"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)

_LONGEST_S = 120.0
_GONE_WITHIN_S = 15.0


@dataclass(frozen=True)
class Round:
    """An export that was struck, and what became of the folder."""

    attack: str
    moment: str
    exit_code: int | None
    outcome: Outcome
    """`finished later`: it was struck between the decision and its last rename."""
    faults: list[str]


@dataclass
class Chaos:
    """A folder with a good export, the database that it is of, and what happens to them."""

    database: Database
    folder: Path
    """Of the files; the disk can be filled where it is a small file system of its own."""
    chance: random.Random

    def run(self, attacks: Iterable[Attack]) -> Iterator[Round]:
        """A round for each of them, after an export that nobody disturbs."""
        with Proxy(self.database.server.port, lambda *_: True) as line:
            longest_s = self._export_undisturbed(line)
            for attack in attacks:
                moment = draw_moment(self.chance, self.folder, longest_s=longest_s)
                yield self._run_round(line, attack, moment)

    def _export_undisturbed(self, line: Proxy) -> float:
        """How many seconds it took."""
        started = time.monotonic()
        process = self._start(line)
        said, _ = process.communicate(timeout=_LONGEST_S)
        assert process.returncode == 0, said.decode()
        return time.monotonic() - started

    def _run_round(self, line: Proxy, attack: Attack, moment: Moment) -> Round:
        before = list_digests(self.folder)
        process = self._start(line)
        victim = Victim(process, self.database, line, self.folder, lambda: self._start(line))
        moment.wait(process)
        with striking(attack, victim):
            said, faults = self._wait(process)
        faults += self._find_sessions_left()
        unfinished = is_unfinished(self.folder)
        if unfinished:
            faults += self._finish()
        after = list_digests(self.folder)
        faults += find_faults(self.folder)
        has_changed = after != before
        if attack.is_harmless and process.returncode != 0:
            faults.append(f"it failed: {said[-500:]}")
        if attack.name != "another export into the same folder":
            faults += _find_lies(said, process.returncode, has_published=has_changed)
        outcome: Outcome = (
            "finished later" if unfinished else "published" if has_changed else "kept"
        )
        return Round(attack.name, moment.name, process.returncode, outcome, faults)

    def _start(self, line: Proxy) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [_program(), "export", "--output-dir", self.folder],
            cwd=self.folder.parent,
            env=self._environment(line.port),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def _environment(self, port: int) -> dict[str, str]:
        url = self.database.url.replace(f":{self.database.server.port}/", f":{port}/")
        return {**os.environ, "SUPABASE_DB_URL": url, "PYTHONWARNINGS": "ignore"}

    def _wait(self, process: subprocess.Popen[bytes]) -> tuple[str, list[str]]:
        try:
            said, _ = process.communicate(timeout=_LONGEST_S)
        except subprocess.TimeoutExpired:
            process.kill()
            said, _ = process.communicate()
            return said.decode(), [f"it had not ended after {_LONGEST_S:g} s"]
        return said.decode(), []

    def _find_sessions_left(self) -> list[str]:
        """Transactions that an export left behind would keep the source from cleaning up."""
        deadline = time.monotonic() + _GONE_WITHIN_S
        while count := self.database.fetch_value(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE application_name = 'supa-assets' AND datname = current_database()"
        ):
            if time.monotonic() > deadline:
                return [f"{count} of its sessions were left on the server"]
            time.sleep(0.05)
        return []

    def _finish(self) -> list[str]:
        """A reader tells of an unfinished publication and changes nothing; asked to, it finishes it."""
        before = _list_everything(self.folder)
        faults = []
        if self._verify() == 0:
            faults.append("verify said nothing of an unfinished publication")
        if _list_everything(self.folder) != before:
            faults.append("verify changed the folder")
        if self._verify("--recover") != 0:
            faults.append("verify --recover failed")
        if is_unfinished(self.folder):
            faults.append("verify --recover left the publication unfinished")
        return faults

    def _verify(self, *options: str) -> int:
        command = [str(_program()), "verify", *options, str(self.folder)]
        return subprocess.run(command, capture_output=True, check=False).returncode


def _program() -> Path:
    return Path(sys.executable).parent / "supa-assets"


def _list_everything(folder: Path) -> list[tuple[str, int, int]]:
    return sorted(
        (str(path.relative_to(folder)), path.lstat().st_ino, path.lstat().st_mtime_ns)
        for path in folder.rglob("*")
    )


def _find_lies(said: str, exit_code: int, *, has_published: bool) -> list[str]:
    """What it said of the outcome, against what lies in the folder."""
    faults = []
    if "Traceback" in said:
        faults.append(f"it showed a traceback: {said[-500:]}")
    if exit_code == 0 and not has_published:
        faults.append("it ended with 0, and nothing was published")
    if "\nexported " in said and not has_published:
        faults.append("it said that it exported, and nothing was published")
    if "nothing was published" in said and has_published:
        faults.append("it said that nothing was published, and something was")
    if exit_code > 0 and not said.strip():
        faults.append("it failed without a word")
    return faults
