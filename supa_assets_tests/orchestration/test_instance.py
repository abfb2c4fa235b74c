"""The Dagster instance of this program's own commands, wherever one stands."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from supa_assets.errors import OutputError, SettingsError
from supa_assets.orchestration.instance import dagster_environment, open_instance
from supa_assets.settings import Settings
from supa_assets_tests.support.programs import REPOSITORY, run_program
from supa_assets_tests.support.project import Project
from supa_assets_tests.support.waiting import wait_until

TELEMETRY_BANNER = "Telemetry:"


@pytest.fixture
def anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, without an instance of the user's."""
    folder = tmp_path / "anywhere"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    return folder


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.of(state=tmp_path / "own state")


@pytest.fixture
def usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


# Which


def test_the_instance_is_that_of_dagster_home(
    project: Project, instance: dg.DagsterInstance
) -> None:
    with open_instance(project.settings()) as opened:
        assert opened.root_directory == instance.root_directory


@pytest.mark.usefixtures("anywhere")
def test_a_dagster_home_in_dotenv_counts(tmp_path: Path, settings: Settings) -> None:
    (tmp_path / "home").mkdir()
    Path(".env").write_text(f"DAGSTER_HOME={tmp_path / 'home'}\n")
    with open_instance(settings) as opened:
        assert opened.root_directory == str(tmp_path / "home")
    assert "DAGSTER_HOME" not in os.environ


@pytest.mark.parametrize("home", ["/dev/null/none", "relative"])
@pytest.mark.usefixtures("anywhere")
def test_a_dagster_home_that_is_no_folder_is_named(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, home: str
) -> None:
    Path("relative").mkdir()
    monkeypatch.setenv("DAGSTER_HOME", home)
    with pytest.raises(SettingsError, match=f'DAGSTER_HOME is "{home}"'), open_instance(settings):
        pass


def test_without_an_instance_it_is_our_own_in_the_state_folder(
    anywhere: Path, settings: Settings, tmp_path: Path
) -> None:
    with open_instance(settings) as opened:
        assert opened.root_directory == str(tmp_path / "own state" / "dagster")
        assert opened.is_persistent
    assert list(anywhere.iterdir()) == []


def test_the_repositorys_dagster_yaml_keeps_the_history_beside_itself(
    anywhere: Path, settings: Settings
) -> None:
    shutil.copy(REPOSITORY / "dagster.yaml", anywhere)
    with open_instance(settings) as opened:
        opened.add_run_tags(_new_run(opened), {"told": "1"})
    assert _count_runs(anywhere / ".dagster" / "storage") == 1
    assert sorted(path.name for path in anywhere.iterdir()) == [".dagster", "dagster.yaml"]


def test_what_a_dagster_yaml_gives_no_place_is_kept_all_the_same(
    anywhere: Path, settings: Settings, tmp_path: Path
) -> None:
    (anywhere / "dagster.yaml").write_text("telemetry: {enabled: true}\n")
    with open_instance(settings) as opened:
        _new_run(opened)
    assert _count_runs(tmp_path / "own state" / "dagster") == 1
    assert [path.name for path in anywhere.iterdir()] == ["dagster.yaml"]


@pytest.mark.usefixtures("anywhere")
def test_a_dagster_yaml_may_name_variables_of_dotenv(settings: Settings, tmp_path: Path) -> None:
    Path(".env").write_text(f"PLACE={tmp_path / 'place'}\n")
    Path("dagster.yaml").write_text("storage: {sqlite: {base_dir: {env: PLACE}}}\n")
    with open_instance(settings) as opened:
        _new_run(opened)
    assert _count_runs(tmp_path / "place") == 1


@pytest.mark.usefixtures("anywhere")
def test_where_nothing_can_be_written_the_history_is_in_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/dev/null")
    with open_instance(Settings()) as opened:
        assert opened.is_ephemeral
        assert not opened.telemetry_enabled


