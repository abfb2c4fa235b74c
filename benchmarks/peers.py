"""Who is measured, as commands that write a file or a folder; each tells how many rows it wrote."""

from __future__ import annotations

import importlib.util
import re
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from supa_assets.demo.server import binaries

__all__ = ["Peer", "all_peers"]

_HERE = Path(__file__).parent
_COUNT_ROWS = re.compile(rb'^\s*[\[,]?\s*\{"', re.MULTILINE)


@dataclass(frozen=True)
class Peer:
    name: str
    """A group's members differ in what stands in brackets: `export (2 streams)`."""
    command: Callable[[str, Path], list[str]]
    """From the database's URL and the output's path."""
    count_rows: Callable[[Path], int | None]
    missing: str | None = None
    """Why it can't run here."""
    is_slow: bool = False
    """Runs in the first round only."""
    environment: dict[str, str] = field(default_factory=dict)
    prepare: Callable[[str, Path], list[str]] | None = None
    """Run before it, not measured."""

    @property
    def group(self) -> str:
        return self.name.partition(" (")[0]


def all_peers(*, streams: Sequence[int], columns: str, table_count: int = 1) -> list[Peer]:
    query = f"SELECT {columns} FROM readings"
    return [
        *(_export(n, order) for order in ("primary_key", "physical") for n in streams),
        Peer("command (2 streams)", _command, _count_folder),
        Peer("check", _check, lambda _: None, prepare=_export(2, "primary_key").command),
        Peer("materialize", _materialize, _count_folder),
        Peer("dagster floor", _floor(table_count), lambda _: None),
        _psql("copy json", f"COPY (SELECT row_to_json(r) FROM ({query}) AS r) TO STDOUT"),
        _psql(
            "copy json (ordered)",
            f"COPY (SELECT row_to_json(r) FROM ({query} ORDER BY id) AS r) TO STDOUT",
        ),
        Peer(
            "copy binary",
            _psql_command("COPY readings TO STDOUT (FORMAT binary)"),
            lambda _: None,
        ),
        Peer("pg_dump", _pg_dump, _count_dump),
        *(_duckdb(kind) for kind in ("lossless", "lossless ordered", "as they come")),
        Peer(
            "node",
            lambda url, path: ["node", str(_HERE / "node" / "export.js"), url, str(path)],
            _count_lines,
            _without("node") or _without_node_modules(),
            is_slow=True,
        ),
        Peer(
            "dlt",
            lambda url, path: [sys.executable, str(_HERE / "run_dlt.py"), url, str(path)],
            _count_folder,
            _without_module("dlt"),
            is_slow=True,
        ),
    ]


def _export(streams: int, order: str) -> Peer:
    suffix = "stream" if streams == 1 else "streams"
    unordered = "" if order == "primary_key" else ", not ordered"
    return Peer(
        f"export ({streams} {suffix}{unordered})",
        lambda url, path: [
            sys.executable,
            "-m",
            "benchmarks.run_export",
            url,
            str(path),
            str(streams),
            order,
        ],
        _count_folder,
    )


def _command(url: str, path: Path) -> list[str]:
    return [
        "env", f"SUPABASE_DB_URL={url}", f"SUPA_ASSETS_STATE={path}.state", f"DAGSTER_HOME={path}.home",
        sys.executable, "-c", "from supa_assets.cli.main import main; main()",
        "export", "--skip-auth", "--output-dir", str(path),
    ]  # fmt: skip


def _check(_url: str, path: Path) -> list[str]:
    return [sys.executable, "-m", "benchmarks.run_check", str(path)]


_DAGSTER = (sys.executable, "-m", "dagster", "asset", "materialize", "--select", "*")


def _materialize(url: str, path: Path) -> list[str]:
    return [
        "env", f"SUPABASE_DB_URL={url}", f"SUPA_ASSETS_STATE={path}.state", f"DAGSTER_HOME={path}.home",
        f"SUPA_ASSETS_OUTPUT={path}", "SUPA_ASSETS_AUTH=false", *_DAGSTER, "-m", "supa_assets.code_location",
    ]  # fmt: skip


def _floor(table_count: int) -> Callable[[str, Path], list[str]]:
    return lambda _, path: [
        "env", f"DAGSTER_HOME={path}.home", f"FLOOR_TABLES={table_count}",
        *_DAGSTER, "-f", str(_HERE / "run_floor.py"),
    ]  # fmt: skip


def _psql(name: str, copy: str) -> Peer:
    return Peer(name, _psql_command(copy), _count_lines)


def _psql_command(copy: str) -> Callable[[str, Path], list[str]]:
    return lambda url, path: [str(binaries() / "psql"), url, "-qXc", copy, "-o", str(path)]


def _pg_dump(url: str, path: Path) -> list[str]:
    return [str(binaries() / "pg_dump"), url, "--data-only", "--file", str(path)]


def _duckdb(kind: str) -> Peer:
    return Peer(
        f"duckdb ({kind})",
        lambda url, path: [sys.executable, str(_HERE / "run_duckdb.py"), url, str(path), kind],
        _count_lines,
        _without_module("duckdb") or _without_module("duckdb_extension_postgres_scanner"),
    )


def _without(program: str) -> str | None:
    return None if shutil.which(program) else f"{program} is not installed"


def _without_node_modules() -> str | None:
    is_installed = (_HERE / "node" / "node_modules").exists()
    return None if is_installed else "npm install was not run in benchmarks/node"


def _without_module(name: str) -> str | None:
    return None if importlib.util.find_spec(name) else f"{name} is not installed"


def _count_lines(path: Path) -> int:
    """Rows of a file that has one to a line."""
    count, rest = 0, b""
    with path.open("rb") as file:
        while block := file.read(1 << 24):
            lines, newline, rest = (rest + block).rpartition(b"\n")
            count += len(_COUNT_ROWS.findall(lines)) if newline else 0
    return count + len(_COUNT_ROWS.findall(rest))


def _count_folder(path: Path) -> int:
    files = [
        file
        for file in path.rglob("*.json*")
        if not any(part.startswith((".", "_")) for part in file.relative_to(path).parts)
        and file.name != "metadata.json"
    ]
    return sum(_count_lines(file) for file in files)


def _count_dump(path: Path) -> int:
    r"""Rows between `COPY … FROM stdin;` and `\.`."""
    count, is_data = 0, False
    with path.open("rb") as file:
        for line in file:
            if is_data:
                is_data = line != b"\\.\n"
                count += is_data
            else:
                is_data = line.startswith(b"COPY ")
    return count
