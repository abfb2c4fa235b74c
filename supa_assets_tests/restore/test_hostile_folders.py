"""Folders that somebody damaged, or made to harm: every way to read one ends, and with an error of this project."""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from supa_assets.errors import ExportFault, SupaAssetsError, TargetError
from supa_assets.files import metadata as metadata_module
from supa_assets.files.local_folder import LocalFolder
from supa_assets.files.metadata import METADATA_FILE, ExportMetadata
from supa_assets.files.publish import read_metadata_bytes, refuse_other_export, require_metadata
from supa_assets.files.table_rows import TableRows
from supa_assets.files.verify import verify_export
from supa_assets.restore.prove import prove_export
from supa_assets_tests.support.copies import export_into, restore_into
from supa_assets_tests.support.databases import Database, new_database
from supa_assets_tests.support.exports import edit, publish, read_files, some_rows, stage
from supa_assets_tests.support.programs import run_program
from supa_assets_tests.support.servers import Server

SCHEMA = """
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TABLE organizations (id smallserial PRIMARY KEY, name text NOT NULL);
CREATE TABLE people (id serial PRIMARY KEY, organization int NOT NULL REFERENCES organizations, boss int REFERENCES
    people, mood mood, weight real, docs jsonb[], doc json);
CREATE TABLE nothing ();
"""
ROWS = """
INSERT INTO organizations (name) SELECT 'n' || n FROM generate_series(1, 5) n;
INSERT INTO people (organization, boss, mood, weight, docs, doc)
    SELECT n, n, 'ok', n / 3.0, ARRAY['[1]']::jsonb[], '{"a": [1, "ä"]}' FROM generate_series(1, 5) n;
"""
LONGEST_MESSAGE = 8_000
Document = dict[str, Any]


class Way(NamedTuple):
    """From the source's tables to a target's, with the export in between."""

    source: Database
    target: Database
    export: Path


@pytest.fixture(scope="module")
def way(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Way]:
    with new_database(server) as source, new_database(server) as target:
        source.execute(SCHEMA, ROWS)
        target.execute(SCHEMA)
        folder = tmp_path_factory.mktemp("hostile") / "genuine"
        export_into(source, folder, checksums=True)
        yield Way(source, target, folder)


@pytest.fixture
def folder(way: Way, tmp_path: Path) -> Path:
    """A copy of the export, to be damaged."""
    return copy_of(way.export, tmp_path / "out")


def copy_of(folder: Path, copy: Path) -> Path:
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir()
    for name, data in read_files(folder).items():
        (copy / name).write_bytes(data)
    return copy


# Every way to read a folder


def read_rows(folder: Path) -> None:
    storage = LocalFolder(folder)
    for entry in require_metadata(storage).tables.values():
        with suppress(ExportFault):
            for _ in TableRows(storage, entry):
                pass


def publish_over(folder: Path, way: Way) -> None:
    source = ExportMetadata.from_json((way.export / METADATA_FILE).read_bytes(), path="")
    copy = LocalFolder(folder)
    refuse_other_export(copy, source.source_database)
    stage(copy, "new", "orders", some_rows(2))
    publish(copy, "new", source=source.source_database)


def list_readers(folder: Path, way: Way) -> dict[str, Callable[[], object]]:
    return {
        "verify": lambda: verify_export(LocalFolder(folder)),
        "verify --full": lambda: verify_export(LocalFolder(folder), full=True),
        "rows": lambda: read_rows(folder),
        "prove --files-only": lambda: prove_export(LocalFolder(folder)).to_json(),
        "restore --dry-run": lambda: restore_into(way.target, folder, is_dry_run=True),
        "restore --create --dry-run": lambda: restore_into(
            way.target, folder, is_dry_run=True, creates=True
        ),
        "export": lambda: publish_over(folder, way),
    }


def errors_of(folder: Path, way: Way) -> dict[str, str]:
    """By reader, what it raised; those that raised nothing are left out."""
    errors = {}
    for name, read in list_readers(folder, way).items():
        with ending(20):
            try:
                read()
            except SupaAssetsError as error:
                errors[name] = str(error)
    assert all(len(message) < LONGEST_MESSAGE for message in errors.values())
    return errors


