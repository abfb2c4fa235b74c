"""The demo project goes round completely, users and sequences included: into an empty database, into its own schema."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from supa_assets.demo.project import create_demo_project
from supa_assets.demo.server import EmbeddedServer
from supa_assets.files.local_folder import LocalFolder
from supa_assets.files.metadata import ExportMetadata
from supa_assets.restore.prove import prove_export
from supa_assets.restore.target import TargetDatabase
from supa_assets_tests.support.copies import differing_tables, export_into, restore_into
from supa_assets_tests.support.databases import Database, new_database

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("demo round trip")]

SCALE = 0.05


@pytest.fixture(scope="module")
def demo(server: EmbeddedServer) -> Iterator[Database]:
    with new_database(server) as database:
        create_demo_project(database.superuser_url, scale=SCALE)
        yield database


@pytest.fixture(scope="module")
def folder(demo: Database, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    export_into(demo, folder, auth=True, auth_users_columns=("*",), checksums=True)
    return folder


@pytest.fixture(scope="module")
def metadata(folder: Path) -> ExportMetadata:
    return ExportMetadata.from_json((folder / "metadata.json").read_bytes(), path="metadata.json")


def assert_proved(target: Database, folder: Path) -> None:
    proof = prove_export(LocalFolder(folder), TargetDatabase(target.superuser_url))
    assert proof.differences == []
    assert {table.verdict for table in proof.tables} == {"equal"}
    assert len(proof.tables) == 25
    assert all(sequence.is_equal for sequence in proof.sequences)
    assert len([key for key in proof.keys if key.orphan_count == 0]) > 20


def test_into_an_empty_database(
    demo: Database, server: EmbeddedServer, folder: Path, metadata: ExportMetadata
) -> None:
    with new_database(server) as target:
        result = restore_into(target, folder, creates=True)

        assert differing_tables(demo, target, metadata) == {}
        assert_proved(target, folder)
        assert 'table "auth.users"' in result.created
        assert result.sequence_count == len(
            metadata.structure.sequences if metadata.structure else ()
        )


def test_into_its_own_schema_as_supabases_postgres(
    demo: Database, server: EmbeddedServer, folder: Path, metadata: ExportMetadata
) -> None:
    with new_database(server) as target:
        create_demo_project(target.superuser_url, scale=SCALE)
        tables = ", ".join(f'"{e.schema_name}"."{e.table}"' for e in metadata.tables.values())
        target.execute(f"TRUNCATE {tables} RESTART IDENTITY CASCADE")

        restore_into(target, folder, user="postgres")

        assert differing_tables(demo, target, metadata) == {}
        assert_proved(target, folder)
        sequence = "SELECT nextval('public.work_order_number_seq')"
        assert target.fetch_value(sequence) == demo.fetch_value(sequence)


def test_nodes_json_parse_reads_every_file_and_no_number_is_rounded(
    folder: Path, metadata: ExportMetadata
) -> None:
    """Numbers inside json and jsonb aside: those are the user's own text, and the demo has one that is rounded."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node is not installed")
    program = """
        const fs = require("node:fs");
        const numbers = JSON.parse(process.argv[1]).map(([file, columns]) =>
            JSON.parse(fs.readFileSync(file, "utf8")).map(row => columns.map(name => String(row[name]))));
        console.log(JSON.stringify(numbers));
    """
    files = [
        (folder / entry.file, [c.name for c in entry.columns if c.encoding == "number"])
        for entry in metadata.tables.values()
    ]
    asked = json.dumps([(str(path), columns) for path, columns in files])
    done = subprocess.run(
        [node, "-e", program, asked], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr

    compared = 0
    for (path, columns), of_node in zip(files, json.loads(done.stdout), strict=True):
        rows = json.loads(path.read_bytes(), parse_float=Decimal, parse_int=Decimal)
        assert len(rows) == len(of_node)
        for row, values in zip(rows, of_node, strict=True):
            for name, value in zip(columns, values, strict=True):
                assert value == "null" if row[name] is None else Decimal(value) == row[name]
                compared += row[name] is not None
    assert compared > 10_000
