"""The files of a repo that a definition reads or copies: confined to one directory, listed and fingerprinted.

The repo may be hostile: links and `..` that leave the directory, pipes, devices and huge files are refused.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath
from typing import NoReturn

from ez.build.frontends.where import where
from ez.build.graph import Position
from ez.errors import DefinitionError, MissingInputError

LARGEST_FILE = 1 << 20
"""Bytes of a file that is read as a whole: a build file or a requirements file."""

LEFT_OUT = ".git"
"""Never part of what a build sees: it differs between clones of the same commit."""


class Inputs:
    """The directory of one definition. With `fetched` it is a partial copy: only what is below those is there."""

    def __init__(self, directory: Path, fetched: Collection[str] | None = None) -> None:
        self._root = directory.resolve()
        self._fetched = None if fetched is None else tuple(_plain(path) for path in fetched)
        self._read: set[str] = set()
        self._added: set[str] = set()

    @property
    def paths(self) -> tuple[str, ...]:
        """What was read or added so far, sorted."""
        return tuple(sorted(self._read | self._added))

    def locate(self, path: str, position: Position | None = None) -> str:
        """`path` relative to the directory, without `..`, repeated slashes or links among its parents.

        A link as the last part is kept. Raises DefinitionError where it leads out of the directory.
        """
        if any(ord(character) < 32 or ord(character) == 127 for character in path):
            raise _wrong("a path with control characters", path, position)
        plain = PurePosixPath(path)
        if plain.is_absolute() or not _stays_below(plain):
            raise _wrong("a path outside the repo", path, position)
        whole = self._root / plain
        parent = (whole.parent if plain.name not in ("", "..") else whole).resolve()
        found = parent / plain.name if plain.name not in ("", "..") else parent
        if not found.is_relative_to(self._root) or not parent.is_relative_to(self._root):
            raise _wrong("a link that leads out of the repo", path, position)
        return found.relative_to(self._root).as_posix()

    def read(self, path: str, position: Position | None = None, missing_hint: str | None = None) -> bytes:
        """The contents of a regular file of at most `LARGEST_FILE` bytes.

        Raises MissingInputError if it is not there, DefinitionError for anything that is no such file.
        """
        wanted = self.locate(path, position)
        found = (self._root / wanted).resolve()
        if not found.is_relative_to(self._root):
            raise _wrong("a link that leads out of the repo", path, position)
        try:
            status = found.stat()
        except FileNotFoundError:
            self._missing((wanted, found.relative_to(self._root).as_posix()), path, position, missing_hint)
        except OSError as error:
            raise _wrong("cannot be read", path, position) from error
        if not stat.S_ISREG(status.st_mode):
            raise _wrong("not a file", path, position)
        if status.st_size > LARGEST_FILE:
            raise _wrong(f"larger than {LARGEST_FILE >> 20} MB", path, position)
        try:
            content = found.read_bytes()
        except OSError as error:
            raise _wrong("cannot be read", path, position) from error
        self._read.add(wanted)
        return content

    def add(self, path: str, position: Position | None = None) -> str:
        """Count the file or the whole directory `path` among what the build uses; its path as `locate` gives it.

        Raises MissingInputError if it is not there.
        """
        wanted = self.locate(path, position)
        if not self._has(wanted) or not os.path.lexists(self._root / wanted):
            self._missing((wanted,), path, position, None)
        self._added.add(wanted)
        return wanted

    def fingerprint(self) -> tuple[tuple[str, str, str], ...]:
        """`(path, kind, content)` of every file and link that was added, sorted, each once.

        Build files take no part: what they say is in the graph.
        """
        found: dict[str, tuple[str, str]] = {}
        for path in self._added:
            for file in self._files(self._root / path):
                found[_name(file.relative_to(self._root))] = _described(file)
        return tuple((path, *found[path]) for path in sorted(found))

    def _has(self, wanted: str) -> bool:
        if self._fetched is None:
            return True
        return any(path in ("", ".") or PurePosixPath(wanted).is_relative_to(path) for path in self._fetched)

    def _missing(self, wanted: tuple[str, ...], path: str, position: Position | None, hint: str | None) -> NoReturn:
        """Raise MissingInputError, or DefinitionError where the caller has already looked for all of `wanted`."""
        message = f"no such file in the repo: `{path}`"
        action = hint or f"add `{path}` to the repo or correct its name"
        if self._fetched is not None and all(self._has(one) for one in wanted):
            raise DefinitionError(message, action, **where(position))
        raise MissingInputError(message, action, paths=tuple(dict.fromkeys(wanted)), **where(position))

    def _files(self, top: Path) -> Iterator[Path]:
        """`top`, or all files and links below it. Links are never followed."""
        if top.is_symlink() or not top.is_dir():
            yield top
            return
        for parent, directories, files in os.walk(top):
            links = [name for name in directories if os.path.islink(os.path.join(parent, name))]
            directories[:] = [name for name in directories if name != LEFT_OUT and name not in links]
            yield from (Path(parent, name) for name in (*files, *links) if name != LEFT_OUT)


def _described(file: Path) -> tuple[str, str]:
    """What a file is, in Git's terms: kind and content."""
    status = file.lstat()
    if stat.S_ISLNK(status.st_mode):
        return "link", _name(Path(os.readlink(file)))
    if not stat.S_ISREG(status.st_mode):
        return "other", ""
    try:
        with file.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
    except OSError as error:
        raise DefinitionError(f"cannot read a file that the build copies: `{file}`", f"chmod +r '{file}'") from error
    return ("program" if status.st_mode & 0o111 else "file"), digest


def _stays_below(path: PurePosixPath) -> bool:
    depth = 0
    for part in path.parts:
        depth += -1 if part == ".." else 1
        if depth < 0:
            return False
    return True


def _plain(path: str) -> str:
    return PurePosixPath(path).as_posix()


def _name(path: Path) -> str:
    """A path's bytes as text that is the same everywhere."""
    return os.fsencode(path.as_posix()).decode("utf-8", "backslashreplace")


def _wrong(what: str, path: str, position: Position | None) -> DefinitionError:
    shown = path if path.isprintable() else repr(path)
    return DefinitionError(f"{what}: `{shown}`", "name a regular file inside the repo", **where(position))
