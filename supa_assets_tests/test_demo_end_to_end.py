"""The demo, as a newcomer meets it: the whole export compared value by value with psql, then Dagster's UI on it."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from supa_assets.demo.server import EmbeddedServer, binaries
from supa_assets.files.metadata import ColumnEntry, ExportMetadata, TableEntry
from supa_assets_tests.support.ui import Ui

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("demo end to end")]

REPOSITORY = Path(__file__).parents[1]
PROGRAMS = Path(sys.executable).parent
NULL = "\N{SYMBOL FOR NULL}"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A checkout's folder after `make demo`; without the user's own URL, so that it can't be touched."""
    folder = tmp_path_factory.mktemp("checkout")
    shutil.copy(REPOSITORY / "dagster.yaml", folder)
    done = run(folder, "supa-assets", "demo")
    (folder / "printed").write_text(done.stdout)
    yield folder
    run(folder, "supa-assets", "demo", "--remove")


@pytest.fixture(scope="module")
def metadata(demo: Path) -> ExportMetadata:
    path = demo / "migration-data" / "metadata.json"
    return ExportMetadata.from_json(path.read_bytes(), path=str(path))


@pytest.fixture(scope="module")
def url(demo: Path) -> str:
    server = EmbeddedServer(demo / ".demo" / "postgres")
    server.start()
    return server.url()


def test_the_demo_prints_a_line_for_each_table_and_what_to_do_next(
    demo: Path, metadata: ExportMetadata
) -> None:
    printed = (demo / "printed").read_text()

    assert len(metadata.tables) == 25
    for name, entry in metadata.tables.items():
        line = next(line for line in printed.splitlines() if line.split()[:1] == [name])
        assert line.split()[1] == f"{entry.row_count:,}"
        assert line.split()[-1] == "ok"
    assert "supa-assets demo --ui" in printed
    assert metadata.tables["sensor_readings"].row_count == 200_000


def test_every_value_is_what_psql_shows(demo: Path, metadata: ExportMetadata, url: str) -> None:
    compared = 0
    for entry in metadata.tables.values():
        rows = read_rows(demo / "migration-data" / entry.file)
        shown = list(read_with_psql(url, entry))
        assert len(rows) == len(shown) == entry.row_count == entry.source_row_count
        for row, texts in zip(rows, shown, strict=True):
            assert list(row) == [column.name for column in entry.columns]
            for column, text in zip(entry.columns, texts, strict=True):
                assert as_psql(row[column.name], column) == text, (entry.table, column)
                compared += 1
    assert compared > 2_000_000


def test_auth_users_holds_exactly_the_six_columns(demo: Path, metadata: ExportMetadata) -> None:
    rows = read_rows(demo / "migration-data" / "auth_users.json")

    assert {tuple(row) for row in rows} == {
        (
            "id",
            "email",
            "encrypted_password",
            "email_confirmed_at",
            "created_at",
            "raw_user_meta_data",
        )
    }
    assert "recovery_token" in metadata.tables["auth_users"].omitted_columns


def test_parents_come_before_children_in_the_import_order(metadata: ExportMetadata) -> None:
    place = {position.table: index for index, position in enumerate(metadata.import_order)}
    by_relation = {(e.schema_name, e.table): name for name, e in metadata.tables.items()}

    assert set(place) == set(metadata.tables)
    for name, entry in metadata.tables.items():
        for reference in entry.references:
            parent = by_relation[reference.schema_name, reference.table]
            assert parent == name or place[parent] < place[name]
    assert [(b.table, b.reason) for b in metadata.broken_references] == [("alerts", "self")]


def test_all_tables_are_of_one_snapshot(metadata: ExportMetadata) -> None:
    assert len({entry.snapshot.id for entry in metadata.tables.values()}) == 1


def test_a_second_demo_is_the_same_to_the_byte(demo: Path, metadata: ExportMetadata) -> None:
    run(demo, "supa-assets", "demo", "--output-dir", "again")

    for entry in metadata.tables.values():
        first, second = (demo / folder / entry.file for folder in ("migration-data", "again"))
        assert first.read_bytes() == second.read_bytes()


def test_the_ui_materializes_all_assets_and_the_row_counts_are_read_back(
    demo: Path, metadata: ExportMetadata, tmp_path: Path
) -> None:
    with closing(open_ui(demo, tmp_path)) as ui:
        run_id = ui.launch_all()
        assert ui.wait_for_end(run_id) == "SUCCESS"

        assert ui.row_counts() == {name: entry.row_count for name, entry in metadata.tables.items()}
        picture = take_screenshot(f"{ui.address}/assets/organizations", tmp_path)
        if picture is not None:
            assert picture.stat().st_size > 20_000

    from_instance = read_row_count_from_instance(demo, "organizations")
    assert from_instance == metadata.tables["organizations"].row_count


