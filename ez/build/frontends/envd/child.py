"""The process that evaluates Starlark, and nothing else: it dies of a hostile file so that ez does not.

Starlark cannot be stopped in every loop and needs stack and memory without bounds, so ez sets bounds to a process
(`ez.build.frontends.envd.sandbox`). It asks for each file and tells each call; what they mean is the business of
`ez.build.frontends.envd.interpreter`. It has to start fast, so it imports hardly more than Python has at its start.
"""

from __future__ import annotations

import sys
import time
from _json import encode_basestring, scanstring
from io import BufferedReader, BufferedWriter, FileIO

import starlark

from ez.build.frontends.envd.frames import INCLUDED, MEMORY, PRELUDE, RUNNER, packed, parted, sizes
from ez.build.frontends.envd.glance import defines_once, takes_nothing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_ASKED = BufferedReader(FileIO(0, closefd=False))
_TOLD = BufferedWriter(FileIO(1, "wb", closefd=False))
_DIGITS = 10


class StoppedError(Exception):
    """ez has what it needs to say what is wrong."""


def main(memory: int, seconds: float, deepest: int) -> None:
    """Do what stdin says. `memory` in bytes, `seconds` for everything together."""
    _bound(memory, seconds)
    _without_json()
    prelude = _receive()[0]
    evaluator = _Evaluator(prelude, time.monotonic() + seconds, deepest)
    try:
        while parts := _receive():
            evaluator.obey(parts)
    except StoppedError:
        pass
    except BaseException as error:
        # A panic of Starlark is no Exception; one that is told is no worse than an error.
        _send("broken", *([MEMORY] if isinstance(error, MemoryError) or "out of memory" in str(error) else []))


def _bound(memory: int, seconds: float) -> None:
    import resource

    bounds = (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, int(seconds) + 2),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
    )
    for kind, most in bounds:
        _, hard = resource.getrlimit(kind)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        try:
            resource.setrlimit(kind, (most, hard if kind == resource.RLIMIT_CPU else most))
        except (OSError, ValueError):  # macOS has some of them in name only
            continue


def _without_json() -> None:
    """starlark-pyo3 turns what goes between Starlark and Python into JSON, by what it finds as `json`. Python's own
    takes 8 ms to load, and reads values that nest until the stack ends."""
    module = type(sys)("json")
    module.loads, module.dumps = _from_starlark, _to_starlark  # type: ignore[attr-defined]
    sys.modules["json"] = module


def _from_starlark(text: str) -> str | int | None:
    """A text, or the number of a line; nothing else is told to Python."""
    if text.startswith('"'):
        return scanstring(text, 1)[0]
    return int(text) if text.isdecimal() and len(text) < _DIGITS else None


def _to_starlark(value: str | None) -> str:
    return "null" if value is None else encode_basestring(value)


