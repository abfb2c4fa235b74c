"""`prove_export`: the same counts and sums three times, and what was not proved."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from supa_assets.errors import ExportFault, TablesFailed
from supa_assets.files.local_folder import LocalFolder
from supa_assets.restore.prove import Proof, SequenceProof, TableProof, prove_export
from supa_assets.restore.target import TargetDatabase
from supa_assets.stream.checksum import read_checksum
from supa_assets_tests.support.copies import export_into, restore_into
from supa_assets_tests.support.databases import Database

SCHEMA = """
CREATE TABLE organizations (id int PRIMARY KEY, name text, raw json, at timestamp, n int8, ns int8[], b bytea,
    doubled int GENERATED ALWAYS AS (id * 2) STORED);
CREATE TABLE people (id serial PRIMARY KEY, organization int REFERENCES organizations);
CREATE TABLE empty (id int);
CREATE TABLE no_columns ();
"""
ROWS = """
INSERT INTO organizations VALUES (1, 'ä "%"', E'{"a":\\n 1.10}', '2026-01-02', 9, '{1,2}', '\\x00ff'),
    (2, NULL, NULL, 'infinity', NULL, NULL, NULL);
INSERT INTO people (organization) SELECT 1 + n % 2 FROM generate_series(1, 500) n;
INSERT INTO no_columns SELECT FROM generate_series(1, 3);
"""


@pytest.fixture
def source(make_database: Callable[..., Database]) -> Database:
    database = make_database()
    database.execute(SCHEMA, ROWS)
    return database


@pytest.fixture
def target(make_database: Callable[..., Database]) -> Database:
    database = make_database()
    database.execute(SCHEMA)
    return database


def prove(folder: Path, target: Database | None = None, named: list[str] | None = None) -> Proof:
    database = TargetDatabase(target.url) if target else None
    return prove_export(LocalFolder(folder), database, named=named or [])


def test_source_file_and_target_are_equal_after_a_restore(
    source: Database, target: Database, tmp_path: Path
) -> None:
    export_into(source, tmp_path, checksums=True)
    restore_into(target, tmp_path)

    proof = prove(tmp_path, target)

    assert proof.differences == []
    assert {table.name: table.verdict for table in proof.tables} == dict.fromkeys(
        ["empty", "no_columns", "organizations", "people"], "equal"
    )
    assert [(key.constraint, key.orphan_count) for key in proof.keys] == [
        ("people_organization_fkey", 0)
    ]
    assert [sequence.is_equal for sequence in proof.sequences] == [True]
    said = "\n".join(proof.not_proved)
    assert "JSON scalar null" not in said
    assert "lower bounds" not in said
    assert "policies, functions, triggers, grants" in said
    assert (
        proof.metadata_sha256
        == hashlib.sha256((tmp_path / "metadata.json").read_bytes()).hexdigest()
    )


def test_values_that_the_file_cannot_tell_apart_are_not_proved_and_counted(
    source: Database, target: Database, tmp_path: Path
) -> None:
    source.execute("UPDATE organizations SET raw = 'null', ns = '[0:0]={1}' WHERE id = 2")
    export_into(source, tmp_path, checksums=True)
    restore_into(target, tmp_path)

    proof = prove(tmp_path, target)

    assert proof.differences == []
    assert [said for said in proof.not_proved if "organizations" in said] == [
        'the JSON scalar null apart from SQL NULL: 1 value in "raw" of "public.organizations"',
        'lower bounds of arrays other than 1: 1 value in "ns" of "public.organizations"',
    ]


def test_an_export_that_counted_no_holes_proves_nothing_of_them(
    source: Database, target: Database, tmp_path: Path
) -> None:
    export_into(source, tmp_path, checksums=True)
    path = tmp_path / "metadata.json"
    metadata = json.loads(path.read_text())
    for column in metadata["tables"]["organizations"]["columns"]:
        column.pop("holes", None)
    path.write_text(json.dumps(metadata))
    restore_into(target, tmp_path)

    proof = prove(tmp_path, target)

    assert proof.differences == []
    said = "\n".join(proof.not_proved)
    assert 'SQL NULL: not counted in "raw" of "public.organizations"' in said
    assert 'other than 1: not counted in "ns" of "public.organizations"' in said


@pytest.mark.slow
@pytest.mark.parametrize(
    "forms", [{"int8": "number"}, {"timestamps": "naive"}, {"bytea": "base64"}], ids=str
)
def test_a_target_is_read_in_the_forms_that_the_files_have(
    source: Database, target: Database, tmp_path: Path, forms: dict[str, str]
) -> None:
    export_into(source, tmp_path, checksums=True, **forms)
    restore_into(target, tmp_path)

    proof = prove(tmp_path, target)

    assert proof.differences == []
    assert {table.verdict for table in proof.tables} == {"equal"}


def edit_columns(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Of every table in metadata.json."""
    path = folder / "metadata.json"
    metadata = json.loads(path.read_text())
    for table in metadata["tables"].values():
        for column in table["columns"]:
            change(column)
    path.write_text(json.dumps(metadata))