@contextmanager
def ending(seconds: int) -> Iterator[None]:
    """What takes longer hangs."""

    def tell(*_: object) -> None:
        raise AssertionError("it hangs")

    before = signal.signal(signal.SIGALRM, tell)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def edit_metadata(folder: Path, change: Callable[[Document], object]) -> None:
    path = folder / METADATA_FILE
    document = json.loads(path.read_bytes())
    change(document)
    path.write_text(json.dumps(document))


def rows_in(target: Database) -> int:
    return int(
        target.fetch_value(
            "SELECT (SELECT count(*) FROM organizations) + (SELECT count(*) FROM people)"
            " + (SELECT count(*) FROM nothing)"
        )
    )


# metadata.json as a document


def people(document: Document) -> Document:
    found: Document = document["tables"]["people"]
    return found


def sequence(document: Document) -> Document:
    found: Document = document["structure"]["sequences"][0]
    return found


CONTRADICTIONS: Mapping[str, tuple[Callable[[Document], object], str]] = {
    "importOrder names a table that isn't there": (
        lambda m: m["importOrder"].append({"table": "stranger", "level": 0}),
        'importOrder has "stranger", which tables has not',
    ),
    "importOrder lacks a table": (lambda m: m["importOrder"].pop(), 'importOrder lacks "people"'),
    "importOrder is missing": (lambda m: m.pop("importOrder"), "importOrder lacks"),
    "importOrder names a table twice": (
        lambda m: m["importOrder"].append(m["importOrder"][0]),
        'importOrder has "nothing" twice',
    ),
    "tables is empty": (lambda m: m["tables"].clear(), "importOrder has"),
    "tables is null": (lambda m: m.update(tables=None), "tables: input should be"),
    "tables is a list": (lambda m: m.update(tables=[1]), "tables: input should be"),
    "two entries of one table": (
        lambda m: people(m).update(table="organizations"),
        'tables has "public.organizations" twice',
    ),
    "two entries of one file": (
        lambda m: people(m).update(file="Organizations.JSON"),
        'tables has "organizations.json" twice',
    ),
    "a broken reference of no table": (
        lambda m: m["brokenReferences"][0].update(references="stranger"),
        'brokenReferences has "stranger"',
    ),
    "a column comes twice": (
        lambda m: people(m)["columns"].append(people(m)["columns"][0]),
        'columns has "id" twice',
    ),
    "a key of no column": (lambda m: people(m).update(primaryKey=["x"]), 'primaryKey has "x"'),
    "an order by no column": (lambda m: people(m).update(orderedBy=["x"]), 'orderedBy has "x"'),
    "a reference from no column": (
        lambda m: people(m)["references"][0].update(columns=["x"]),
        'references has "x"',
    ),
}


@pytest.mark.parametrize("what", CONTRADICTIONS)
def test_a_metadata_that_contradicts_itself_is_refused_by_all(
    folder: Path, way: Way, what: str
) -> None:
    change, message = CONTRADICTIONS[what]
    edit_metadata(folder, change)
    errors = errors_of(folder, way)
    assert set(errors) == set(list_readers(folder, way))
    assert all(message in said for said in errors.values())


