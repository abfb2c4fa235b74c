"""Whatever link stands in the place of a name of ours: nothing is opened, written, locked or removed through it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from supa_assets import export_database
from supa_assets.cli.commands import commands
from supa_assets.errors import SupaAssetsError
from supa_assets.export.run import begin_export
from supa_assets.export.source import SourceDatabase
from supa_assets.files.local_folder import INTERNAL_FOLDER, LocalFolder
from supa_assets.restore.restore import restore_export
from supa_assets.restore.target import TargetDatabase
from supa_assets.settings import build_settings
from supa_assets_tests.support.databases import Database
from supa_assets_tests.support.exports import read_files, run_id
from supa_assets_tests.support.trees import look_at

pytestmark = pytest.mark.slow

RUN = run_id("interrupted or dead")
READERS = {"verify", "restore", "prove"}
COMMANDS = {*READERS, "export"}


def dead_run(folder: Path) -> Path:
    """The folder of a run that was killed."""
    with LocalFolder(folder).staging(RUN).write("orders.json"):
        pass
    return folder / INTERNAL_FOLDER / RUN


def interrupted_run(folder: Path) -> Path:
    """The folder of a run that was killed before its one file took its place."""
    run = dead_run(folder)
    (run / ".journal").write_text('{"files": ["orders.json"], "removed_files": []}')
    shutil.copy(folder / "metadata.json", run / "metadata.json")
    return run


def emptied(path: Path) -> Path:
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    return path


PLACES: dict[str, tuple[Callable[[Path], Path], set[str]]] = {
    "the internal folder": (lambda folder: emptied(folder / INTERNAL_FOLDER), COMMANDS),
    "a run's folder": (lambda folder: folder / INTERNAL_FOLDER / RUN, set()),
    "the lock": (lambda folder: emptied(folder / INTERNAL_FOLDER / ".lock"), {"export"}),
    "the lock's holder": (lambda folder: folder / INTERNAL_FOLDER / ".lock-holder", set()),
    "what holds a run": (lambda folder: dead_run(folder) / ".held-1-0badcafe", set()),
    "a journal": (lambda folder: dead_run(folder) / ".journal", COMMANDS),
    "the log": (lambda folder: emptied(folder / "export.log"), {"export"}),
    "the metadata": (lambda folder: emptied(folder / "metadata.json"), COMMANDS),
    "a data file": (lambda folder: emptied(folder / "orders.json"), COMMANDS),
    "a staged file": (
        lambda folder: emptied(interrupted_run(folder) / "orders.json"),
        COMMANDS,
    ),
}
"""By name of ours, what makes room for something else there, and which commands refuse that; the others ignore it."""


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """Somebody's folder, which looks like one of ours as far as it can."""
    victim = tmp_path / "victim"
    for folder in (victim, victim / RUN):
        folder.mkdir()
        (folder / ".run").write_text(f"run {RUN} of supa-assets\n")
        (folder / ".journal").write_text('{"files": ["orders.json"], "removed_files": ["mine"]}')
        for name in ("metadata.json", "orders.json", "mine", ".held-1-0badcafe"):
            (folder / name).write_text("theirs")
    return victim


KINDS: dict[str, Callable[[Path, Path], object]] = {
    "a link to a file": lambda place, victim: place.symlink_to(victim / ".journal"),
    "a link to a folder": lambda place, victim: place.symlink_to(victim),
    "a link to nothing": lambda place, victim: place.symlink_to(victim / "made by us"),
    "a named pipe": lambda place, victim: os.mkfifo(place),
}


@pytest.fixture
def source(make_database: Callable[..., Database]) -> Database:
    database = make_database()
    database.execute("CREATE TABLE orders AS SELECT n AS id FROM generate_series(1, 3) n")
    return database


@pytest.fixture
def exported(source: Database, tmp_path: Path) -> Path:
    export_database(url=source.url, output=tmp_path / "out", auth=False)
    return tmp_path / "out"


@pytest.fixture
def run(source: Database, make_database: Callable[..., Database]) -> Callable[..., str]:
    """Run a command on a folder; gives what it refused with, nothing where it went through."""
    target = make_database()

    def call(command: str, folder: Path) -> str:
        try:
            if command == "export":
                export_database(url=source.url, output=folder, auth=False)
            elif command == "restore":
                into = TargetDatabase(target.url)
                restore_export(LocalFolder(folder), into, creates=True, is_dry_run=True)
            else:
                options = ["--files-only"] if command == "prove" else []
                done = CliRunner().invoke(commands, [command, *options, str(folder)])
                if isinstance(done.exception, SupaAssetsError):
                    raise done.exception
                assert done.exc_info is None or done.exc_info[0] is SystemExit, done.exc_info
                return done.output if done.exit_code else ""
        except SupaAssetsError as error:
            return str(error)
        return ""

    return call


@pytest.mark.parametrize("place", PLACES)
def test_a_link_in_a_place_of_ours_is_named_and_its_target_left_as_it_is(
    place: str, exported: Path, victim: Path, run: Callable[..., str], tmp_path: Path
) -> None:
    theirs = look_at(victim)
    make_room, refusing = PLACES[place]
    for kind, make in KINDS.items():
        for command in sorted(COMMANDS):
            folder = tmp_path / "tried"
            shutil.copytree(exported, folder, symlinks=True)
            hostile = make_room(folder)
            make(hostile, victim)
            before = look_at(folder)
            said = run(command, folder)
            tried = (kind, command)
            assert look_at(victim) == theirs, tried
            assert (f'"{hostile}" is ' in said) == (command in refusing), (tried, said)
            assert bool(said) == (command in refusing), (tried, said)
            if said or command in READERS:
                assert look_at(folder) == before, tried
            emptied(folder)


