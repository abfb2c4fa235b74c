"""The last known catalogue: recalled while the database is down, and never another one's."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from supa_assets.errors import OutputError, SettingsError, SourceError
from supa_assets.export.known_plan import read_or_recall_plan
from supa_assets.settings import Settings
from supa_assets_tests.support.databases import Database
from supa_assets_tests.support.physical_copies import service_file


@pytest.fixture
def known(database: Database, tmp_path: Path) -> Settings:
    """Of a database whose catalogue was read once."""
    database.execute(
        "CREATE TABLE parents (id int PRIMARY KEY); CREATE TABLE children (parent int REFERENCES parents)"
    )
    settings = database.settings(state=tmp_path / "state")
    assert not read_or_recall_plan(settings).is_recalled
    return settings


def unreachable(settings: Settings, **changes: Any) -> Settings:
    """The same address with a wrong password."""
    url = settings.places.require_database_url()
    user, _, rest = url.removeprefix("postgresql://").partition(":")
    changed = f"postgresql://{user}:zzzzqqqq@{rest.partition('@')[2]}"
    return settings.changed(database_url=SecretStr(changed), **changes)


def test_while_the_database_is_down_the_last_known_catalogue_is_told_with_the_reason(
    known: Settings,
) -> None:
    expected = read_or_recall_plan(known).plan
    found = read_or_recall_plan(unreachable(known))
    assert found.is_recalled
    assert "password authentication failed" in str(found.reason)
    assert found.plan == expected


def test_a_reachable_database_is_always_read_anew(known: Settings, database: Database) -> None:
    database.execute("DROP TABLE children")
    assert [t.name for t in read_or_recall_plan(known).plan.tables] == ["parents"]
    assert [t.name for t in read_or_recall_plan(unreachable(known)).plan.tables] == ["parents"]


def test_what_is_remembered_holds_no_credential(
    known: Settings, database: Database, tmp_path: Path
) -> None:
    (remembered,) = (tmp_path / "state").iterdir()
    assert database.server.password not in remembered.read_text()
    assert database.server.password not in remembered.name


def test_what_is_remembered_is_private_and_written_through_no_link(
    known: Settings, tmp_path: Path
) -> None:
    (remembered,) = (tmp_path / "state").iterdir()
    assert stat.S_IMODE(remembered.stat().st_mode) == 0o600
    (tmp_path / "victim").write_text("theirs")
    remembered.unlink()
    remembered.symlink_to(tmp_path / "victim")
    with pytest.raises(SourceError):  # what is no file is not recalled
        read_or_recall_plan(unreachable(known))
    read_or_recall_plan(known)
    assert (tmp_path / "victim").read_text() == "theirs"
    assert read_or_recall_plan(unreachable(known)).is_recalled


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        {"schemas": ("other",)},
        {"auth": True},
        {"large_tables": ()},
        {"auth_users_columns": ("*",)},
    ],
)
def test_another_choice_of_tables_recalls_nothing(known: Settings, changes: dict[str, Any]) -> None:
    with pytest.raises(SourceError, match="password authentication failed"):
        read_or_recall_plan(unreachable(known, **changes))


def test_another_database_recalls_nothing(known: Settings) -> None:
    url = unreachable(known).places.require_database_url().rpartition("/")[0]
    with pytest.raises(SourceError):
        read_or_recall_plan(known.changed(database_url=SecretStr(f"{url}/postgres")))


def test_a_service_that_names_another_database_by_now_recalls_nothing(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = tmp_path / "services"
    monkeypatch.setenv("PGSERVICEFILE", str(services))
    settings = database.settings(state=tmp_path / "state").changed(
        database_url=SecretStr("postgresql:///?service=mine")
    )
    services.write_text(service_file(database))
    assert not read_or_recall_plan(settings).is_recalled
    services.write_text(service_file(database, password="zzzzqqqq"))
    assert read_or_recall_plan(settings).is_recalled
    services.write_text(service_file(database, password="zzzzqqqq", dbname="other"))
    with pytest.raises(SourceError, match="password authentication failed"):
        read_or_recall_plan(settings)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"tables": 1}', b"\xff"])
def test_a_broken_or_foreign_file_is_as_if_there_were_none(
    known: Settings, tmp_path: Path, content: bytes
) -> None:
    (remembered,) = (tmp_path / "state").iterdir()
    remembered.write_bytes(content)
    with pytest.raises(SourceError, match="password authentication failed"):
        read_or_recall_plan(unreachable(known))
    read_or_recall_plan(known)
    assert read_or_recall_plan(unreachable(known)).is_recalled


def test_a_folder_in_the_files_place_is_as_if_there_were_none(
    known: Settings, tmp_path: Path
) -> None:
    (remembered,) = (tmp_path / "state").iterdir()
    remembered.unlink()
    remembered.mkdir()
    with pytest.raises(SourceError):
        read_or_recall_plan(unreachable(known))
    with pytest.raises(OutputError) as raised:
        read_or_recall_plan(known)
    assert "SUPA_ASSETS_STATE" in str(raised.value.hint)
    assert list((tmp_path / "state").iterdir()) == [remembered]


def test_a_state_folder_that_cannot_be_made_is_named(database: Database, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"state folder .* can't be written to"):
        read_or_recall_plan(database.settings(state=tmp_path / "file" / "state"))


@pytest.mark.slow
def test_no_url_and_a_bad_one_are_errors_though_a_catalogue_is_known(known: Settings) -> None:
    with pytest.raises(SettingsError, match="is not set"):
        read_or_recall_plan(known.changed(database_url=None))
    with pytest.raises(SettingsError, match="malformed"):
        read_or_recall_plan(known.changed(database_url=SecretStr("nonsense")))
