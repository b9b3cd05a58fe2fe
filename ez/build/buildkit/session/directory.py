"""A directory that somebody else fills: files, directories and links by name, none of which leads outside.

What is made belongs to the person who builds, so set-user-ID and set-group-ID bits, which would lend that person's
rights to others, are left out, and devices are refused.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from ez.build.buildkit.session.modes import unix_mode
from ez.build.tree import open_below

_MODE_BITS = 0o1777


@dataclass(frozen=True)
class _Named:
    """What is still to be given to a file or directory: permission bits and a time in ns."""

    path: str
    mode: int
    time: int


class Directory:
    """Entries come in the order of a walk: parents first, names by their bytes. All methods block.

    Raises OSError, with the relative path as its `filename`, and ValueError for what must not be made.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._last: list[bytes] = []
        self._files: dict[int, tuple[_Named, BinaryIO | None]] = {}
        self._directories: list[_Named] = []

    def add(self, number: int, entry: Any) -> bool:
        """Make the `fsutil.types.Stat` `entry`; whether its contents are wanted."""
        parent, name = self._checked(entry.path)
        mode = unix_mode(entry.mode)
        with self._opened(parent) as directory:
            try:
                return self._make(number, entry, mode, directory, name)
            except OSError as error:
                error.filename = entry.path
                raise

    def write(self, number: int, data: bytes) -> None:
        """The next bytes of a file; none end it."""
        named, file = self._files[number]
        if file is None:
            descriptor = open_below(self._root, named.path, os.O_WRONLY)
            file = os.fdopen(descriptor, "wb")
            self._files[number] = named, file
        try:
            if data:
                file.write(data)
                return
            file.flush()
            os.fchmod(file.fileno(), named.mode)
            os.utime(file.fileno(), ns=(named.time, named.time))
            file.close()
        except OSError as error:
            error.filename = named.path
            raise
        del self._files[number]

    def finish(self) -> None:
        """Give directories their modes and times, now that nothing is made in them any more."""
        for named in reversed(self._directories):
            descriptor = open_below(self._root, named.path, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fchmod(descriptor, named.mode)
                os.utime(descriptor, ns=(named.time, named.time))
            finally:
                os.close(descriptor)

    def close(self) -> None:
        for _, file in self._files.values():
            if file is not None:
                with suppress(OSError):
                    file.close()

    def _checked(self, path: str) -> tuple[str, str]:
        """The parent and the name of a path that comes after all before it."""
        parts = _parts(path)
        in_bytes = [os.fsencode(part) for part in parts]
        if in_bytes <= self._last:
            raise ValueError(f"the engine exports files out of order: `{path}`")
        self._last = in_bytes
        return "/".join(parts[:-1]), parts[-1]

    def _make(self, number: int, entry: Any, mode: int, directory: int, name: str) -> bool:
        if stat.S_ISDIR(mode):
            self._directories.append(_Named(entry.path, mode & _MODE_BITS, entry.mod_time))
            _make_directory(directory, name)
            return False
        if stat.S_ISBLK(mode) or stat.S_ISCHR(mode):
            raise ValueError(f"a device is not exported: `{entry.path}`")
        _make_way(directory, name)
        if stat.S_ISLNK(mode):
            os.symlink(entry.linkname, name, dir_fd=directory)
            os.utime(name, ns=(entry.mod_time, entry.mod_time), dir_fd=directory, follow_symlinks=False)
        elif entry.linkname:
            *above, first = _parts(entry.linkname)
            with self._opened("/".join(above)) as origin:
                os.link(first, name, src_dir_fd=origin, dst_dir_fd=directory, follow_symlinks=False)
        elif stat.S_ISFIFO(mode):
            os.mkfifo(name, mode & 0o777, dir_fd=directory)
        else:
            os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=directory))
            self._files[number] = _Named(entry.path, mode & _MODE_BITS, entry.mod_time), None
            return True
        return False

    @contextmanager
    def _opened(self, path: str) -> Iterator[int]:
        descriptor = open_below(self._root, path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            yield descriptor
        finally:
            os.close(descriptor)


def _parts(path: str) -> list[str]:
    parts = path.split("/")
    if any(part in ("", ".", "..") or "\0" in part for part in parts):
        raise ValueError(f"the engine names a file outside the output directory: `{path}`")
    return parts


def _make_directory(directory: int, name: str) -> None:
    """One that is there already is used; a link to one is not."""
    try:
        os.mkdir(name, 0o700, dir_fd=directory)
    except FileExistsError:
        if not stat.S_ISDIR(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode):
            os.unlink(name, dir_fd=directory)
            os.mkdir(name, 0o700, dir_fd=directory)


def _make_way(directory: int, name: str) -> None:
    """Remove what has the name: a file, a link, or a directory that holds nothing."""
    try:
        os.unlink(name, dir_fd=directory)
    except FileNotFoundError:
        pass
    except (IsADirectoryError, PermissionError):
        os.rmdir(name, dir_fd=directory)
