from __future__ import annotations

from pathlib import Path

import pytest

from supa_assets.errors import SettingsError
from supa_assets.files.local_folder import LocalFolder
from supa_assets.files.open import open_storage


def test_a_path_is_a_local_folder(tmp_path: Path) -> None:
    assert open_storage(tmp_path) == open_storage(str(tmp_path)) == LocalFolder(tmp_path)
    assert open_storage("exports/today") == LocalFolder(Path("exports/today"))


def test_a_file_url_is_a_local_folder(tmp_path: Path) -> None:
    folder = tmp_path / "a folder, 100% mine"
    assert open_storage(folder.as_uri()) == LocalFolder(folder)
    assert open_storage("FILE://localhost/var/x") == LocalFolder(Path("/var/x"))


def test_what_a_storage_gives_as_uri_leads_to_its_folder(tmp_path: Path) -> None:
    uri = LocalFolder(tmp_path).uri("orders.json")
    assert open_storage(uri.removesuffix("/orders.json")) == LocalFolder(tmp_path)


def test_a_scheme_that_no_storage_serves_is_refused() -> None:
    with pytest.raises(SettingsError, match='there is no storage for "s3://"') as caught:
        open_storage("s3://bucket/exports")
    assert "file://" in (caught.value.hint or "")
    assert caught.value.found == "s3"


def test_a_file_url_of_another_machine_is_refused() -> None:
    with pytest.raises(SettingsError, match='names the host "server"') as caught:
        open_storage("file://server/exports")
    assert "file:///" in (caught.value.hint or "")
