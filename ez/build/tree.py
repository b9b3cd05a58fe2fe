"""A directory tree as a build sees it: parents first, names by their bytes, nothing reached through a link.

What a definition's digest covers and what the engine is sent are both this walk.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ez.build.ignore import Patterns

_TYPES = (stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK, stat.S_IFIFO, stat.S_IFBLK, stat.S_IFCHR)
_AT_ONCE = 256


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
    def is_directory(self) -> bool:
        return stat.S_ISDIR(self.status.st_mode)


def walk(root: Path, include: Patterns, *exclude: Patterns) -> Iterator[Entry]:
    """Everything below `root` that `include` (all, if empty) names and no `exclude` does.

    A directory comes before what is in it, and only if something in it comes or it is named itself. What vanishes
    during the walk is left out, and memory does not grow with the tree. Raises OSError, with the relative path as
    its `filename`, where a directory cannot be read.
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
    except OSError as error:
        error.filename = path
        raise
    finally:
        os.close(directory)


def _all_below(root: Path, include: Patterns, exclude: tuple[Patterns, ...]) -> Iterator[Entry]:
    """Every entry that is named or is a directory in which something could be."""
    waiting = [_children(root, "")]
    while waiting:
        entry = next(waiting[-1], None)
        if entry is None:
            waiting.pop()
            continue
        below = entry.is_directory and _could_hold(entry.path, include, exclude)
        if below or _named(entry.path, include, exclude):
            yield entry
        if below:
            waiting.append(_children(root, entry.path))


def _named(path: str, include: Patterns, exclude: tuple[Patterns, ...]) -> bool:
    return (not include or include.match(path)) and not any(patterns.match(path) for patterns in exclude)


def _could_hold(directory: str, include: Patterns, exclude: tuple[Patterns, ...]) -> bool:
    """Whether something below `directory` could be named."""
    if include and not (include.match(directory) or include.may_match_below(directory)):
        return False
    return not any(patterns.match(directory) and not patterns.may_spare_below(directory) for patterns in exclude)


def _children(root: Path, directory: str) -> Iterator[Entry]:
    prefix = f"{directory}/" if directory else ""
    names = _names(root, directory)
    for start in range(0, len(names), _AT_ONCE):
        try:
            descriptor = open_below(root, directory, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            return
        try:
            found = [_entry(descriptor, name, prefix + name) for name in names[start : start + _AT_ONCE]]
        finally:
            os.close(descriptor)
        yield from (entry for entry in found if entry)


def _names(root: Path, directory: str) -> list[str]:
    """Sorted by their bytes; none of a directory below `root` that has vanished."""
    try:
        descriptor = open_below(root, directory, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        if not directory:
            raise
        return []
    try:
        return sorted(os.listdir(descriptor), key=os.fsencode)
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