_WRONG: Mapping[str, tuple[Callable[[Document, Any], object], list[Any]]] = {
    "formatVersion": (lambda m, v: m.update(formatVersion=v), ["1", 1.0, None, True]),
    "exportedAt": (lambda m, v: m.update(exportedAt=v), ["", "today", "2026-13-01T00:00:00Z", 5]),
    "tables.people.rowCount": (
        lambda m, v: people(m).update(rowCount=v),
        [-1, 2**63, 1e3, "5", True, None, [], 10**400],
    ),
    "tables.people.byteCount": (lambda m, v: people(m).update(byteCount=v), [-1, 2**63]),
    "tables.people.schema": (
        lambda m, v: people(m).update(schema=v),
        ["a\0b", 1, "x" * 10_000_000],
    ),
    "tables.people.table": (lambda m, v: people(m).update(table=v), ["a\0b", "x" * 256, None]),
    "tables.people.file": (
        lambda m, v: people(m).update(file=v),
        [
            "",
            ".",
            "..",
            "../people.json",
            "/dev/zero",
            "a/b",
            "a\\b",
            ".hidden",
            "a\0",
            "a\n",
            METADATA_FILE,
            "Metadata.JSON",
            "export.log",
            "x" * 256,
            "ä.json",
            7,
        ],
    ),
    "tables.people.columns.0.name": (
        lambda m, v: people(m)["columns"][0].update(name=v),
        ["a\0b", "x" * 10_000_000],
    ),
    "tables.people.columns.0.type": (
        lambda m, v: people(m)["columns"][0].update(type=v),
        ["a\0b", "x" * 10_000],
    ),
    "tables.people.columns.0.nullable": (
        lambda m, v: people(m)["columns"][0].update(nullable=v),
        ["yes", 1],
    ),
    "tables.people.sha256": (lambda m, v: people(m).update(sha256=v), ["", "0" * 63, "G" * 64]),
    "tables.people.runId": (lambda m, v: people(m).update(runId=v), ["", "../x", "a b", "a\0"]),
    "tables.people.snapshot.time": (
        lambda m, v: people(m)["snapshot"].update(time=v),
        ["now", "2026-02-30T00:00:00.000000+00:00"],
    ),
    "notExported.0.reason": (
        lambda m, v: m["notExported"].insert(
            0, {"schema": "s", "name": "n", "kind": "table", "reason": v}
        ),
        ["", "no reason"],
    ),
    "sourceDatabase.port": (lambda m, v: m["sourceDatabase"].update(port=v), [-1, 65536, "5432"]),
    "structure.sequences.0.lastValue": (
        lambda m, v: sequence(m).update(lastValue=v),
        ["1e9", "9" * 5_000, "9223372036854775808", "", " 1", "0x1", 1],
    ),
    "structure.sequences.0.increment": (lambda m, v: sequence(m).update(increment=v), ["1;", "-"]),
}
WRONG_VALUES = [
    pytest.param(place, value, id=f"{place} {repr(value)[:20]} {len(repr(value))}")
    for place, (_, values) in _WRONG.items()
    for value in values
]


@pytest.mark.parametrize(("place", "value"), WRONG_VALUES)
def test_a_value_that_no_export_has_is_told_with_its_place(
    folder: Path, place: str, value: Any
) -> None:
    edit_metadata(folder, lambda document: _WRONG[place][0](document, value))
    with pytest.raises(ExportFault) as caught:
        require_metadata(LocalFolder(folder))
    said = str(caught.value)
    assert f"{place}: " in said or "a number is too long" in said
    assert len(said) < 1_000


@pytest.mark.parametrize("version", [-1, 0, 2, 2_000_000, 2**63, 10**90])
def test_a_version_that_this_program_does_not_know_is_refused(folder: Path, version: int) -> None:
    edit_metadata(folder, lambda document: document.update(formatVersion=version))
    with pytest.raises(ExportFault, match=f"has formatVersion {version}"):
        require_metadata(LocalFolder(folder))


def test_a_nul_is_told_in_words(folder: Path) -> None:
    edit_metadata(folder, lambda document: people(document).update(schema="a\0b"))
    with pytest.raises(ExportFault, match=r"tables\.people\.schema: it holds U\+0000"):
        require_metadata(LocalFolder(folder))


def test_a_key_of_ten_megabytes_is_not_printed_whole(folder: Path, way: Way) -> None:
    def rename(document: Document) -> None:
        document["tables"]["x" * 10_000_000] = document["tables"].pop("people")

    edit_metadata(folder, rename)
    errors = errors_of(folder, way)
    assert set(errors) == set(list_readers(folder, way))
    assert all(len(said) < 1_000 for said in errors.values())


