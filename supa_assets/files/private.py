"""Files and folders that their user alone can read, whatever the umask."""

from __future__ import annotations

from pathlib import Path

from supa_assets.files.folder import Folder

__all__ = ["make_private_folder", "write_private_file"]


def make_private_folder(folder: Path) -> None:
    """Make a folder and its missing parents, for their user alone; what there is stays as it is.

    Raises OSError. Source: XDG Base Directory Specification, "Referencing this specification".
    """
    if folder.is_dir():
        return
    if not folder.parent.exists():
        make_private_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)


def write_private_file(path: Path, text: str) -> None:
    """Written whole or not at all, though several processes write it at once. Raises OSError."""
    with Folder.open(path.parent) as folder:
        folder.replace_file(path.name, text.encode())
