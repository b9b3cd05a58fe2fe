"""The files of one run: what is loaded and included, their texts, and where in them a call stands."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import PurePosixPath

from ez.build.definition import SourceFile
from ez.build.frontends.envd.failures import FRAME
from ez.build.frontends.envd.tabs import without_tabs
from ez.build.frontends.inputs import Inputs
from ez.build.frontends.where import where
from ez.build.graph import Position
from ez.build.includes import FetchIncluded, Included
from ez.errors import DefinitionError, EzError

MOST_FILES = 100
MOST_INCLUDES = 20

_GIT = "git@"

Key = tuple[str, str]
"""An include: URL and ref."""

Fetched = Included | EzError
"""What there is of an include, or why it is not there."""


@dataclass(frozen=True)
class Program:
    """What is to run: `function` of `file`, with arguments as a person types them. `personal` runs before it.

    `edit` changes the text of a file before it runs, where there is one: `(file, text) -> text`.
    """

    file: str
    content: bytes
    function: str
    arguments: tuple[tuple[str, str], ...] = ()
    personal: SourceFile | None = None
    fetch: FetchIncluded | None = None
    edit: Callable[[str, str], str] | None = None


class WantedError(Exception):
    """The run needs a repo that is not there yet, or whose files have to run before it."""

    def __init__(self, key: Key) -> None:
        super().__init__(key)
        self.key = key


class Sources:
    """`texts` are the lines of every file, `ran` their texts as they ran, `files` what they are made of; `included` is
    kept from run to run. `running` are those that have begun and not ended, the innermost last."""

    def __init__(self, program: Program, inputs: Inputs, included: dict[Key, Fetched]) -> None:
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
            if any(name in self.running for name, _ in self._named(key, position)):
                raise DefinitionError(cycle(wanted), "break the cycle", **where(position), code="load")
            return "include", *self.of(key, position)
        file = self._located(loading, wanted, position)
        if self._is_personal(file):
            raise DefinitionError(f"not a file of the repo: `{wanted}`", "correct its name", **where(position))
        if file in self.running:
            raise DefinitionError(cycle(wanted), "break the cycle", **where(position), code="load")
        if file in self.finished:
            return "known", file
        if file in self._known:
            return "file", file, self._known[file]
        return "file", file, self.taken(file, self._inputs.read(file, position), position)

    def _located(self, loading: str, wanted: str, position: Position) -> str:
        """The name of a loaded file: in the repo, or in the same include as the file that loads it."""
        if self._is_personal(loading):
            message = f"your own defaults load no files: `{wanted}`"
            raise DefinitionError(message, "write what it has into this file", **where(position))
        home = next((prefix for key in self.included if loading.startswith(prefix := self._prefix(key))), None)
        if home is None:
            return self._in_repo(loading, wanted, position)
        path = posixpath.normpath(posixpath.join(posixpath.dirname(loading[len(home) :]), wanted))
        if f"{home}{path}" not in self._known:
            raise DefinitionError(
                f"no such file in the included repo: `{wanted}`", "correct its name", **where(position)
            )
        return f"{home}{path}"

    def _in_repo(self, loading: str, wanted: str, position: Position) -> str:
        """Beside the loading file, else at the repo's top, where envd looks when it is run there."""
        directory = PurePosixPath(loading).parent
        beside = self._inputs.locate(str(directory / wanted), position)
        if directory == PurePosixPath() or ".." in wanted or self._inputs.find(beside) is not None:
            return beside
        top = self._inputs.locate(wanted, position)
        return beside if self._inputs.find(top) is None else top

    def there(self, key: Key, position: Position | None = None) -> Included:
        """An include. Raises WantedError for one that has to be fetched, DefinitionError for one that cannot be."""
        if key not in self.included:
            if len(self.included) >= MOST_INCLUDES:
                raise DefinitionError(f"more than {MOST_INCLUDES} includes", "include fewer repos", **where(position))
            raise WantedError(key)
        found = self.included[key]
        if isinstance(found, EzError):
            raise DefinitionError(f"include: {found.message}", found.hint, **where(position), code="include") from found
        return found

    def of(self, key: Key, position: Position | None = None) -> list[str]:
        """Number, names and texts of an include."""
        told = [self.number(key)]
        for name, content in self._named(key, position):
            if name not in self._known:
                self._known[name] = self.taken(name, content, position)
            told += [name, self._known[name]]
        return told

    def _named(self, key: Key, position: Position | None) -> list[tuple[str, bytes]]:
        return [(self._prefix(key) + path, content) for path, content in self.there(key, position).files]

    def _is_personal(self, file: str) -> bool:
        return self._program.personal is not None and file == self._program.personal.name

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
            at = where(position or Position(file, 1))
            raise DefinitionError(f"more than {MOST_FILES} files loaded", "load fewer files", **at)
        text = _decoded(file, content)
        self.texts[file] = text.split("\n")
        self.files.append(SourceFile(file, content))
        edit = self._program.edit
        self.ran[file] = without_tabs(edit(file, text) if edit else text)
        return self.ran[file]

    def _load_position(self, loading: str, wanted: str) -> Position:
        for number, line in enumerate(self.texts.get(loading, ()), start=1):
            if re.match(r"\s*load\s*\(", line) and wanted in line:
                return Position(loading, number, line.index("load") + 1)
        return Position(loading, 1)

    def position(self, stack: str, name: str) -> Position:
        """The line that called, and the column at which `name` stands there."""
        frames = [(file, int(line)) for file, line in FRAME.findall(stack) if file in self.texts]
        if not frames or not 1 <= frames[-1][1] <= len(self.texts[frames[-1][0]]):
            return Position(self.last, 1)
        file, number = frames[-1]
        line = self.texts[file][number - 1]
        found = _called(name).search(line)
        return Position(file, number, found.start() + 1) if found else self._start(file, number)

    def at(self, file: str, told: str) -> Position | None:
        """The start of a line whose number a run told, None where there is none such."""
        is_there = re.fullmatch(r"[0-9]{1,9}", told) and 1 <= int(told) <= len(self.texts.get(file, ()))
        return self._start(file, int(told)) if is_there else None

    def _start(self, file: str, number: int) -> Position:
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


@cache
def _called(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w.]){re.escape(name)}\s*\(")


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
        return content.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise DefinitionError(f"not UTF-8 text: `{file}`", "save it as UTF-8", file=file, line=line) from error
