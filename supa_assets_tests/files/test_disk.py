from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from supa_assets.errors import ExportFault, OutputError
from supa_assets.files.disk import as_export_fault, as_output_error
from supa_assets.files.folder import Folder, WrongKind


@pytest.mark.parametrize(
    ("number", "message", "hint"),
    [
        (errno.ENOSPC, "no space left on device, [0-9]+ bytes free", "free some space"),
        (errno.EACCES, "permission denied", "the right to read and write"),
        (errno.ENOTDIR, "it, or a folder above it, is a file", "move the file away"),
        (errno.EIO, "input/output error", "see to the disk"),
    ],
)
def test_what_the_system_refuses_is_told_with_its_remedy(
    tmp_path: Path, number: int, message: str, hint: str
) -> None:
    for telling in (as_output_error, as_export_fault):
        with (
            pytest.raises(
                OutputError, match=f'could not write "a" in "{tmp_path}": {message}'
            ) as c,
            telling('write "a" in', tmp_path),
        ):
            raise OSError(number, os.strerror(number))
        assert hint in str(c.value.hint)
        assert "What was exported earlier is intact." in str(c.value.hint)


def test_a_link_is_a_refusal_of_who_writes_and_a_fault_of_what_is_read(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    with Folder.open(tmp_path) as folder:
        said = f'"{tmp_path / "a"}" is a symbolic link; a file belongs there'
        with (
            pytest.raises(OutputError, match=said) as refusal,
            as_output_error("write in", tmp_path),
        ):
            folder.open_file("a")
        with pytest.raises(ExportFault, match=said) as fault, as_export_fault("read", tmp_path):
            folder.open_file("a")
    assert isinstance(refusal.value.__cause__, WrongKind)
    assert refusal.value.path == fault.value.path == str(tmp_path / "a")
    assert "move it away" in str(refusal.value.hint)
    assert "move it away" in str(fault.value.hint)
