"""Measure this program beside others: `python -m benchmarks --rows 2000000`.

It makes a server and a database of its own in a folder, fills one table after the other, and runs every program in
turn, round after round, so that what disturbs the machine disturbs all of them. What each wrote is counted. Times are
those of whole processes, start included. Ratios are of medians, to `export (2 streams)`: above 1 is slower than it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import psycopg

from benchmarks.measure import Cost, measure
from benchmarks.peers import Peer, all_peers
from benchmarks.shapes import SHAPES, Shape
from supa_assets.demo.server import EmbeddedServer

Costs = Mapping[str, Sequence[Cost]]

_REFERENCE = "export (2 streams)"
_BY_DEFAULT = [name for name in SHAPES if name not in ("hundred", "many")]
"""The others take minutes a round, and say something of Dagster's events alone."""


def main() -> None:
    options = _parse()
    folder = options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    with EmbeddedServer(folder / "server") as server:
        _say_where(server)
        for peer in all_peers(streams=options.streams, columns="*"):
            if peer.missing and _is_wanted(peer, options.only):
                print(f"skipped: {peer.name}: {peer.missing}")
        for name in options.shapes:
            shape = SHAPES[name]
            rows = _fill(server, shape, options.rows)
            peers = all_peers(
                streams=options.streams, columns=shape.columns, table_count=shape.table_count
            )
            able = [
                peer
                for peer in peers
                if not peer.missing and _is_wanted(peer, options.only) and _can_read(peer, shape)
            ]
            costs = _run_rounds(server, shape, able, rows, options.rounds, folder)
            _print(shape, rows, costs)
            if options.json:
                _append_json(options.json, shape, rows, costs)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--shapes", nargs="+", choices=SHAPES, default=_BY_DEFAULT)
    parser.add_argument("--only", nargs="+", help="programs whose names begin so")
    parser.add_argument("--folder", type=Path, default=Path("benchmark-data"))
    parser.add_argument(
        "--json", type=Path, help="append the figures to this file, a line for each shape"
    )
    return parser.parse_args()


def _is_wanted(peer: Peer, only: Sequence[str] | None) -> bool:
    return only is None or any(peer.name.startswith(name) for name in only)


def _can_read(peer: Peer, shape: Shape) -> bool:
    if shape.peers is None:
        return peer.group not in ("materialize", "dagster floor")
    return peer.group in shape.peers and "ordered)" not in peer.name.removeprefix("export")


def _say_where(server: EmbeddedServer) -> None:
    with psycopg.connect(server.url(user=server.superuser)) as connection:
        row = connection.execute("SELECT version()").fetchone()
    print(f"{platform.platform()}, {os.cpu_count()} processors, Python {platform.python_version()}")
    print(row[0] if row else "")


def _fill(server: EmbeddedServer, shape: Shape, rows: int) -> int:
    """Make the shape's database anew; the exact number of its rows."""
    name = f"benchmark_{shape.name}"
    with psycopg.connect(server.url(user=server.superuser), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name}".encode())
        connection.execute(f"CREATE DATABASE {name} OWNER postgres".encode())
    url = server.url(name, user=server.superuser)
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in shape.statements(rows).split(";"):
            if statement.strip():
                connection.execute(statement.encode())
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")
        tables = connection.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        ).fetchall()
        counts = [
            connection.execute(f"SELECT count(*) FROM {t}".encode()).fetchone() for (t,) in tables
        ]
    return sum(int(count[0]) for count in counts if count)


def _run_rounds(
    server: EmbeddedServer,
    shape: Shape,
    peers: Sequence[Peer],
    rows: int,
    rounds: int,
    folder: Path,
) -> Costs:
    costs: defaultdict[str, list[Cost]] = defaultdict(list)
    url = server.url(f"benchmark_{shape.name}")
    for number in range(rounds):
        for peer in peers:
            if peer.is_slow and number:
                continue
            path = folder / "out"
            _clear(folder)
            (folder / "out.home").mkdir()
            (folder / "out.home" / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
            if peer.prepare:
                subprocess.run(peer.prepare(url, path), check=True, stdout=subprocess.DEVNULL)
            cost = measure(
                peer.command(url, path),
                server_pid=server.pid,
                environment={"PGOPTIONS": "-c jit=off", **peer.environment},
                log=folder / "log",
            )
            written = peer.count_rows(path)
            if written not in (None, rows):
                raise SystemExit(f"{peer.name} wrote {written} of {rows} rows; see {folder}")
            costs[peer.name].append(cost)
            print(
                f"{shape.name} {number + 1}/{rounds} {peer.name}: {cost.wall_s:.2f} s",
                file=sys.stderr,
            )
    _clear(folder)
    return costs


def _clear(folder: Path) -> None:
    for path in folder.glob("out*"):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    subprocess.run(["sync"], check=True)  # one program's dirty pages are not the next one's  # noqa: S607


def _print(shape: Shape, rows: int, costs: Costs) -> None:
    print(f"\n{shape.title}, {rows} rows")
    print(
        "| program | runs | seconds, median (least to most) | ratio | client MB | client CPU s | server CPU s |"
    )
    print("|---|---|---|---|---|---|---|")
    reference = statistics.median(
        run.wall_s for run in costs.get(_REFERENCE, next(iter(costs.values())))
    )
    for name, runs in costs.items():
        walls = sorted(run.wall_s for run in runs)
        median = statistics.median(walls)
        print(
            f"| {name} | {len(runs)} | {median:.2f} ({walls[0]:.2f} to {walls[-1]:.2f}) | {median / reference:.2f}"
            f" | {max(run.peak_mb for run in runs):.0f}"
            f" | {statistics.median(run.client_cpu_s for run in runs):.1f}"
            f" | {statistics.median(run.server_cpu_s for run in runs):.1f} |"
        )
    sys.stdout.flush()


def _append_json(path: Path, shape: Shape, rows: int, costs: Costs) -> None:
    figures = {name: [vars(cost) for cost in runs] for name, runs in costs.items()}
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"shape": shape.name, "rows": rows, "costs": figures}) + "\n")


if __name__ == "__main__":
    main()
