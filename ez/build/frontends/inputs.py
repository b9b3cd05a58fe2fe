"""The files of a repo that a definition reads or copies: confined to one directory, listed and fingerprinted.

The repo may be hostile: links and `..` that leave the directory, pipes, devices and huge files are refused.
"""

from __future__ import annotations

import os
import re
import shlex
import stat
from collections.abc import Collection, Iterable
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import NoReturn

from ez.build.contents import Contents
from ez.build.frontends.where import where
from ez.build.graph import Position
from ez.build.ignore import IGNORE_FILES, Ignored, Patterns, ignored, literal
from ez.build.tree import Entry, open_below, walk
from ez.errors import DefinitionError, MissingInputError

LARGEST_FILE = 1 << 20
"""Bytes of a file that is read as a whole: a build file or a requirements file."""

LEFT_OUT = ".git"
"""Never part of what a build sees: it differs between clones of the same commit."""


LOCK = "ez.lock"
"""The file at the top of a repo that says what names stand for: `ez.build.lock.lockfile`."""


class Inputs:
    """The directory of one definition. With `fetched` it is a partial copy: only what is below those is there.
    In the directory `digests` those of large files are remembered."""

    def __init__(self, directory: Path, fetched: Collection[str] | None = None, *, digests: Path | None = None) -> None:
        self._root = directory.resolve()
        self._digests = digests
        self._fetched = None if fetched is None else tuple(_plain(path) for path in fetched)
        self._read: set[str] = set()
        self._added: set[str] = set()
        self._matching: set[str] = set()

    @property
    def directory(self) -> Path:
        return self._root

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
        parent = _resolved(whole.parent if plain.name not in ("", "..") else whole, path, position)
        found = parent / plain.name if plain.name not in ("", "..") else parent
        if not found.is_relative_to(self._root) or not parent.is_relative_to(self._root):
            raise _wrong("a link that leads out of the repo", path, position)
        return found.relative_to(self._root).as_posix()

    def read(self, path: str, position: Position | None = None, missing_hint: str | None = None) -> bytes:
        """The contents of a regular file of at most `LARGEST_FILE` bytes.

        Raises MissingInputError if it is not there, DefinitionError for anything that is no such file.
        """
        wanted = self.locate(path, position)
        found = _resolved(self._root / wanted, path, position)
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

    def find(self, path: str) -> bytes | None:
        """As `read`; None for a file that the repo does not have. A partial copy is asked for it once."""
        wanted = self.locate(path)
        if self._fetched is not None:
            self._read.add(wanted)
        if self._has(wanted) and not os.path.lexists(self._root / wanted):
            return None
        return self.read(path)

    def line(self, path: str | None, number: int | None) -> str | None:
        """A line of a file that was read, to show it; None where there is no such line."""
        if path is None or number is None or path not in self._read:
            return None
        try:
            lines = re.split(r"\r\n|\r|\n", self.read(path).decode("utf-8-sig", "replace"))
        except DefinitionError:
            return None
        return lines[number - 1] if 1 <= number <= len(lines) else None

    def add(self, path: str, position: Position | None = None) -> str:
        """Count the file or the whole directory `path` among what the build uses; its path as `locate` gives it.

        Raises MissingInputError if it is not there, DefinitionError where the repo's ignore file leaves it out.
        """
        wanted = self.locate(path, position)
        if self._fetched is not None:
            self._read.update(IGNORE_FILES)
        if not all(self._has(one) for one in (wanted, *IGNORE_FILES)) or not os.path.lexists(self._root / wanted):
            self._missing((wanted,), path, position, None)
        if wanted != "." and self._ignored.hides(wanted):
            message = f"`{self._ignored.file}` leaves out a file that the build copies: `{path}`"
            raise DefinitionError(message, f"add the line `!{wanted}` to `{self._ignored.file}`", **where(position))
        self._added.add(wanted)
        return wanted

    def add_matching(self, patterns: Iterable[str], position: Position | None = None) -> None:
        """Count the files that match one of `patterns` among what the build uses.

        Raises MissingInputError for a partial copy that does not have the whole directory.
        """
        if not self._has("."):
            self._missing((".",), ".", position, None)
        self._matching.update(patterns)

    def count(self, paths: Iterable[str]) -> None:
        """Count what a program read by itself among what the definition read; its contents take no part in the digest.

        Raises MissingInputError for what a partial copy has not been given yet.
        """
        wanted = [self.locate(path) for path in paths]
        missing = tuple(path for path in wanted if not self._has(path))
        if missing:
            raise MissingInputError(f"not fetched yet: `{missing[0]}`", "run it again", paths=missing)
        self._read.update(path for path in wanted if os.path.lexists(self._root / path))

    def fingerprint(self) -> tuple[tuple[str, str, str], ...]:
        """`(path, kind, content)` of every file and link that was added, sorted, each once: what the engine is sent.

        Build files take no part: what they say is in the graph.
        """
        if not self._added and not self._matching:
            return ()
        wanted = (*(literal(path) for path in self._added), *self._matching)
        include = Patterns(() if "." in self._added else wanted)
        contents = Contents(self._root, self._digests)
        try:
            entries = walk(self._root, include, Patterns((f"**/{LEFT_OUT}",)), self._ignored.patterns)
            found = [
                (_name(entry.path), *self._described(entry, contents)) for entry in entries if not entry.is_directory
            ]
        except OSError as error:
            message = f"cannot read a file that the build copies: `{error.filename}`"
            raise DefinitionError(message, f"chmod -R u+rX {shlex.quote(str(error.filename))}") from error
        contents.keep()
        return tuple(sorted(found))

    @cached_property
    def _ignored(self) -> Ignored:
        return ignored(self._root)

    def _has(self, wanted: str) -> bool:
        if self._fetched is None:
            return True
        return any(path in ("", ".") or PurePosixPath(wanted).is_relative_to(path) for path in self._fetched)

    def _missing(self, wanted: tuple[str, ...], path: str, position: Position | None, hint: str | None) -> NoReturn:
        """Raise MissingInputError, or DefinitionError where the caller has already looked for all of `wanted`.

        The ignore files and the lock are wanted with whatever is asked for first, which saves a round trip.
        """
        wanted = (*wanted, *(name for name in (*IGNORE_FILES, LOCK) if name not in wanted and not self._has(name)))
        message = f"no such file in the repo: `{path}`"
        action = hint or f"add `{path}` to the repo or correct its name"
        if self._fetched is not None and all(self._has(one) for one in wanted):
            raise DefinitionError(message, action, **where(position))
        raise MissingInputError(message, action, paths=tuple(dict.fromkeys(wanted)), **where(position))

    def _described(self, entry: Entry, contents: Contents) -> tuple[str, str]:
        """What a file is, in Git's terms: kind and content."""
        if entry.link:
            return "link", _name(entry.link)
        if not entry.is_file:
            return "other", ""
        with os.fdopen(open_below(self._root, entry.path, os.O_RDONLY | os.O_NONBLOCK), "rb") as content:
            digest = contents.digest(entry.path, content)
        return ("program" if entry.status.st_mode & 0o111 else "file"), digest


def _resolved(whole: Path, path: str, position: Position | None) -> Path:
    try:
        return whole.resolve()
    except (OSError, RuntimeError) as error:  # RuntimeError is what Python before 3.13 says
        raise _wrong("a link that leads to itself", path, position) from error


def _stays_below(path: PurePosixPath) -> bool:
    depth = 0
    for part in path.parts:
        depth += -1 if part == ".." else 1
        if depth < 0:
            return False
    return True


def _plain(path: str) -> str:
    return PurePosixPath(path).as_posix()


def _name(path: str) -> str:
    """A path's bytes as text that is the same everywhere."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _wrong(what: str, path: str, position: Position | None) -> DefinitionError:
    shown = path if path.isprintable() else repr(path)
    return DefinitionError(f"{what}: `{shown}`", "name a regular file inside the repo", **where(position), code="file")