@pytest.mark.slow
@pytest.mark.parametrize(
    "forms",
    [{}, {"int8": "number"}, {"timestamps": "naive"}, {"bytea": "base64"}],
    ids=str,
)
def test_an_older_export_that_recorded_no_casts_is_proved_all_the_same(
    source: Database, target: Database, tmp_path: Path, forms: dict[str, str]
) -> None:
    export_into(source, tmp_path, checksums=True, **forms)
    restore_into(target, tmp_path)
    edit_columns(tmp_path, lambda column: column.pop("casts"))
    assert "casts" not in (tmp_path / "metadata.json").read_text()

    proof = prove(tmp_path, target)

    assert proof.differences == []
    assert {table.verdict for table in proof.tables} == {"equal"}


def test_a_cast_that_is_none_ends_the_proof_before_it_becomes_sql(
    source: Database, target: Database, tmp_path: Path
) -> None:
    export_into(source, tmp_path, checksums=True)
    restore_into(target, tmp_path)
    word = "text); DROP TABLE people; --"
    edit_columns(tmp_path, lambda column: column.update(casts=[word]))
    before = target.fetch("SELECT relname FROM pg_class ORDER BY 1")

    with (
        recorded_statements() as statements,
        pytest.raises(ExportFault, match="a word that this version doesn't know") as raised,
    ):
        prove(tmp_path, target)

    assert raised.value.found == word
    assert statements
    assert not any(word in said for said in statements)
    assert target.fetch("SELECT relname FROM pg_class ORDER BY 1") == before


@contextmanager
def recorded_statements() -> Iterator[list[str]]:
    """The text of each statement that any connection executes meanwhile."""
    said: list[str] = []
    execute = psycopg.Cursor.execute

    def recording(self: psycopg.Cursor[Any], query: Any, *args: Any, **options: Any) -> Any:
        said.append(query if isinstance(query, str) else query.as_string(self))
        return execute(self, query, *args, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(psycopg.Cursor, "execute", recording)
        yield said


def test_without_the_sources_checksum_it_says_that_values_were_not_compared(
    source: Database, tmp_path: Path
) -> None:
    export_into(source, tmp_path)

    proof = prove(tmp_path)

    assert proof.differences == []
    assert {table.verdict for table in proof.tables} == {"counts equal"}
    said = "\n".join(proof.not_proved)
    assert "that the files hold the source's values (4 tables)" in said
    assert "that a database restored from the files holds the same" in said


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "difference"),
    [
        (
            "UPDATE organizations SET name = 'ä \"%%\"' WHERE id = 1",
            'content of "public.organizations" differs: the target\'s',
        ),
        (
            "DELETE FROM people WHERE id = 3",
            'row count of "public.people" differs: the source said 500, the target has 499',
        ),
        (
            "INSERT INTO empty VALUES (1)",
            'row count of "public.empty" differs: the source said 0, the target has 1',
        ),
        ("UPDATE people SET id = 1000 WHERE id = 3", 'content of "public.people" differs'),
        (
            "UPDATE organizations SET raw = 'null' WHERE id = 2",
            'column "raw" of "public.organizations" differs: the source had no JSON scalar null, the target has 1',
        ),
        (
            "UPDATE organizations SET ns = '[0:1]={1,2}' WHERE id = 1",
            'column "ns" of "public.organizations" differs: the source had no array that doesn\'t count from 1',
        ),
        ("DROP TABLE empty", '"public.empty" is not in the target'),
        (
            "ALTER TABLE organizations ALTER name TYPE varchar",
            'column "name" of "public.organizations" is of type character',
        ),
        (
            "SELECT nextval('people_id_seq')",
            'sequence "public.people_id_seq" differs: the source stood at 500 (given)',
        ),
        (
            "SET session_replication_role = replica; DELETE FROM organizations WHERE id = 1",
            'foreign key "people_organization_fkey"',
        ),
    ],
)
def test_what_differs_in_the_target_is_told(
    source: Database, target: Database, tmp_path: Path, change: str, difference: str
) -> None:
    export_into(source, tmp_path, checksums=True)
    restore_into(target, tmp_path)
    target.execute(change)

    proof = prove(tmp_path, target)

    assert any(difference in said for said in proof.differences), proof.differences
    assert json.loads(proof.to_json())["is_proved"] is False


