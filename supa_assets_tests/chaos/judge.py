"""Whether a folder holds a whole export of one instant, by docs/FORMAT.md and the standard library alone.

It imports nothing of what it judges: a fault of the package's own reading can't excuse one of its writing.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

__all__ = ["TABLES", "find_faults", "is_unfinished", "list_digests"]

TABLES = {"accounts", "banks", "statements", "transfers"}


def list_digests(folder: Path) -> dict[str, str]:
    """By name, the SHA-256 of each file that an export is made of: what lies openly there, but for export.log."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.iterdir())
        if path.is_file() and not path.name.startswith(".") and path.name != "export.log"
    }


def is_unfinished(folder: Path) -> bool:
    """Whether a publication was decided and not brought to its end."""
    return any(folder.glob(".supa-assets/*/.journal"))


def find_faults(folder: Path) -> list[str]:
    """Everything that keeps the folder from being a whole export; empty for one that is."""
    try:
        metadata = json.loads((folder / "metadata.json").read_bytes())
        faults, rows = _read_tables(folder, metadata)
    except (OSError, ValueError, KeyError, TypeError) as error:
        return [f"the export can't be read: {error!r}"]
    return [*faults, *_find_strangers(folder, metadata), *_find_instants(metadata, rows)]


def _read_tables(
    folder: Path, metadata: dict[str, Any]
) -> tuple[list[str], dict[str, list[dict[str, Any]]]]:
    faults, rows = [], {}
    if metadata["tables"].keys() != TABLES:
        faults.append(f"the tables are {sorted(metadata['tables'])}")
    for name, entry in metadata["tables"].items():
        data = (folder / entry["file"]).read_bytes()
        rows[name] = json.loads(data)
        found = {
            "byteCount": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
            "rowCount": len(rows[name]),
            "sourceRowCount": len(rows[name]),
        }
        faults += [
            f"{entry['file']}: {what} is {entry[what]}, found {value}"
            for what, value in found.items()
            if entry[what] != value
        ]
    return faults, rows


def _find_strangers(folder: Path, metadata: dict[str, Any]) -> list[str]:
    known = {entry["file"] for entry in metadata["tables"].values()} | {"metadata.json"}
    return [f"{name} is of no export" for name in list_digests(folder) if name not in known]


def _find_instants(metadata: dict[str, Any], rows: dict[str, list[dict[str, Any]]]) -> list[str]:
    """Money that was moved while an export read shows in all of its files, or in none."""
    faults = []
    if len({json.dumps(entry["snapshot"]) for entry in metadata["tables"].values()}) != 1:
        faults.append("the tables are of several snapshots")
    [bank] = rows["banks"]
    if len(rows["transfers"]) != int(bank["transfer_count"]):
        faults.append(
            f"{bank['transfer_count']} transfers are counted, {len(rows['transfers'])} are there"
        )
    start = int(bank["start_balance"])
    expected = Counter({account["id"]: start for account in rows["accounts"]})
    for transfer in rows["transfers"]:
        expected[transfer["payer_id"]] -= int(transfer["amount"])
        expected[transfer["payee_id"]] += int(transfer["amount"])
    faults += [
        f"account {account['id']} holds {account['balance']}, its transfers leave it"
        f" {expected[account['id']]}"
        for account in rows["accounts"]
        if int(account["balance"]) != expected[account["id"]]
    ]
    return faults
