"""Which storage a location means."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import unquote

from supa_assets.errors import SettingsError
from supa_assets.files.local_folder import LocalFolder
from supa_assets.files.storage import Storage

__all__ = ["open_storage"]

_URL = re.compile(r"([a-z][a-z0-9+.-]*)://(.*)", re.DOTALL | re.IGNORECASE)


def open_storage(location: str | Path) -> Storage:
    """The storage at a path or URL; touches nothing. Raises SettingsError for a URL that no storage serves."""
    url = None if isinstance(location, Path) else _URL.fullmatch(location)
    if url is None:
        return LocalFolder(Path(location))
    scheme, rest = url[1].lower(), url[2]
    if scheme not in _BY_SCHEME:
        raise SettingsError(
            f'there is no storage for "{scheme}://"',
            hint=f"name a folder, or a URL that begins with {_list_schemes()}.",
            expected=sorted(_BY_SCHEME),
            found=scheme,
        )
    return _BY_SCHEME[scheme](rest)


def _open_file_url(rest: str) -> Storage:
    """Of `file://`; this machine may be named in it, and no other."""
    host, _, path = rest.partition("/")
    if host not in ("", "localhost"):
        raise SettingsError(
            f'the URL "file://{rest}" names the host "{host}"; only folders of this machine can be opened',
            hint="write three slashes before an absolute path: file:///var/exports.",
            found=host,
        )
    return LocalFolder(Path("/" + unquote(path)))


_BY_SCHEME: Mapping[str, Callable[[str], Storage]] = {
    "file": _open_file_url,
}
"""By a URL's scheme, what makes a storage of the rest of the URL."""


def _list_schemes() -> str:
    return " or ".join(f"{scheme}://" for scheme in sorted(_BY_SCHEME))