@pytest.mark.parametrize("name", ["export.log", f"{INTERNAL_FOLDER}/.lock"])
def test_a_hard_link_in_the_place_of_a_file_that_is_written_to_where_it_stands_is_refused(
    name: str, exported: Path, tmp_path: Path, run: Callable[..., str]
) -> None:
    (tmp_path / "theirs").write_text("theirs")
    emptied(exported / name).hardlink_to(tmp_path / "theirs")
    before = look_at(tmp_path)
    assert f'"{exported / name}" is a hard link to another file' in run("export", exported)
    assert look_at(tmp_path) == before


def test_the_lock_s_holder_is_replaced_and_a_hard_link_s_other_name_left(
    exported: Path, tmp_path: Path, run: Callable[..., str]
) -> None:
    (tmp_path / "theirs").write_text("theirs")
    (exported / INTERNAL_FOLDER / ".lock-holder").hardlink_to(tmp_path / "theirs")
    assert run("export", exported) == ""
    assert (tmp_path / "theirs").read_text() == "theirs"


def test_what_else_lies_in_the_internal_folder_is_never_touched(
    exported: Path, run: Callable[..., str]
) -> None:
    internal = exported / INTERNAL_FOLDER
    for name in ("mine", run_id("not marked")):
        (internal / name / "deep").mkdir(parents=True)
        (internal / name / "deep" / "file").write_text("mine")
    (internal / "note.txt").write_text("mine")
    kept = [internal / name for name in ("mine", run_id("not marked"), "note.txt")]
    before = [look_at(path) for path in kept]
    dead = dead_run(exported)
    assert run("export", exported) == ""
    assert not dead.exists()
    assert [look_at(path) for path in kept] == before


# Refused, and nothing changed


def test_an_export_of_another_database_is_refused_before_anything_is_touched(
    exported: Path, make_database: Callable[..., Database]
) -> None:
    dead_run(exported)
    other = make_database()
    other.execute("CREATE TABLE others (id int)")
    before = look_at(exported)
    with pytest.raises(SupaAssetsError, match="holds an export of"):
        export_database(url=other.url, output=exported, auth=False)
    assert look_at(exported) == before


def test_an_unfinished_publication_of_another_database_is_not_finished(
    exported: Path, run: Callable[..., str]
) -> None:
    metadata = interrupted_run(exported) / "metadata.json"
    document = json.loads(metadata.read_bytes())
    document["sourceDatabase"] = {"host": "elsewhere", "port": 1, "database": "another"}
    metadata.write_text(json.dumps(document))
    before = look_at(exported)
    assert "holds an export of" in run("export", exported)
    assert look_at(exported) == before


@pytest.mark.parametrize("where", ["published", "unfinished"])
@pytest.mark.parametrize("data", ["", "{}", '{"formatVersion": 99}'])
def test_a_metadata_json_that_is_broken_or_newer_is_refused_before_anything_is_touched(
    exported: Path, run: Callable[..., str], where: str, data: str
) -> None:
    interrupted = interrupted_run(exported)
    (exported if where == "published" else interrupted).joinpath("metadata.json").write_text(data)
    before = look_at(exported)
    assert "metadata.json" in run("export", exported)
    assert look_at(exported) == before


def test_an_internal_folder_that_is_a_file_is_refused_before_anything_is_touched(
    exported: Path, run: Callable[..., str]
) -> None:
    emptied(exported / INTERNAL_FOLDER).write_text("mine")
    before = look_at(exported)
    for command in COMMANDS:
        assert f'"{exported / INTERNAL_FOLDER}" is a file' in run(command, exported)
    assert look_at(exported) == before


def test_an_internal_folder_on_another_file_system_is_refused_before_anything_is_touched(
    small_disk: Path, source: Database, run: Callable[..., str]
) -> None:
    folder = small_disk.parent / "elsewhere"
    folder.mkdir()
    internal = folder / INTERNAL_FOLDER
    internal.mkdir()
    subprocess.run(["mount", "--bind", str(small_disk), str(internal)], check=True)
    try:
        before = look_at(folder)
        assert "is on another file system" in run("export", folder)
        assert look_at(folder) == before
    finally:
        subprocess.run(["umount", str(internal)], check=True)


def test_a_server_that_is_out_of_reach_leaves_no_folder_behind(
    source: Database, tmp_path: Path
) -> None:
    plan = source.source().read_plan()
    url = "postgresql://postgres:x@127.0.0.1:1/postgres"
    settings = build_settings({"database_url": url, "output": tmp_path / "out"})
    with (
        pytest.raises(SupaAssetsError),
        begin_export(SourceDatabase(settings), LocalFolder(tmp_path / "out"), plan),
    ):
        pass
    assert not (tmp_path / "out").exists()


# An unfinished publication


def test_every_reader_sees_the_decided_export_whole_and_changes_nothing(
    exported: Path, source: Database, run: Callable[..., str], tmp_path: Path
) -> None:
    source.execute("INSERT INTO orders VALUES (4)")
    newer = tmp_path / "newer"
    export_database(url=source.url, output=newer, auth=False)
    interrupted = interrupted_run(exported)
    for file in ("metadata.json", "orders.json"):
        shutil.copy(newer / file, interrupted / file)
    before = look_at(exported)
    said = run("verify", exported)
    assert f'the publication of run "{RUN}" was interrupted' in said
    assert "1 fault in" in said
    assert run("restore", exported) == ""
    assert run("prove", exported) == ""
    assert look_at(exported) == before

    done = CliRunner().invoke(commands, ["verify", "--recover", str(exported)])
    assert done.exit_code == 0, done.output
    assert "4 rows" in done.output
    assert read_files(exported)["orders.json"] == (newer / "orders.json").read_bytes()
    assert not interrupted.exists()
