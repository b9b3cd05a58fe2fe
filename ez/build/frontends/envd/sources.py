"""The files of one run: what is loaded and included, their texts, and where in them a call stands."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from ez.build.definition import SourceFile
from ez.build.frontends.envd.tabs import without_tabs
from ez.build.frontends.inputs import Inputs
from ez.build.frontends.where import where
from ez.build.graph import Position
from ez.build.includes import FetchIncluded, Included
from ez.errors import DefinitionError, EzError

MOST_FILES = 100
MOST_INCLUDES = 20

_GIT = "git@"
_FRAME = re.compile(r"^  \* (.+):(\d{1,9}), in .*$", re.MULTILINE)

Key = tuple[str, str]
"""An include: URL and ref."""


@dataclass(frozen=True)
class Program:
    """What is to run: `function` of `file`, with arguments as a person types them. `personal` runs before it.

    `edit` changes the text of a file before it runs: `(file, text) -> text`.
    """

    file: str
    content: bytes
    function: str
    arguments: tuple[tuple[str, str], ...] = ()
    personal: SourceFile | None = None
    fetch: FetchIncluded | None = None
    edit: Callable[[str, str], str] = field(default=lambda file, text: text)


class Sources:
    """`texts` are the lines of every file, `ran` their texts as they ran, `files` what they are made of; `included` is
    kept from run to run. `running` are those that have begun and not ended, the innermost last."""

    def __init__(self, program: Program, inputs: Inputs, included: dict[Key, Included]) -> None:
        self.texts: dict[str, list[str]] = {}
        self.ran: dict[str, str] = {}
        self.files: list[SourceFile] = []
        self.included = included
        self.running: list[str] = []
        self.finished: set[str] = set()
        self._program = program
        self._inputs = inputs
        self._known: dict[str, str] = {}

    def load(self, loading: str, wanted: str) -> tuple[str, ...]:
        """What `load(wanted)` in the file `loading` means: a path relative to that file, or a Git repo."""
        position = self._load_position(loading, wanted)
        if wanted.startswith(_GIT):
            key = _git_key(wanted)
            self.fetch(key, position)
            if any(name in self.running for name, _ in self._named(key)):
                raise DefinitionError(cycle(wanted), "break the cycle", **where(position), code="load")
            return "include", *self.of(key)
        file = self._located(loading, wanted, position)
        if file in self.running:
            raise DefinitionError(cycle(wanted), "break the cycle", **where(position), code="load")
        if file in self.finished:
            return "known", file
        if file in self._known:
            return "file", file, self._known[file]
        return "file", file, self.taken(file, self._inputs.read(file, position), position)

    def _located(self, loading: str, wanted: str, position: Position) -> str:
        """The name of a loaded file: in the repo, or in the same include as the file that loads it."""
        if self._program.personal is not None and loading == self._program.personal.name:
            message = f"your own defaults load no files: `{wanted}`"
            raise DefinitionError(message, "write what it has into this file", **where(position))
        home = next((prefix for key in self.included if loading.startswith(prefix := self._prefix(key))), None)
        if home is None:
            return self._inputs.locate(str(PurePosixPath(loading).parent / wanted), position)
        path = posixpath.normpath(posixpath.join(posixpath.dirname(loading[len(home) :]), wanted))
        if f"{home}{path}" not in self._known:
            raise DefinitionError(
                f"no such file in the included repo: `{wanted}`", "correct its name", **where(position)
            )
        return f"{home}{path}"

    def fetch(self, key: Key, position: Position) -> None:
        if key in self.included:
            return
        if self._program.fetch is None:
            raise DefinitionError(f"nothing can be included here: `{key[0]}`", "copy its files", **where(position))
        if len(self.included) >= MOST_INCLUDES:
            raise DefinitionError(f"more than {MOST_INCLUDES} includes", "include fewer repos", **where(position))
        try:
            self.included[key] = self._program.fetch(*key, "")
        except EzError as error:
            raise DefinitionError(f"include: {error.message}", error.hint, **where(position), code="include") from error

    def of(self, key: Key) -> list[str]:
        """Number, names and texts of an include."""
        told = [self.number(key)]
        for (name, content), _ in zip(self._named(key), range(MOST_FILES), strict=False):
            if name not in self._known:
                self._known[name] = self.taken(name, content)
            told += [name, self._known[name]]
        return told

    def _named(self, key: Key) -> list[tuple[str, bytes]]:
        return [(self._prefix(key) + path, content) for path, content in self.included[key].files]

    def number(self, key: Key) -> str:
        return str(list(self.included).index(key))

    def _prefix(self, key: Key) -> str:
        """How the names of an include's files begin; without what a URL may hold of a password."""
        url, ref = key
        shown = re.sub(r"//[^/@]*@", "//", url)
        return f"{shown}{f'@{ref}' if ref else ''}//"

    def taken(self, file: str, content: bytes, position: Position | None = None) -> str:
        """The text of a file, which counts among those of the definition from now on."""
        if len(self.texts) >= MOST_FILES:
            raise DefinitionError(f"more than {MOST_FILES} files loaded", "load fewer files", **where(position))
        text = _decoded(file, content)
        self.texts[file] = text.split("\n")
        self.files.append(SourceFile(file, content))
        self.ran[file] = without_tabs(self._program.edit(file, text))
        return self.ran[file]

    def _load_position(self, loading: str, wanted: str) -> Position:
        for number, line in enumerate(self.texts.get(loading, ()), start=1):
            if re.match(r"\s*load\s*\(", line) and wanted in line:
                return Position(loading, number, line.index("load") + 1)
        return Position(loading, 1)

    def position(self, stack: str, name: str) -> Position:
        """The line that called, and the column at which `name` stands there."""
        frames = [(file, int(line)) for file, line in _FRAME.findall(stack) if file in self.texts]
        if not frames or not 1 <= frames[-1][1] <= len(self.texts[frames[-1][0]]):
            return Position(self.last, 1)
        file, number = frames[-1]
        line = self.texts[file][number - 1]
        found = re.search(rf"(?<![\w.]){re.escape(name)}\s*\(", line)
        return Position(file, number, found.start() + 1) if found else self.start(file, number)

    def start(self, file: str, number: int) -> Position:
        """The first character of a line that is no space."""
        line = self.texts[file][number - 1]
        return Position(file, number, len(line) - len(line.lstrip()) + 1)

    def moved(self, file: str, *, begins: bool) -> None:
        """A file begins to run, or has run."""
        if begins:
            self.running.append(file)
        else:
            self.running.remove(file)
            self.finished.add(file)

    @property
    def last(self) -> str:
        """The file that runs, or whose function does."""
        return self.running[-1] if self.running else self._program.file


def _git_key(wanted: str) -> Key:
    """URL and ref of `git@URL` or `git@HOST:PATH`, with `#REF` behind it or not."""
    address, _, ref = wanted.partition("#")
    rest = address.removeprefix(_GIT)
    return (rest if "://" in rest else address), ref


def cycle(wanted: str) -> str:
    return f"Detected cycle import during parsing {wanted}"


def _decoded(file: str, content: bytes) -> str:
    """The text, without the mark that some editors begin files with, and with `\\n` at the ends of lines."""
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise DefinitionError(f"not UTF-8 text: `{file}`", "save it as UTF-8", file=file, line=line) from error