@pytest.mark.usefixtures("anywhere")
def test_a_history_that_cannot_be_made_in_the_folder_that_was_named_is_told(
    settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "own state" / "dagster.lock").mkdir(parents=True)
    with (
        pytest.raises(OutputError, match="own state\" can't be written to: Is a directory"),
        open_instance(settings),
    ):
        pass


# Telemetry


@pytest.mark.parametrize("where", ["DAGSTER_HOME", "./dagster.yaml", "our own"])
def test_our_commands_take_no_part_in_telemetry_whatever_the_instance_says(
    anywhere: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    if where != "our own":
        (anywhere / "dagster.yaml").write_text("telemetry: {enabled: true}\n")
    if where == "DAGSTER_HOME":
        monkeypatch.setenv("DAGSTER_HOME", str(anywhere))
    with open_instance(settings) as opened:
        assert not opened.telemetry_enabled


# Made whole, and for its user alone


@pytest.mark.usefixtures("anywhere")
def test_what_a_killed_process_left_half_made_is_made_anew(
    settings: Settings, tmp_path: Path
) -> None:
    runs = tmp_path / "own state" / "dagster.unfinished" / "history" / "runs"
    runs.mkdir(parents=True)
    (runs / "index.db").touch()
    with open_instance(settings) as opened:
        _new_run(opened)
    left = sorted(path.name for path in (tmp_path / "own state").iterdir())
    assert left == ["dagster", "dagster.lock"]


@pytest.mark.usefixtures("anywhere", "usual_umask")
def test_the_umask_is_as_before_once_the_instance_is_closed(settings: Settings) -> None:
    with open_instance(settings):
        assert _umask() == 0o077
    assert _umask() == 0o022


@pytest.mark.usefixtures("project", "usual_umask")
def test_the_modes_in_a_dagster_home_are_its_owners_affair(settings: Settings) -> None:
    with open_instance(settings):
        assert _umask() == 0o022


# Programs of Dagster's that are started here


@pytest.mark.usefixtures("anywhere")
def test_a_program_of_dagsters_gets_the_same_instance(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_instance(settings) as opened:
        given = dagster_environment(settings)
        assert given == {"DAGSTER_HOME": opened.root_directory}
    monkeypatch.setenv("DAGSTER_HOME", given["DAGSTER_HOME"])
    with dg.DagsterInstance.get() as theirs:
        assert theirs.root_directory == given["DAGSTER_HOME"]
        assert not theirs.telemetry_enabled


@pytest.mark.usefixtures("anywhere")
def test_a_program_of_dagsters_finds_the_users_instance_by_itself(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    Path("dagster.yaml").touch()
    assert dagster_environment(settings) == {}
    Path("dagster.yaml").unlink()
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    assert dagster_environment(settings) == {}


# The command


@pytest.mark.slow
def test_where_one_stands_and_the_umask_change_nothing(project: Project, tmp_path: Path) -> None:
    for umask, name in ("000", "first"), ("077", "second"):
        done = export(tmp_path, umask=umask, folder=name)
        assert done.returncode == 0, done.stderr
        assert TELEMETRY_BANNER not in done.stderr + done.stdout
        assert [path.name for path in (tmp_path / name).iterdir()] == ["migration-data"]

    state = tmp_path / "user" / ".local" / "state" / "supa-assets"
    assert _count_runs(state / "dagster") == 2
    assert _modes(tmp_path / "user") == _modes(tmp_path / "first") == {"0o600", "0o700"}
    assert [path.name for path in (tmp_path / "user").iterdir()] == [".local"]
    assert list((tmp_path / "temporary").iterdir()) == []


@pytest.mark.slow
def test_in_a_checkout_the_history_has_private_modes_whatever_the_umask(
    project: Project, tmp_path: Path
) -> None:
    folder = tmp_path / "checkout"
    folder.mkdir()
    shutil.copy(REPOSITORY / "dagster.yaml", folder)
    done = export(tmp_path, umask="000", folder="checkout")

    assert done.returncode == 0, done.stderr
    assert _count_runs(folder / ".dagster" / "storage") == 1
    assert _modes(folder / ".dagster") == {"0o600", "0o700"}


@pytest.mark.slow
def test_two_exports_at_once_share_a_history_that_neither_had(
    project: Project, tmp_path: Path
) -> None:
    both = [start_export(tmp_path, folder=name) for name in ("first", "second")]
    for program in both:
        said, _ = program.communicate(timeout=120)
        assert program.returncode == 0, said
    assert _count_runs(tmp_path / "user" / ".local" / "state" / "supa-assets" / "dagster") == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    "moment",
    [
        "user/.local/state/supa-assets/dagster.unfinished/history",
        "user/.local/state/supa-assets/dagster",
        "out/export.log",
    ],
)
def test_a_kill_leaves_nothing_that_piles_up_and_harms_no_later_export(
    project: Project, tmp_path: Path, moment: str
) -> None:
    out = str(tmp_path / "out")
    program = start_export(tmp_path, "--output-dir", out, folder="empty")
    wait_until(lambda: (tmp_path / moment).exists() or program.poll() is not None)
    program.kill()
    program.communicate()

    assert list((tmp_path / "empty").iterdir()) == []
    assert list((tmp_path / "temporary").iterdir()) == []
    done = export(tmp_path, "--output-dir", out, folder="empty")
    assert done.returncode == 0, done.stderr
    state = tmp_path / "user" / ".local" / "state" / "supa-assets"
    assert {path.name.partition("-")[0] for path in state.iterdir()} == {
        "catalog",
        "dagster",
        "dagster.lock",
    }


@pytest.mark.slow
def test_without_a_home_that_can_be_written_to_an_export_says_so_in_one_line(
    project: Project, tmp_path: Path
) -> None:
    done = export(tmp_path, folder="empty", HOME="/dev/null")

    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stderr.splitlines() if "not kept" in line]
    assert '"/dev/null/.local/state/supa-assets" can\'t be written to: Not a directory' in line
    assert [path.name for path in (tmp_path / "empty").iterdir()] == ["migration-data"]
    assert list((tmp_path / "temporary").iterdir()) == []


def export(
    place: Path, *options: str, folder: str, umask: str = "022", **environment: str
) -> subprocess.CompletedProcess[str]:
    """`supa-assets export` in a folder, by a user with a home and a folder for temporary files."""
    program = ["-c", f'umask {umask}; exec "$@"', "sh", str(_program()), "export", *options]
    variables = {**_user(place, folder), **environment}
    return run_program("/bin/sh", *program, folder=place / folder, **variables)


def start_export(place: Path, *options: str, folder: str) -> subprocess.Popen[str]:
    variables = {**os.environ, **_user(place, folder)}
    return subprocess.Popen(
        [_program(), "export", *options],
        cwd=place / folder,
        env={name: value for name, value in variables.items() if value is not None},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _user(place: Path, folder: str) -> dict[str, str | None]:
    for name in ("user", "temporary", folder):
        (place / name).mkdir(mode=0o700, exist_ok=True)
    return {
        "HOME": str(place / "user"),
        "TMPDIR": str(place / "temporary"),
        "DAGSTER_HOME": None,
        "XDG_STATE_HOME": None,
        "SUPA_ASSETS_STATE": None,
        "SUPA_ASSETS_AUTH": "false",
        "PYTHONWARNINGS": "ignore",
    }


def _program() -> Path:
    return Path(sys.executable).with_name("supa-assets")


def _new_run(instance: dg.DagsterInstance) -> str:
    @dg.job
    def nothing() -> None:
        pass

    return nothing.execute_in_process(instance=instance).run_id


def _count_runs(base: Path) -> int:
    with dg.DagsterInstance.local_temp(str(base)) as instance:
        return instance.get_runs_count()


def _modes(folder: Path) -> set[str]:
    return {oct(path.stat().st_mode & 0o777) for path in [folder, *folder.rglob("*")]}


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