class _Evaluator:
    def __init__(self, prelude: str, deadline: float, deepest: int) -> None:
        extension = starlark.LibraryExtension
        self._globals = starlark.Globals.extended_by([extension.StructType, extension.Json])
        self._prelude_globals = starlark.Globals.extended_by(
            [extension.StructType, extension.Json, extension.CallStack]
        )
        self._prelude = starlark.parse(PRELUDE, prelude, starlark.Dialect.extended())
        self._deadline = deadline
        self._options = starlark.EvalOptions(check_cancelled=self._is_late, max_callstack_size=deepest)
        self._dialect = _dialect()
        self._modules: dict[str, starlark.FrozenModule] = {}
        self._included: dict[str, list[list[str]]] = {}
        self._aside: list[list[str]] | None = None
        self._failed = False
        self._last = ("", 0)
        self._offer()

    def _is_late(self) -> bool:
        """Asked about every thousand steps."""
        _TOLD.flush()
        return time.monotonic() > self._deadline

    def obey(self, parts: Sequence[str]) -> None:
        """`module FILE TEXT FUNCTION`, `include KEY (FILE TEXT)...` (a key is a number) or `run TEXT FILE`."""
        match parts:
            case ["module", file, text, function]:
                self._try(self._module, file, text)
                _send("ready", *self._parameters(text, function))
            case ["include", key, *files]:
                self._aside = self._included[key] = []
                self._try(self._flat, key, files)
                self._aside = None
                self._offer()
                _send("ready")
            case ["run", text, file]:
                self._try(self._run, text, file)
                _send("ready")

    def _try(self, action, *arguments) -> None:  # type: ignore[no-untyped-def]
        try:
            action(*arguments)
        except starlark.StarlarkError as error:
            self._tell(error)
            raise StoppedError from error

    def _tell(self, error: starlark.StarlarkError) -> None:
        """The innermost error, once; what it makes of the modules around it is no news."""
        if not self._failed:
            self._failed = True
            _send("error", str(error))

    def _run(self, text: str, file: str) -> None:
        module = starlark.Module()
        loader = starlark.FileLoader(lambda wanted: self._modules[file])
        parsed = starlark.parse(RUNNER, text, starlark.Dialect.extended())
        starlark.eval_with(self._options, module, parsed, self._globals, file_loader=loader)

    def _module(self, file: str, text: str) -> starlark.FrozenModule:
        """The frozen module of `file`, which is run here."""
        _send("enter", file)
        module = starlark.Module()
        module.add_callable("_ez_record", self._record)
        module.add_callable("_ez_print", self._print)
        module.add_callable("_ez_include", self._ask_to_include)
        module.add_callable("_ez_at", lambda line: self._at(file, line))
        own = starlark.FileLoader(lambda wanted: self._modules[wanted])
        starlark.eval(module, self._prelude, self._prelude_globals, own)
        parsed = starlark.parse(file, text, self._dialect)
        if not defines_once(text):
            self._refuse_second(file, text)
        loader = starlark.FileLoader(lambda wanted: self._load(file, wanted))
        starlark.eval_with(self._options, module, parsed, self._globals, file_loader=loader)
        self._modules[file] = module.freeze()
        _tell("done", file)
        return self._modules[file]

    def _refuse_second(self, file: str, text: str) -> None:
        """Starlark has globals that are defined once, and does not say so itself."""
        from ez.build.frontends.envd.outline import defined_twice, tree

        outline = tree(text)
        if outline and (twice := defined_twice(outline)):
            self._failed = True
            _send("twice", file, *(str(part) for part in twice))
            raise StoppedError

    def _parameters(self, text: str, function: str) -> list[str]:
        if not function or takes_nothing(text, function):
            return []
        from ez.build.frontends.envd.outline import parameters, tree

        outline = tree(text)
        return parameters(outline, function) if outline else []

    def _load(self, loading: str, wanted: str) -> starlark.FrozenModule:
        """What `load(wanted)` in the file `loading` gives; ez says which file that is."""
        parts = _ask("load", loading, wanted)
        match parts:
            case ["known", file]:
                return self._modules[file]
            case ["file", file, text]:
                try:
                    return self._module(file, text)
                except starlark.StarlarkError as error:
                    self._tell(error)
                    raise
            case ["include", key, *files]:
                return self._flat(key, files)
            case _:
                self._failed = True
                raise StoppedError

    def _flat(self, key: str, files: Sequence[str]) -> starlark.FrozenModule:
        """One module with what all `files` (name, text, name, ...) define; `<key>` holds the same as one value."""
        if key in self._modules:
            return self._modules[key]
        origins: dict[str, str] = {}
        for file, text in zip(files[::2], files[1::2], strict=True):
            if file not in self._modules:
                self._module(file, text)
            for name in _global_names(text):
                if name in origins:
                    self._failed = True
                    _send("duplicate", name, file)
                    raise StoppedError
                origins[name] = file
        self._modules[key] = self._joined(origins, "".join(f"{name} = _ez_{name}\n" for name in origins))
        members = ", ".join(f"{name} = _ez_{name}" for name in origins)
        self._modules[f"<{key}>"] = self._joined(origins, f"module = struct({members})\n")
        return self._modules[key]

    def _offer(self) -> None:
        """Make the module from which every file takes what was included so far."""
        loads = "".join(f'load("<{key}>", _ez_{key} = "module")\n' for key in self._included)
        table = ", ".join(f'"{key}": _ez_{key}' for key in self._included)
        self._modules[INCLUDED] = self._evaluated(f"{loads}included = {{{table}}}\n")

    def _joined(self, origins: dict[str, str], text: str) -> starlark.FrozenModule:
        files = {file: str(number) for number, file in enumerate(dict.fromkeys(origins.values()))}
        names = {number: file for file, number in files.items()}
        loads = "".join(f'load("{files[file]}", _ez_{name} = "{name}")\n' for name, file in origins.items())
        return self._evaluated(loads + text, names)

    def _evaluated(self, text: str, names: dict[str, str] | None = None) -> starlark.FrozenModule:
        module = starlark.Module()
        loader = starlark.FileLoader(lambda wanted: self._modules[(names or {}).get(wanted, wanted)])
        parsed = starlark.parse(PRELUDE, text, starlark.Dialect.extended())
        starlark.eval(module, parsed, self._globals, loader)
        return module.freeze()

    def _record(self, call: str) -> None:
        self._put("call", call)

    def _print(self, stack: str, text: str) -> None:
        self._put("print", stack, text)

    def _at(self, file: str, line: int) -> None:
        """Where a run is, for one that may end without another word."""
        if self._last != (file, line):
            self._last = (file, line)
            _send("at", file, str(line))

    def _ask_to_include(self, call: str) -> str:
        """The key of what `include` means; the calls that its files made are told now, once."""
        match _ask("include", call):
            case ["known", key]:
                calls, self._included[key] = self._included.get(key, []), []
                for told in calls:
                    self._put(*told)
                return key
            case _:
                self._failed = True
                raise StoppedError

    def _put(self, *parts: str) -> None:
        if self._aside is None:
            _tell(*parts)
        else:
            self._aside.append(list(parts))


def _global_names(text: str) -> list[str]:
    from ez.build.frontends.envd.outline import global_names, tree

    outline = tree(text)
    return global_names(outline) if outline else []


def _dialect() -> starlark.Dialect:
    """envd's Starlark: no types, no f-strings, no top-level `for` and `if`; `load` is for the loading file."""
    dialect = starlark.Dialect.extended()
    dialect.enable_types = starlark.DialectTypes.DISABLE
    dialect.enable_f_strings = False
    dialect.enable_top_level_stmt = False
    dialect.enable_load_reexport = False
    dialect.enable_positional_only_arguments = False
    return dialect


def _ask(*parts: str) -> list[str]:
    _send(*parts)
    return _receive()


def _send(*parts: str) -> None:
    _tell(*parts)
    _TOLD.flush()


def _tell(*parts: str) -> None:
    """Say it when there is more to say, or soon."""
    _TOLD.write(packed(parts))


def _receive() -> list[str]:
    """The next message; none when ez has nothing more to say."""
    head = _ASKED.readline()
    if not head:
        return []
    wanted = sizes(head)
    return parted(_ASKED.read(sum(wanted)), wanted)