def run(folder: Path, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PROGRAMS / program, *arguments],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )


def environment() -> dict[str, str]:
    """Without the user's own settings."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("SUPA", "DAGSTER"))}


# Values


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Rows of a file, numbers as they stand there."""
    rows: list[dict[str, Any]] = json.loads(path.read_bytes(), parse_float=str, parse_int=Number)
    return rows


class Number(str):
    """Digits that JSON did not quote."""

    __slots__ = ()


def read_with_psql(url: str, entry: TableEntry) -> Iterator[list[str]]:
    """The table's values in the file's order: what psql prints, arrays and composites as the server's own JSON."""
    columns = ", ".join(psql_expression(c.name, c.encoding) for c in entry.columns)
    order = ", ".join(f'"{name}"' for name in entry.ordered_by)
    query = f'COPY (SELECT {columns} FROM "{entry.schema_name}"."{entry.table}" ORDER BY {order}) TO STDOUT'
    done = subprocess.run(
        [binaries() / "psql", "-X", "-q", "-c", "SET TimeZone = 'UTC'",
         "-c", f"{query} (FORMAT csv, NULL '{NULL}')", url],
        capture_output=True, check=True,
    )  # fmt: skip
    yield from csv.reader(io.StringIO(done.stdout.decode(), newline=""))


def psql_expression(name: str, encoding: str) -> str:
    quoted = f'"{name}"'
    return f"to_json({quoted})" if encoding in {"array", "object"} else quoted


def as_psql(value: Any, column: ColumnEntry) -> str:
    if value is None:
        return NULL
    if column.encoding == "boolean":
        return "t" if value else "f"
    if column.encoding == "timestamp":
        zone = "+00" if column.type == "timestamp with time zone" else ""
        return str(value).replace("T", " ").replace("+00:00", zone)
    if column.encoding in {"json", "array", "object"}:
        return Unordered(json.dumps(value))
    return str(value)


class Unordered(str):
    """JSON that equals a text which parses to the same."""

    __slots__ = ()

    def __eq__(self, text: object) -> bool:
        ours, theirs = (
            as_texts(json.loads(json_text, parse_float=str, parse_int=Number))
            for json_text in (str(self), str(text))
        )
        return bool(ours == theirs)

    __hash__ = str.__hash__


def as_texts(value: Any) -> Any:
    """Numbers and their quoted form alike: int8 and numeric inside arrays are quoted in the file only."""
    if isinstance(value, list):
        return [as_texts(item) for item in value]
    if isinstance(value, dict):
        return {key: as_texts(item) for key, item in value.items()}
    return value if value is None or isinstance(value, bool) else str(value)


# The UI


def open_ui(folder: Path, log_folder: Path) -> Ui:
    command = ["supa-assets", "demo", "--ui"]
    return Ui(command, folder=folder, log=log_folder / "ui.log", environment=environment())


def take_screenshot(address: str, folder: Path) -> Path | None:
    """None where no browser is installed."""
    browser = (
        shutil.which("chromium")
        or shutil.which("chromium-browser")
        or shutil.which("google-chrome")
    )
    if browser is None:
        return None
    picture = Path(os.environ.get("SUPA_ASSETS_TEST_PICTURES", folder)) / "ui.png"
    subprocess.run(
        [browser, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync",
         "--disable-background-networking", "--disable-component-update",
         f"--user-data-dir={folder / 'browser'}", "--window-size=1600,1000",
         "--virtual-time-budget=20000", f"--screenshot={picture}", address],
        capture_output=True, check=True, timeout=120,
    )  # fmt: skip
    return picture


def read_row_count_from_instance(folder: Path, name: str) -> Any:
    """As the README shows it, in the folder whose dagster.yaml keeps the history."""
    program = (
        "import dagster as dg\n"
        "from supa_assets.orchestration.instance import open_instance\n"
        "from supa_assets.settings import load_settings\n"
        "with open_instance(load_settings()) as instance:\n"
        f"    event = instance.get_latest_materialization_event(dg.AssetKey({name!r}))\n"
        "    print(event.asset_materialization.metadata['dagster/row_count'].value)\n"
    )
    return int(run(folder, "python", "-W", "ignore", "-c", program).stdout)