@pytest.mark.parametrize(
    "change",
    {
        "empty": lambda _: b"",
        "truncated": lambda data: data[:-20],
        "with a byte order mark": lambda data: b"\xef\xbb\xbf" + data,
        "in UTF-16": lambda data: data.decode().encode("utf-16"),
        "not UTF-8": lambda data: data.replace(b"people", b"p\xffople", 1),
        "with a lone surrogate": lambda data: data.replace(b"public", rb"\ud800", 1),
        "a million brackets": lambda _: b"[" * 1_000_000,
        "a value that nests": lambda data: data.replace(
            b"{", b'{"more": ' + b"[" * 100_000 + b"]" * 100_000 + b", ", 1
        ),
        "with tables twice": lambda data: data.replace(b'"tables"', b'"tables": {}, "tables"', 1),
        "with rowCount twice": lambda data: data.replace(
            b'"rowCount"', b'"rowCount": 0, "rowCount"', 1
        ),
        "with NaN": lambda data: data.replace(b"{", b'{"more": NaN, ', 1),
        "with an integer of 5,000 digits": lambda data: data.replace(
            b"{", b'{"more": ' + b"7" * 5_000 + b", ", 1
        ),
        "zeros": lambda _: bytes(1_000_000),
        "two documents": lambda data: data + data,
    }.items(),
    ids=lambda change: change[0],
)
def test_a_metadata_that_is_not_json_is_refused_by_all(
    folder: Path, way: Way, change: tuple[str, Callable[[bytes], bytes]]
) -> None:
    edit(folder / METADATA_FILE, change[1])
    before = read_files(folder)
    errors = errors_of(folder, way)
    assert set(errors) == set(list_readers(folder, way))
    assert all("is not a metadata.json of this program" in said for said in errors.values())
    assert read_files(folder) == before


