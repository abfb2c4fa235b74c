"""An export as the command line runs it, in a process that a test can signal: URL, output folder.

It prints a line once it has read the catalogue, and waits for one of its input before it begins.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pydantic import SecretStr

from supa_assets.export.known_plan import read_or_recall_plan
from supa_assets.orchestration.instance import open_instance
from supa_assets.orchestration.run import run_export
from supa_assets.settings import load_settings


def main(url: str, output: str) -> None:
    settings = load_settings(
        output=Path(output), auth=False, database_url=SecretStr(url), lock_timeout_s=60
    )
    plan = read_or_recall_plan(settings).plan
    print("planned", flush=True)
    sys.stdin.readline()
    with open_instance(settings) as instance:
        result = run_export(settings, plan, instance=instance)
    print(f"interrupted={result.is_interrupted} success={result.is_success} {result.error or ''}")
    for table in result.tables.values():
        print(table.name, table.status, table.error)


if __name__ == "__main__":
    main(*sys.argv[1:])
