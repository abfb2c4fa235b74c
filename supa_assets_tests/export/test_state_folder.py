"""The folder of what is remembered: the same wherever one stands, and asked for only where it was named."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from supa_assets.errors import OutputError
from supa_assets.export.state_folder import explain_state_folder, prepare_state_folder
from supa_assets.settings import Places


@pytest.fixture(autouse=True)
def no_instance(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)


def test_it_is_in_the_users_home_and_for_the_user_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = prepare_state_folder(Places())
    assert folder == tmp_path / ".local" / "state" / "supa-assets"
    assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("relative", ["", "state"])
def test_only_an_absolute_xdg_state_home_counts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, relative: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", relative)
    assert Places().state_folder() == tmp_path / ".local" / "state" / "supa-assets"
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert Places().state_folder() == tmp_path / "state" / "supa-assets"


def test_a_setting_wins_over_dagster_home_which_wins_over_the_users_home(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DAGSTER_HOME", "~/dagster")
    assert Places().state_folder() == tmp_path / "dagster" / "supa_assets"
    assert Places(state=tmp_path / "named").state_folder() == tmp_path / "named"


def test_a_user_without_a_home_has_none_and_is_told_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", "no/home")
    with caplog.at_level(logging.WARNING):
        assert prepare_state_folder(Places()) is None
        assert prepare_state_folder(Places()) is None
    (told,) = caplog.messages
    assert "there is no home folder" in told
    assert "SUPA_ASSETS_STATE" in told
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_the_setting_names_must_serve() -> None:
    with pytest.raises(OutputError, match="can't be written to: Not a directory") as raised:
        prepare_state_folder(Places(state=Path("/dev/null/state")))
    assert "SUPA_ASSETS_STATE" in str(raised.value.hint)


def test_a_dagster_home_that_cannot_be_written_to_costs_only_what_is_remembered(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", "/dev/null/home")
    with caplog.at_level(logging.WARNING):
        assert prepare_state_folder(Places()) is None
    assert '"/dev/null/home/supa_assets" can\'t be written to' in caplog.text


def test_what_keeps_it_from_being_written_to_is_said_with_the_way_out() -> None:
    error = explain_state_folder(Path("here"), "No space left on device")
    assert str(error).startswith(
        'the state folder "here" can\'t be written to: No space left on device\nHINT: '
    )