def test_of_a_metadata_without_end_no_more_is_read_than_the_longest(
    folder: Path, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    longest = (folder / METADATA_FILE).stat().st_size
    monkeypatch.setattr(metadata_module, "LONGEST_METADATA_BYTE_COUNT", longest)
    monkeypatch.setattr("supa_assets.files.publish.LONGEST_METADATA_BYTE_COUNT", longest)
    assert errors_of(folder, way) == {"export": errors_of(folder, way)["export"]}
    with (folder / METADATA_FILE).open("r+b") as file:
        file.truncate(1024**4)  # a hole of a terabyte
    assert len(read_metadata_bytes(LocalFolder(folder))) == longest + 1
    errors = errors_of(folder, way)
    assert all(f"more than {longest} bytes" in said for said in errors.values())
    assert set(errors) == set(list_readers(folder, way))


def test_no_metadata_is_written_that_could_not_be_read_again(
    folder: Path, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = read_files(folder)
    longest = len(before[METADATA_FILE])
    monkeypatch.setattr(metadata_module, "LONGEST_METADATA_BYTE_COUNT", longest)
    with pytest.raises(ExportFault, match=f"more than {longest} bytes"):
        publish_over(folder, way)
    assert read_files(folder) == before


def test_an_export_of_an_older_version_is_read_all_the_same(folder: Path, way: Way) -> None:
    """It lacks what was recorded since."""

    def age(document: Document) -> None:
        for name in ("structure", "snapshots", "isOneSnapshot", "notIncluded", "drift", "session"):
            document.pop(name, None)
        for entry in document["tables"].values():
            for name in ("checksum", "strategy", "omittedColumns"):
                entry.pop(name, None)
            entry["snapshot"].pop("walLsn", None)
            for column in entry["columns"]:
                column.pop("holes", None)
                column.pop("casts", None)

    edit_metadata(folder, age)
    assert errors_of(folder, way).keys() == {"restore --create --dry-run"}
    assert prove_export(LocalFolder(folder)).differences == []


# Data files


@pytest.mark.parametrize(
    "value",
    [
        b'"\xff"',
        b"[" * 200_000 + b"]" * 200_000,
        b"{" * 50_000,
        b"1e99999999999999999999",
        b"7" * 200_000,
        b"NaN",
        b'"x',
        b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
    ],
    ids=lambda value: repr(value[:8]) + f" {len(value)}",
)
def test_a_hostile_value_in_a_row_ends_no_reader_otherwise_than_by_a_fault(
    folder: Path, way: Way, value: bytes
) -> None:
    edit(folder / "people.json", lambda data: data.replace(b'"ok"', value, 1))
    for full in (False, True):
        faults = verify_export(LocalFolder(folder), full=full)
        assert {"byte count", "sha256"} <= {fault.what for fault in faults}
        assert all(len(fault.message) < 1_000 for fault in faults)
    assert {"restore --dry-run"} <= errors_of(folder, way).keys()


# Into a database


def test_a_restore_of_a_refused_sequence_leaves_rows_and_sequences_as_they_were(
    folder: Path, way: Way
) -> None:
    """`setval` outlives a rollback, so what it would refuse is looked for before the first one."""

    def exceed(document: Document) -> None:
        for found in document["structure"]["sequences"]:
            # A smallint's, set after the others.
            found["lastValue"] = "40000" if found["name"] == "people_id_seq" else "4"
        document["structure"]["sequences"].sort(key=lambda found: str(found["name"]))

    way.target.execute("ALTER SEQUENCE people_id_seq MAXVALUE 100")
    states = "SELECT (SELECT last_value FROM organizations_id_seq), (SELECT last_value FROM people_id_seq)"
    before = way.target.fetch(states)
    edit_metadata(folder, exceed)
    with pytest.raises(TargetError, match=r"goes from 1 to 100, the export's stood at 40000"):
        restore_into(way.target, folder)
    assert way.target.fetch(states) == before
    assert rows_in(way.target) == 0


@pytest.mark.parametrize("what", CONTRADICTIONS)
def test_a_restore_of_a_hostile_folder_writes_nothing(folder: Path, way: Way, what: str) -> None:
    edit_metadata(folder, CONTRADICTIONS[what][0])
    for creates in (False, True):
        with pytest.raises(ExportFault):
            restore_into(way.target, folder, creates=creates)
    assert rows_in(way.target) == 0


# Anything


def list_places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every key and index of the document, from its root."""
    children = value.items() if isinstance(value, dict) else enumerate(value)
    for key, child in children:
        yield (*place, key)
        if isinstance(child, (dict, list)):
            yield from list_places(child, (*place, key))


HOSTILE_VALUES: st.SearchStrategy[Any] = st.sampled_from(
    [
        None, True, -1, 0, 1, 2**63 - 1, 2**63, 10**400, 1e9, 0.5, math.nan, math.inf, [], {}, [None], [[]], {"": None},
        "", "\0", "\ud800", "\u202e", "1", "1e9", "9" * 5_000, "x" * 300, "x" * 100_000, "..", "../x", "/dev/zero",
        "people", "people.json", "self", "text", METADATA_FILE, ".lock", "2026-13-45T00:00:00.000000+00:00", ["id"],
    ]
)  # fmt: skip


def mutate_document(document: Document, data: st.DataObject) -> None:
    places = list(list_places(document))
    *parents, key = places[data.draw(st.integers(0, len(places) - 1))]
    parent: Any = document
    for step in parents:
        parent = parent[step]
    how = data.draw(st.sampled_from(["delete", "replace", "copy", "rename"]))
    if how == "delete":
        del parent[key]
    elif how == "replace":
        parent[key] = data.draw(HOSTILE_VALUES)
    elif how == "copy" and isinstance(parent, list):
        parent.append(parent[key])
    elif isinstance(parent, dict):
        parent[data.draw(st.sampled_from(["x", "", "\0", "../x", "name", "y" * 1_000]))] = (
            parent.pop(key)
        )


def mutate_bytes(data: bytes, draw: st.DataObject) -> bytes:
    at = draw.draw(st.integers(0, len(data)))
    how = draw.draw(st.sampled_from(["flip", "truncate", "insert", "double"]))
    if how == "truncate":
        return data[:at]
    if how == "insert":
        return data[:at] + draw.draw(st.binary(min_size=1, max_size=8)) + data[at:]
    if how == "double":
        return data[:at] + data[at // 2 :]
    flipped = bytes([data[at] ^ 1 << draw.draw(st.integers(0, 7))]) if at < len(data) else b""
    return data[:at] + flipped + data[at + 1 :]


def damage(folder: Path, data: st.DataObject) -> None:
    how = data.draw(st.sampled_from(["document", "document", "document", "bytes", "file"]))
    if how == "document":
        with suppress(ValueError, OSError):  # of what was damaged before
            edit_metadata(folder, lambda document: mutate_document(document, data))
        return
    path = folder / data.draw(st.sampled_from(sorted(path.name for path in folder.iterdir())))
    if how == "bytes" and path.is_file():
        edit(path, lambda content: mutate_bytes(content, data))
    elif how == "file" and path.is_file():
        path.unlink()
        if data.draw(st.booleans()):
            path.mkdir()


@pytest.mark.slow
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_however_a_folder_is_damaged_every_reader_ends_with_an_error_of_this_project(
    way: Way, data: st.DataObject
) -> None:
    folder = copy_of(way.export, way.export.parent / "damaged")
    for _ in range(data.draw(st.integers(1, 3))):
        damage(folder, data)
    errors_of(folder, way)
    assert rows_in(way.target) == 0


# What is no file


def replace(path: Path, how: str) -> None:
    path.unlink()
    if how == "folder":
        path.mkdir()
    elif how == "FIFO":
        os.mkfifo(path)
    elif how == "socket":
        here = os.open(".", os.O_RDONLY)
        os.chdir(path.parent)  # a socket's address is short
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path.name)
        os.fchdir(here)
        os.close(here)
    else:
        path.symlink_to(how)


@pytest.mark.parametrize("how", ["folder", "FIFO", "socket", "/dev/zero", "/dev/null", "nowhere"])
@pytest.mark.parametrize("file", ["people.json", METADATA_FILE])
def test_what_is_no_file_is_read_by_nobody(folder: Path, way: Way, file: str, how: str) -> None:
    replace(folder / file, how)
    errors = errors_of(folder, way)
    assert {"restore --dry-run", "restore --create --dry-run"} <= errors.keys()


# The commands


COMMANDS = (
    ("verify",),
    ("verify", "--full"),
    ("prove", "--files-only"),
    ("prove",),
    ("restore", "--dry-run"),
    ("restore", "--create"),
    ("restore", "--table", "people"),
)


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_command_tells_a_hostile_folder_in_a_line_and_ends_with_1(
    folder: Path, way: Way, command: tuple[str, ...]
) -> None:
    edit_metadata(folder, CONTRADICTIONS["importOrder names a table that isn't there"][0])
    name, *options = command
    done = run_program(
        "supa-assets", name, str(folder), *options,
        folder=folder.parent, SUPABASE_DB_URL=None, SUPA_ASSETS_TARGET_URL=way.target.url,
    )  # fmt: skip
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert 'importOrder has "stranger", which tables has not' in done.stderr
    assert len(done.stdout + done.stderr) < 2_000


@pytest.mark.slow
@pytest.mark.parametrize("options", [(), ("--table", "people")], ids=["all", "one table"])
def test_an_export_over_a_damaged_one_leaves_it_as_it_is(
    folder: Path, way: Way, options: tuple[str, ...]
) -> None:
    edit(folder / METADATA_FILE, lambda data: data[:-100])
    before = {n: d for n, d in read_files(folder).items() if n != "export.log"}
    done = run_program(
        "supa-assets", "export", "--output-dir", str(folder), *options,
        folder=folder.parent, SUPABASE_DB_URL=way.source.url,
    )  # fmt: skip
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "is not a metadata.json of this program" in done.stdout + done.stderr
    assert {n: d for n, d in read_files(folder).items() if n != "export.log"} == before
