"""A directory tree in the order and form the engine wants: parents first, names by their bytes, Go's file modes."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ez.build.buildkit.session.patterns import Patterns

_DIRECTORY = 1 << 31
_SYMLINK = 1 << 27
_DEVICE = 1 << 26
_FIFO = 1 << 25
_SET_UID = 1 << 23
_SET_GID = 1 << 22
_CHARACTER_DEVICE = 1 << 21
_STICKY = 1 << 20

_TYPES = {
    stat.S_IFREG: 0,
    stat.S_IFDIR: _DIRECTORY,
    stat.S_IFLNK: _SYMLINK,
    stat.S_IFIFO: _FIFO,
    stat.S_IFBLK: _DEVICE,
    stat.S_IFCHR: _DEVICE | _CHARACTER_DEVICE,
}


@dataclass(frozen=True)
class Entry:
    """A file, directory or link. `path` is relative and `/`-separated; `status` is its own, not its target's."""

    path: str
    status: os.stat_result
    link: str = ""

    @property
    def is_file(self) -> bool:
        return stat.S_ISREG(self.status.st_mode)

    @property
    def go_mode(self) -> int:
        """The mode as Go's os.FileMode."""
        mode = self.status.st_mode
        made = stat.S_IMODE(mode) & 0o777 | _TYPES[stat.S_IFMT(mode)]
        for bit, go_bit in ((stat.S_ISUID, _SET_UID), (stat.S_ISGID, _SET_GID), (stat.S_ISVTX, _STICKY)):
            if mode & bit:
                made |= go_bit
        return made


def walk(root: Path, include: Patterns, exclude: Patterns) -> Iterator[Entry]:
    """Everything below `root` that `include` (all, if empty) names and `exclude` does not.

    A directory comes before what is in it, and only if something in it comes or it is named itself. What vanishes
    during the walk is left out. Raises OSError where a directory cannot be read.
    """
    pending: list[Entry] = []
    for entry in _all_below(root, include, exclude):
        while pending and not entry.path.startswith(pending[-1].path + "/"):
            pending.pop()
        if not _named(entry.path, include, exclude):
            pending.append(entry)
            continue
        yield from pending
        pending.clear()
        yield entry


def _all_below(root: Path, include: Patterns, exclude: Patterns) -> Iterator[Entry]:
    """Every entry that is named or is a directory in which something could be."""
    waiting = [iter(_children(root, ""))]
    while waiting:
        entry = next(waiting[-1], None)
        if entry is None:
            waiting.pop()
            continue
        is_directory = stat.S_ISDIR(entry.status.st_mode)
        below = is_directory and _could_hold(entry.path, include, exclude)
        if below or _named(entry.path, include, exclude):
            yield entry
        if below:
            waiting.append(iter(_children(root, entry.path)))


def _named(path: str, include: Patterns, exclude: Patterns) -> bool:
    return (not include or include.match(path)) and not exclude.match(path)


def _could_hold(directory: str, include: Patterns, exclude: Patterns) -> bool:
    """Whether something below `directory` could be named."""
    if include and not (include.match(directory) or include.may_match_below(directory)):
        return False
    return exclude.any_negated or not exclude.match(directory)


def open_below(root: Path, path: str, flags: int) -> int:
    """A descriptor of `path` below `root`, by way of no link, nor of one that has just taken a directory's place."""
    *above, name = path.split("/")
    directory = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in above:
            deeper = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
            os.close(directory)
            directory = deeper
        return os.open(name or ".", flags | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
    finally:
        os.close(directory)


def _children(root: Path, directory: str) -> list[Entry]:
    prefix = f"{directory}/" if directory else ""
    descriptor = open_below(root, directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with os.scandir(descriptor) as scanned:
            names = sorted((item.name for item in scanned), key=os.fsencode)
        return [entry for name in names if (entry := _entry(descriptor, name, prefix + name))]
    finally:
        os.close(descriptor)


def _entry(directory: int, name: str, path: str) -> Entry | None:
    """None for what has vanished and for what no image can hold (sockets)."""
    try:
        status = os.stat(name, dir_fd=directory, follow_symlinks=False)
        link = os.readlink(name, dir_fd=directory) if stat.S_ISLNK(status.st_mode) else ""
    except FileNotFoundError:
        return None
    return Entry(path, status, link) if stat.S_IFMT(status.st_mode) in _TYPES else None