def test_a_file_changed_together_with_its_entry_is_told_by_the_sources_checksum(
    source: Database, tmp_path: Path
) -> None:
    export_into(source, tmp_path, checksums=True)
    path, metadata = tmp_path / "people.json", tmp_path / "metadata.json"
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    path.write_bytes(path.read_bytes().replace(b'"organization":1', b'"organization":2', 1))
    after = hashlib.sha256(path.read_bytes()).hexdigest()
    metadata.write_text(metadata.read_text().replace(before, after))

    proof = prove(tmp_path)

    assert proof.faults == []
    assert proof.differences == [
        "content of \"public.people\" differs: the file's checksum is not the source's"
    ]


def test_the_checksum_is_the_one_that_format_describes(source: Database) -> None:
    table = source.table("people")
    lines = [
        line.rstrip(",").encode() for line in source.export(table).splitlines() if line[0] == "{"
    ]
    digests = [hashlib.sha256(line).digest() for line in lines]
    sums = [sum(int.from_bytes(d[i : i + 8], "big") for d in digests) % 2**64 for i in (0, 8)]

    with source.session() as session:
        checksum = read_checksum(session.connection, table.rows)

    assert checksum.row_count == 500
    assert checksum.value == "".join(f"{value:016x}" for value in sums)


@pytest.mark.parametrize(
    ("sums", "differences", "verdict"),
    [
        (("s", "s", "s"), [], "equal"),
        (("s", "s", None), [], "equal"),
        ((None, "s", "s"), [], "equal"),
        ((None, "s", None), [], "counts equal"),
        (("s", None, None), [], "counts equal"),
        (("s", "s", "s"), ["it differs"], "DIFFERS"),
    ],
)
def test_a_table_is_equal_where_two_sums_are(
    sums: tuple[str | None, ...], differences: list[str], verdict: str
) -> None:
    source, file, target = sums
    proof = TableProof(
        "t",
        "public.t",
        1,
        source_checksum=source,
        file_checksum=file,
        target_checksum=target,
        differences=differences,
    )
    assert proof.verdict == verdict


def test_a_sequence_that_stands_elsewhere_is_a_difference(source: Database, tmp_path: Path) -> None:
    export_into(source, tmp_path, checksums=True)
    proof = prove(tmp_path)
    proof.sequences = [SequenceProof('"public.s"', "1", "2", is_equal=False)]
    assert proof.differences == [
        'sequence "public.s" differs: the source stood at 1, the target at 2'
    ]


def lose(source: Database, folder: Path) -> None:
    """Export all tables but one, which can't be read."""
    source.execute("ALTER TABLE people ADD broken int GENERATED ALWAYS AS (1 / (id - 7)) VIRTUAL")
    with pytest.raises(TablesFailed):
        export_into(source, folder, keep_going=True)


def test_a_table_that_the_export_lost_is_a_difference_and_comes_first(
    source: Database, tmp_path: Path
) -> None:
    lose(source, tmp_path)
    (tmp_path / "empty.json").write_text("[]")
    proof = prove(tmp_path)
    lost = "tables that this export was to hold are not in it (1, failed): public.people"
    assert proof.differences[0] == lost
    assert len(proof.differences) > 1
    assert not any("people" in said for said in proof.not_proved)


def test_a_table_that_the_export_lost_is_no_difference_of_tables_that_are_named(
    source: Database, tmp_path: Path
) -> None:
    lose(source, tmp_path)
    assert prove(tmp_path, named=["organizations"]).differences == []


def test_an_export_that_lost_a_table_can_be_restored_and_says_so_first(
    source: Database, target: Database, tmp_path: Path
) -> None:
    lose(source, tmp_path)
    result = restore_into(target, tmp_path)
    assert [table.name for table in result.tables] == ["empty", "no_columns", "organizations"]
    assert result.list_notes()[0] == (
        "the export is not whole: tables that this export was to hold are not in it (1, failed): public.people"
    )
