"""A folder of this computer that nothing leads out of, for somebody else to work in."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from ez.env.sftp_wire import Attributes

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""A pipe would be waited for without O_NONBLOCK; files do not mind it."""


class Jail:
    """`folder` is an absolute path that is opened at once; with `below`, no link is followed on the way from there.

    Paths are bytes with `/` between names, the folder itself is `/`. No link is ever followed: whoever looks at one
    from elsewhere reads it and resolves it there. So neither `..` nor a link that is made meanwhile leads anywhere.
    Methods raise OSError.
    """

    def __init__(self, folder: str, *, read_only: bool = False, below: str = "") -> None:
        self.read_only = read_only
        start = os.open(below or folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        names = os.fsencode(os.path.relpath(folder, below)).split(b"/") if below and folder != below else []
        self._top = _walk(start, names)

    def close(self) -> None:
        os.close(self._top)

    def open(self, path: bytes, flags: int, mode: int) -> int:
        """A descriptor of a plain file. Devices and pipes are refused."""
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC):
            self._check_writable()
        with self._parent(path) as (folder, name):
            with suppress(FileNotFoundError):
                _check_plain(os.stat(name, dir_fd=folder, follow_symlinks=False))
            descriptor = os.open(name, flags | _FILE, mode & 0o777, dir_fd=folder)
        try:
            _check_plain(os.fstat(descriptor))
        except OSError:
            os.close(descriptor)
            raise
        return descriptor

    def stat(self, path: bytes) -> os.stat_result:
        with self._parent(path) as (folder, name):
            return os.stat(name, dir_fd=folder, follow_symlinks=False)

    def list(self, path: bytes) -> list[tuple[bytes, os.stat_result]]:
        with self._folder(path) as folder:
            found = [(b".", os.fstat(folder)), (b"..", os.fstat(folder))]
            for name in map(os.fsencode, os.listdir(folder)):
                with suppress(FileNotFoundError):
                    found.append((name, os.stat(name, dir_fd=folder, follow_symlinks=False)))
            return found

    def space(self) -> os.statvfs_result:
        return os.fstatvfs(self._top)

    def change(self, path: bytes, wanted: Attributes) -> None:
        self._check_writable()
        with self._parent(path) as (folder, name):
            if wanted.size is not None or wanted.mode is not None:
                _check_plain(os.stat(name, dir_fd=folder, follow_symlinks=False), folders=wanted.size is None)
            if wanted.size is not None:
                with _opened(name, os.O_WRONLY, folder) as descriptor:
                    os.ftruncate(descriptor, wanted.size)
            if wanted.mode is not None:
                # Of the opened file: a name may be a link a moment later.
                with _opened(name, os.O_RDONLY, folder) as descriptor:
                    os.fchmod(descriptor, wanted.mode)
            if wanted.times is not None:
                os.utime(name, wanted.times, dir_fd=folder, follow_symlinks=False)

    def make_folder(self, path: bytes, mode: int) -> None:
        self._check_writable()
        with self._parent(path) as (folder, name):
            os.mkdir(name, mode & 0o777, dir_fd=folder)

    def remove(self, path: bytes) -> None:
        self._check_writable()
        with self._parent(path) as (folder, name):
            os.unlink(name, dir_fd=folder)

    def remove_folder(self, path: bytes) -> None:
        self._check_writable()
        with self._parent(path) as (folder, name):
            os.rmdir(name, dir_fd=folder)

    def rename(self, before: bytes, after: bytes, *, replace: bool) -> None:
        self._check_writable()
        with self._parent(before) as (folder, name), self._parent(after) as (target, new):
            if not replace:
                with suppress(FileNotFoundError):
                    os.stat(new, dir_fd=target, follow_symlinks=False)
                    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
            os.rename(name, new, src_dir_fd=folder, dst_dir_fd=target)

    def read_link(self, path: bytes) -> bytes:
        with self._parent(path) as (folder, name):
            return os.readlink(name, dir_fd=folder)

    def link(self, leads_to: bytes, path: bytes) -> None:
        self._check_writable()
        with self._parent(path) as (folder, name):
            os.symlink(leads_to, name, dir_fd=folder)

    def _check_writable(self) -> None:
        if self.read_only:
            raise PermissionError(errno.EROFS, os.strerror(errno.EROFS))

    @contextmanager
    def _parent(self, path: bytes) -> Iterator[tuple[int, bytes]]:
        """The folder that something is in, and its name there."""
        *names, last = _names(path) or [b"."]
        folder = _walk(os.dup(self._top), names)
        try:
            yield folder, last
        finally:
            os.close(folder)

    @contextmanager
    def _folder(self, path: bytes) -> Iterator[int]:
        folder = _walk(os.dup(self._top), _names(path))
        try:
            yield folder
        finally:
            os.close(folder)


def _names(path: bytes) -> list[bytes]:
    names = [name for name in path.split(b"/") if name not in (b"", b".")]
    if b".." in names or b"\0" in path:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    return names


def _walk(folder: int, names: list[bytes]) -> int:
    """The folder at the end of the names; `folder` is closed where it is another one, and where there is none."""
    for name in names:
        try:
            below = os.open(name, _FOLDER, dir_fd=folder)
        finally:
            os.close(folder)
        folder = below
    return folder


@contextmanager
def _opened(name: bytes, flags: int, folder: int) -> Iterator[int]:
    descriptor = os.open(name, flags | _FILE, dir_fd=folder)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _check_plain(found: os.stat_result, *, folders: bool = False) -> None:
    if not (stat.S_ISREG(found.st_mode) or (folders and stat.S_ISDIR(found.st_mode))):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
