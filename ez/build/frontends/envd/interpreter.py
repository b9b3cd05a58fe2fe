"""Running a `build.envd`: starlark-pyo3 with limits, files confined to the repo, and a position for every call.

starlark-pyo3 does not tell a Python function who called it. So each builtin is a small Starlark function, defined
by a prelude that runs first in every module: it passes on the call stack, whose last frame is the calling line.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any

import starlark

from ez.build.definition import SourceFile
from ez.build.frontends.envd.failures import located, missing_argument
from ez.build.frontends.envd.language import Builtin, Value
from ez.build.frontends.envd.record import Record
from ez.build.frontends.inputs import Inputs
from ez.build.frontends.where import where
from ez.build.graph import Position
from ez.errors import DefinitionError, EzError

SECONDS = 10.0
"""How long all files together may run."""

DEEPEST_CALLS = 200
MOST_CALLS = 50_000
MOST_FILES = 100
MOST_PRINTED = 1_000

_PRELUDE = "<ez>"

_PRELUDE_FUNCTIONS = """
def _ez_value(value, depth):
    kind = type(value)
    if kind == "string" or kind == "int" or kind == "bool":
        return [kind, value]
    if depth > 0 and (kind == "list" or kind == "tuple"):
        return [kind, [_ez_value(item, depth - 1) for item in value]]
    if depth > 0 and kind == "dict":
        return [kind, [[_ez_value(key, 0), _ez_value(item, depth - 1)] for key, item in value.items()]]
    return [kind, kind]

def _ez_builtin(name):
    def builtin(*args, **kwargs):
        _ez_record(
            name,
            call_stack(strip_frames = 1),
            [_ez_value(value, 3) for value in args],
            [[key, _ez_value(value, 3)] for key, value in kwargs.items()],
        )
    return builtin

def print(*args, sep = " "):
    _ez_print(call_stack(strip_frames = 1), sep.join([str(value) for value in args]))

