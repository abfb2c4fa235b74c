"""A folder by its descriptor, in which no name is followed through a link.

Who may write to an output folder may put a link, a FIFO or a device in the place of any name that this program uses.
So the folder itself is opened once (a person named it, and may have named a link); each name in it is looked up by that
descriptor, never by a path, and opened only where it is a regular file or a folder, without waiting. Python's `dir_fd`,
POSIX's openat(2).

The hole: who may write to the folder may still change what a regular file of ours holds.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from supa_assets.errors import ExportFault

__all__ = ["Folder", "WrongKind", "safe_name"]

_MODE = 0o600
_FOLDER_MODE = 0o700
_CLOSELY = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_AS_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_LONGEST_NAME = 255
_FILE, _FOLDER = "a file", "a folder"
_KINDS = {
    stat.S_IFREG: _FILE,
    stat.S_IFDIR: _FOLDER,
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class WrongKind(OSError):
    """Something else stands where a file or a folder of ours belongs; it was neither opened nor followed."""

    def __init__(self, path: Path, found: str, expected: str) -> None:
        super().__init__(errno.EINVAL, f'"{path}" is {found}; {expected} belongs there')
        self.path = path
        self.found = found

    @property
    def message(self) -> str:
        return str(self.strerror)


class Folder:
    """An open folder. Closed at the end of its context; `path` is only what a person is shown."""

    def __init__(self, fd: int, path: Path) -> None:
        self._fd = fd
        self.path = path

    @classmethod
    def open(cls, path: Path) -> Folder:
        """The folder that a person named; only here a link is followed."""
        return cls(os.open(path, _AS_FOLDER), path)

    def __enter__(self) -> Folder:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        os.close(self._fd)

    # Look

    @property
    def device(self) -> int:
        """Which file system it is on."""
        return os.fstat(self._fd).st_dev

    def is_writable(self) -> bool:
        """What the permissions say; changes nothing."""
        return os.access(".", os.W_OK | os.X_OK, dir_fd=self._fd)

    def is_on_read_only_disk(self) -> bool:
        return bool(os.fstatvfs(self._fd).f_flag & os.ST_RDONLY)

    def names(self) -> list[str]:
        return sorted(os.listdir(self._fd))  # noqa: PTH208 - Path knows no descriptors

    def visible_names(self) -> list[str]:
        """Names of all but folders that have no leading dot; what isn't a regular file is refused when it is opened."""
        return [n for n in self.names() if n[0] != "." and self.kind(n) not in (None, _FOLDER)]

    def kind(self, name: str) -> str | None:
        """What stands there, in words; None where nothing does."""
        try:
            mode = os.stat(name, dir_fd=self._fd, follow_symlinks=False).st_mode
        except FileNotFoundError:
            return None
        return _KINDS.get(stat.S_IFMT(mode), "no file")

    def is_file(self, name: str) -> bool:
        return self.kind(name) == _FILE

    def is_folder(self, name: str) -> bool:
        return self.kind(name) == _FOLDER

    def refuse_other_than_file(self, name: str) -> None:
        """Raise WrongKind where something else than a regular file stands there; that nothing does is fine."""
        self._refuse_other_than(_FILE, name)

    def refuse_other_than_folder(self, name: str) -> None:
        self._refuse_other_than(_FOLDER, name)

    def refuse_shared(self, name: str) -> None:
        """As `refuse_other_than_file`, and where the file has a second name: it may be somebody's other file."""
        self.refuse_other_than_file(name)
        with suppress(FileNotFoundError):
            status = os.stat(name, dir_fd=self._fd, follow_symlinks=False)
            self._refuse_second_name(name, status)

    def _refuse_other_than(self, expected: str, name: str) -> None:
        found = self.kind(name)
        if found not in (None, expected):
            raise WrongKind(self.path / name, str(found), expected)

    def _refuse_second_name(self, name: str, status: os.stat_result) -> None:
        if status.st_nlink > 1:
            raise WrongKind(self.path / name, "a hard link to another file", "a file of its own")

    # Folders in it

    def open_folder(self, name: str) -> Folder:
        self.refuse_other_than_folder(name)
        return Folder(os.open(name, _AS_FOLDER | os.O_NOFOLLOW, dir_fd=self._fd), self.path / name)

    def make_folder(self, name: str) -> Folder:
        """Private; one that is there will do."""
        with suppress(FileExistsError):
            os.mkdir(name, _FOLDER_MODE, dir_fd=self._fd)
        return self.open_folder(name)

    def remove_folder_if_empty(self, name: str) -> None:
        with suppress(OSError):
            os.rmdir(name, dir_fd=self._fd)

    # Files

    def open_file(self, name: str) -> BinaryIO:
        """Read a regular file."""
        return open(self._open(name, os.O_RDONLY), "rb")  # noqa: PTH123

    def open_shared(self, name: str, flags: int) -> int:
        """A descriptor of a file that is written to where it stands, so only if no other name leads to it."""
        fd = self._open(name, flags | os.O_CREAT)
        try:
            self._refuse_second_name(name, os.fstat(fd))
        except WrongKind:
            os.close(fd)
            raise
        return fd

    def create(self, name: str) -> int:
        """A descriptor to write a new file; FileExistsError where anything stands there, a link included."""
        return os.open(
            name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _CLOSELY, _MODE, dir_fd=self._fd
        )

    def read(self, name: str, *, at_most: int) -> bytes:
        """The first `at_most` bytes."""
        with self.open_file(name) as file:
            return file.read(at_most)

    def write_new(self, name: str, data: bytes) -> None:
        with open(self.create(name), "wb") as file:  # noqa: PTH123
            file.write(data)

    def replace_file(self, name: str, data: bytes) -> None:
        """Written whole or not at all; what stood there is replaced, a link itself and not what it leads to."""
        temp = f".{name}.{secrets.token_hex(4)}.tmp"
        try:
            self.write_new(temp, data)
            self.rename(temp, name)
        finally:
            self.remove(temp)

    def byte_count(self, name: str) -> int:
        self.refuse_other_than_file(name)
        return os.stat(name, dir_fd=self._fd, follow_symlinks=False).st_size

    def rename(self, name: str, new_name: str) -> None:
        os.rename(name, new_name, src_dir_fd=self._fd, dst_dir_fd=self._fd)

    def move(self, name: str, target: Folder) -> None:
        """Under the same name; one that isn't there was moved by an attempt before."""
        with suppress(FileNotFoundError):
            os.replace(name, name, src_dir_fd=self._fd, dst_dir_fd=target._fd)

    def remove(self, name: str) -> None:
        """Remove the name, whatever file or link it is; one that isn't there is fine."""
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self._fd)

    def fsync(self) -> None:
        """Make names durable. Some file systems can't do it and say so with EINVAL: PostgreSQL goes on, too."""
        try:
            os.fsync(self._fd)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.EBADF):
                raise

    def _open(self, name: str, flags: int) -> int:
        """Looked at before, since opening alone can move a device; and after, since it may have changed between."""
        self.refuse_other_than_file(name)
        fd = os.open(name, flags | _CLOSELY, _MODE, dir_fd=self._fd)
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise WrongKind(self.path / name, "no file", _FILE)
        return fd


def safe_name(name: str) -> str:
    """`name`, if it can't lead out of its folder or meet an internal one; raises ExportFault."""
    if not _is_safe(name):
        raise ExportFault(
            f'"{name}" is not a safe name: it has a separator or a leading dot, or no file can have it',
            hint="restore metadata.json from a copy; no export of this program has such a name.",
            found=name,
        )
    return name


def _is_safe(name: str) -> bool:
    if not name or name[0] == "." or any(letter in name for letter in "/\\\0"):
        return False
    try:
        return len(os.fsencode(name)) <= _LONGEST_NAME
    except UnicodeEncodeError:
        return False
