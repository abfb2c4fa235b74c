"""`python -m supa_assets_tests.chaos`: as many rounds as are asked for, and a table of what became of them."""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from supa_assets.demo.server import EmbeddedServer
from supa_assets_tests.chaos.attacks import ATTACKS, list_attacks
from supa_assets_tests.chaos.bank import SCHEMA, Writers
from supa_assets_tests.chaos.rounds import OUTCOMES, Chaos, Round
from supa_assets_tests.support.databases import new_database
from supa_assets_tests.support.disks import mount_small_disk, unmount
from supa_assets_tests.support.servers import WAL_SETTINGS, quick_folder

_DISK_SIZE = "64m"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the rounds; 1 if anything was found."""
    parser = argparse.ArgumentParser(prog="python -m supa_assets_tests.chaos", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    given = parser.parse_args(arguments)
    print(f"{given.rounds} rounds, seed {given.seed}")
    rounds = []
    with _chaos(given.seed) as chaos:
        possible = list_attacks(chaos.folder)
        for attack in set(ATTACKS) - set(possible):
            print(f"not possible here: {attack.name}")
        drawn = [chaos.chance.choice(possible) for _ in range(given.rounds)]
        for number, found in enumerate(chaos.run(drawn), start=1):
            rounds.append(found)
            _tell(number, found)
    _sum_up(rounds)
    return 1 if any(found.faults for found in rounds) else 0


@contextmanager
def _chaos(seed: int) -> Iterator[Chaos]:
    server = EmbeddedServer(quick_folder("supa-assets-chaos-"))
    base = Path(tempfile.mkdtemp(prefix="supa-assets-chaos-"))
    folder = base / "migration-data"
    folder.mkdir()
    problem = mount_small_disk(folder, size=_DISK_SIZE)
    try:
        server.start(settings=WAL_SETTINGS)
        with new_database(server) as database:
            database.execute(SCHEMA)
            with Writers(database, seed=seed):
                yield Chaos(database, folder, random.Random(seed))
    finally:
        server.remove()
        if problem is None:
            unmount(folder)
        shutil.rmtree(base, ignore_errors=True)  # what an export that still runs makes


def _tell(number: int, found: Round) -> None:
    print(
        f"{number:4}  {found.attack:36}{found.moment:20}{found.exit_code!s:>5}  {found.outcome}",
        flush=True,
    )
    for fault in found.faults:
        print(f"      FAULT: {fault}", flush=True)


def _sum_up(rounds: Sequence[Round]) -> None:
    counts = Counter((found.attack, found.outcome) for found in rounds)
    print(f"\n{'':36}" + "".join(f"{outcome:>16}" for outcome in OUTCOMES))
    for attack in sorted({found.attack for found in rounds}):
        print(f"{attack:36}" + "".join(f"{counts[attack, o]:16}" for o in OUTCOMES))
    faults = sum(len(found.faults) for found in rounds)
    print(f"\n{len(rounds)} rounds, {faults or 'no'} faults")


if __name__ == "__main__":
    sys.exit(main())