"""

_FRAME = re.compile(r"^  \* (.+):(\d+), in .*$", re.MULTILINE)


class Interpreter:
    """Runs files of one definition into one record. `sources` are the files that ran, `printed` what they said."""

    def __init__(
        self, inputs: Inputs, builtins: Mapping[str, Builtin], constants: Mapping[str, str], record: Record
    ) -> None:
        self.sources: list[SourceFile] = []
        self.printed: list[str] = []
        self._inputs = inputs
        self._builtins = builtins
        self._record = record
        self._names = [*builtins, *constants]
        self._texts: dict[str, list[str]] = {}
        self._modules: dict[str, Any] = {}
        self._running: list[str] = []
        self._failure: BaseException | None = None
        self._calls = 0
        self._deadline = time.monotonic() + SECONDS
        self._prelude = starlark.parse(_PRELUDE, _prelude_text(builtins, constants), starlark.Dialect.extended())
        self._prelude_globals = starlark.Globals.extended_by(
            [starlark.LibraryExtension.StructType, starlark.LibraryExtension.CallStack]
        )
        self._options = starlark.EvalOptions(
            check_cancelled=lambda: time.monotonic() > self._deadline, max_callstack_size=DEEPEST_CALLS
        )

    def run(self, file: str, function: str, content: bytes) -> None:
        """Run the build file `file` and then its `function`. Raises DefinitionError with a position."""
        module = self._module(file, content)
        if function in self._names:
            raise DefinitionError(f"{function} is not a function", f"define `def {function}():`", file=file)
        try:
            module.call_with(self._options, function)
        except starlark.StarlarkError as error:
            raise self._explain(error, file, function) from error

    def _module(self, file: str, content: bytes) -> Any:
        """The frozen module of `file`, which is run here."""
        text = _decoded(file, content)
        self._texts[file] = text.splitlines()
        self.sources.append(SourceFile(file, content))
        self._running.append(file)
        module = starlark.Module()
        module.add_callable("_ez_record", self._called)
        module.add_callable("_ez_print", self._print)
        starlark.eval(module, self._prelude, self._prelude_globals)
        try:
            parsed = starlark.parse(file, text, _dialect())
            loader = starlark.FileLoader(lambda wanted: self._guarded(self._load, file, wanted))
            starlark.eval_with(self._options, module, parsed, starlark.Globals.standard(), file_loader=loader)
        except starlark.StarlarkError as error:
            raise self._explain(error, file) from error
        self._running.pop()
        return module.freeze()

    def _load(self, loading: str, wanted: str) -> Any:
        """The module that `load(wanted)` in the file `loading` means: a path relative to that file."""
        position = self._load_position(loading, wanted)
        if wanted.startswith("git@"):
            raise DefinitionError(
                f"load of a Git repo: not supported yet by this version of ez: `{wanted}`",
                "copy the file into this repo and load it by its path",
                **where(position),
            )
        file = self._inputs.locate(str(PurePosixPath(loading).parent / wanted), position)
        if file in self._running:
            raise DefinitionError(
                f"Detected cycle import during parsing {wanted}", "break the cycle", **where(position)
            )
        if file not in self._modules:
            if len(self._texts) >= MOST_FILES:
                raise DefinitionError(f"more than {MOST_FILES} files loaded", "load fewer files", **where(position))
            self._modules[file] = self._module(file, self._inputs.read(file, position))
        return self._modules[file]

    def _load_position(self, loading: str, wanted: str) -> Position:
        for number, line in enumerate(self._texts[loading], start=1):
            if re.match(r"\s*load\s*\(", line) and wanted in line:
                return Position(loading, number, line.index("load") + 1)
        return Position(loading, 1)

    def _called(self, name: str, stack: str, arguments: list[Any], keywords: list[Any]) -> None:
        self._guarded(self._do, name, stack, arguments, keywords)

    def _do(self, name: str, stack: str, arguments: list[Any], keywords: list[Any]) -> None:
        position = self._position(stack, name)
        self._calls += 1
        if self._calls > MOST_CALLS:
            raise DefinitionError(f"more than {MOST_CALLS} calls", "ask for less", **where(position))
        self._builtins[name].call(
            self._record,
            position,
            [_value(value) for value in arguments],
            [(keyword, _value(value)) for keyword, value in keywords],
        )

    def _print(self, stack: str, text: str) -> None:
        if len(self.printed) < MOST_PRINTED:
            position = self._position(stack, "print")
            self.printed.append(f"{position.file}:{position.line}: {text[:MOST_PRINTED]}")

    def _guarded(self, action: Any, *arguments: Any) -> Any:
        """Keep what `action` raises: starlark-pyo3 hands on its text alone."""
        try:
            return action(*arguments)
        except BaseException as error:
            self._failure = self._failure or error
            raise

    def _position(self, stack: str, name: str) -> Position:
        """The line that called, and the column at which `name` stands there."""
        frames = [frame for frame in _FRAME.findall(stack) if frame[0] != _PRELUDE]
        if not frames:
            return Position(self._running[-1] if self._running else next(iter(self._texts)), 1)
        file, number = frames[-1][0], int(frames[-1][1])
        line = self._texts[file][number - 1]
        found = re.search(rf"(?<![\w.]){re.escape(name)}\s*\(", line)
        column = found.start() if found else len(line) - len(line.lstrip())
        return Position(file, number, column + 1)

    def _explain(self, error: Any, file: str, function: str = "") -> BaseException:
        """What went wrong: the error of a builtin, if that is what ended the run, else Starlark's, with its place."""
        if isinstance(self._failure, EzError):
            return self._failure
        if self._failure is not None:
            raise self._failure
        explained = missing_argument(str(error), file, function, self._texts[file]) if function else None
        return explained or located(str(error), self._names, self._texts, file)


def _prelude_text(builtins: Iterable[str], constants: Mapping[str, str]) -> str:
    """The functions above, then every name of the language; `a.b.c` is a member of nested structs."""
    tree: dict[str, Any] = {}
    for name, written in [
        *((name, f'_ez_builtin("{name}")') for name in builtins),
        *((name, f'"{value}"') for name, value in constants.items()),
    ]:
        *spaces, member = name.split(".")
        space = tree
        for part in spaces:
            space = space.setdefault(part, {})
        space[member] = written
    return _PRELUDE_FUNCTIONS + "".join(f"{name} = {_written(value)}\n" for name, value in tree.items())


def _written(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "struct(" + ", ".join(f"{name} = {_written(item)}" for name, item in value.items()) + ")"


def _dialect() -> Any:
    """envd's Starlark: no types, no f-strings, no top-level `for` and `if`."""
    dialect = starlark.Dialect.extended()
    dialect.enable_types = starlark.DialectTypes.DISABLE
    dialect.enable_f_strings = False
    dialect.enable_top_level_stmt = False
    return dialect


def _decoded(file: str, content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise DefinitionError(f"not UTF-8 text: `{file}`", "save it as UTF-8", file=file, line=line) from error


def _value(encoded: list[Any]) -> Value:
    kind, content = encoded
    if kind in ("list", "tuple") and isinstance(content, list):
        return Value(kind, tuple(_value(item) for item in content))
    if kind == "dict" and isinstance(content, list):
        return Value(kind, tuple((_value(key), _value(item)) for key, item in content))
    return Value(kind, content)
