"""The source's checksums in a run's findings: those of the files that the run writes."""

from __future__ import annotations

import pytest

from supa_assets.errors import SchemaChanged
from supa_assets.export.checksums import with_checksums
from supa_assets.files.layout import ARRAY
from supa_assets.files.line_sum import ALGORITHM, LineSum
from supa_assets.files.metadata import DriftEntry, NotIncludedEntry
from supa_assets.files.publish import Findings
from supa_assets_tests.support.databases import Database

FINDINGS = Findings(
    relations=[],
    not_included=NotIncludedEntry(large_object_count=7),
    drift=[DriftEntry(schema_name="public", table="gone", change="table dropped")],
)


@pytest.fixture
def filled(any_database: Database) -> Database:
    any_database.execute(
        "CREATE TABLE cases (id int PRIMARY KEY, t text, j json, b bytea)",
        r"""INSERT INTO cases SELECT n, E'é"\n' || n, (E'{"a":\n' || n || '}')::json, '\x00ff'
        FROM generate_series(1, 50) n""",
        "CREATE TABLE nothing (id int)",
    )
    return any_database


def sum_of_file(text: str) -> str:
    lines = LineSum()
    lines.add(ARRAY.cut_rows(text.encode().splitlines(keepends=True)))
    return lines.result().value


def test_each_table_has_the_sum_of_its_file_s_lines(filled: Database) -> None:
    tables = filled.plan().tables
    with filled.source().hold_snapshot() as hold:
        found = with_checksums(hold, FINDINGS, tables).checksums
    assert {name: checksum.value for name, checksum in found.items()} == {
        table.name: sum_of_file(filled.export(table)) for table in tables
    }
    assert {checksum.algorithm for checksum in found.values()} == {ALGORITHM}
    assert all(checksum.duration_ms >= 0 for checksum in found.values())
    assert found["nothing"].value == "0" * 32
    assert found["cases"].value != found["nothing"].value


def test_a_sum_is_that_of_the_run_s_snapshot(filled: Database) -> None:
    table = filled.table()
    before = sum_of_file(filled.export(table))
    with filled.source().hold_snapshot() as hold:
        filled.execute("UPDATE cases SET t = 'changed'")
        found = with_checksums(hold, FINDINGS, [table])
    assert found.checksums["cases"].value == before
    assert sum_of_file(filled.export(table)) != before


def test_what_else_was_found_stays(filled: Database) -> None:
    with filled.source().hold_snapshot() as hold:
        found = with_checksums(hold, FINDINGS, [filled.table()])
    assert (found.not_included, found.drift) == (FINDINGS.not_included, FINDINGS.drift)
    assert FINDINGS.checksums == {}


def test_a_table_that_can_t_be_read_is_an_error_that_names_it(filled: Database) -> None:
    table = filled.table()
    filled.execute("ALTER TABLE cases DROP t")
    with (
        filled.source().hold_snapshot() as hold,
        pytest.raises(SchemaChanged, match=r'"public\.cases"') as caught,
    ):
        with_checksums(hold, FINDINGS, [table])
    assert caught.value.relation == "public.cases"
    assert caught.value.hint
