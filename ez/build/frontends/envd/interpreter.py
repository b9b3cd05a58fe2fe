"""Evaluating a `build.envd`: what its files call, in order, each call with its place. Nothing is done by that.

The files run in a process with bounds (`sandbox`, `child`), which asks for each file and is given those of the repo
and of what is included, and nothing else.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, NoReturn

from ez.build.definition import SourceFile
from ez.build.frontends.envd.arguments import call_text
from ez.build.frontends.envd.failures import deeper, located, of_the_call, place_of
from ez.build.frontends.envd.frames import MEMORY
from ez.build.frontends.envd.language import Builtin, Call, Value
from ez.build.frontends.envd.library import own_library
from ez.build.frontends.envd.outline import traced
from ez.build.frontends.envd.prelude import INCLUDE, prelude
from ez.build.frontends.envd.record import Record
from ez.build.frontends.envd.sandbox import TOO_MUCH_MEMORY, EndedError, Sandbox
from ez.build.frontends.envd.sources import Fetched, Key, Program, Sources, WantedError, cycle
from ez.build.frontends.inputs import Inputs
from ez.build.frontends.where import Where, where
from ez.build.graph import Position
from ez.build.includes import Included
from ez.errors import DefinitionError, EzError, UsageError
from ez.names import shown

GIVING = ("data.envd",)
"""Builtins that give a value."""

MOST_CALLS = 50_000
MOST_PRINTED = 1_000

_LEAST_SECONDS = 1.0
"""For a run that only looks for a place."""


@dataclass(frozen=True)
class Asked:
    """One call of a builtin."""

    name: str
    position: Position
    arguments: tuple[Value, ...]
    keywords: tuple[tuple[str, Value], ...]


@dataclass(frozen=True)
class Transcript:
    """What a run said. `failure` is why it ended early; `texts` are the lines of every file."""

    calls: tuple[Asked, ...]
    printed: tuple[str, ...]
    sources: tuple[SourceFile, ...]
    includes: tuple[Included, ...]
    texts: Mapping[str, Sequence[str]]
    failure: DefinitionError | None = None


def evaluate(
    program: Program, inputs: Inputs, builtins: Mapping[str, Builtin], constants: Mapping[str, str], seconds: float
) -> Transcript:
    """Run it, for so many seconds in all. Everything that is wrong with the files is in the transcript."""
    included: dict[Key, Fetched] = {}
    first: list[Key] = []

    def run_of(program: Program) -> _Run:
        return _Run(program, inputs, builtins, constants, included, tuple(first), seconds)

    while True:
        started, run = time.monotonic(), run_of(program)
        try:
            transcript = run.transcript()
            break
        except WantedError as wanted:
            seconds -= time.monotonic() - started
            # A module cannot be made in the middle of a run: it starts anew with it.
            if wanted.key in included:
                first.insert(0, wanted.key)
            else:
                included[wanted.key] = _fetched(program, wanted.key)
    if run.died:
        seconds = max(_LEAST_SECONDS, seconds - (time.monotonic() - started))
        return replace(transcript, failure=_placed(transcript.failure, run_of(_telling(program))))
    return transcript


def _telling(program: Program) -> Program:
    """The same, with a word before each line."""
    edit = program.edit
    return replace(program, edit=lambda file, text: traced(edit(file, text) if edit else text))


def _placed(failure: DefinitionError | None, again: _Run) -> DefinitionError | None:
    """A failure with the place at which the run ends that tells each line, if that ends of a bound too."""
    told = None
    with suppress(WantedError):
        told = again.transcript().failure
    if failure is None or told is None or told.code != "limit":
        return failure
    at = Where(file=told.file, line=told.line, column=told.column)
    return DefinitionError(failure.message, failure.hint, **at, code=failure.code)


def _fetched(program: Program, key: Key) -> Fetched:
    """A repo, or why there is none. It takes what time it takes: no file runs meanwhile."""
    if (own := own_library(*key)) is not None:
        return own
    if program.fetch is None:
        return UsageError(f"nothing can be included here: `{key[0]}`", "copy its files")
    try:
        return program.fetch(*key, "")
    except EzError as error:
        return error


def record(transcript: Transcript, builtins: Mapping[str, Builtin]) -> Record:
    """What the calls ask for. Raises DefinitionError for the first thing that is wrong, in the order of the run."""
    asked = Record()
    for call in transcript.calls:
        builtins[call.name].call(asked, call.position, call.arguments, call.keywords)
    if transcript.failure is not None:
        raise transcript.failure
    return asked


class _Run:
    """One run from the start, with the includes of `first` made before it. `died` tells a process that ended of what
    the files did, and not for its time."""

    def __init__(
        self,
        program: Program,
        inputs: Inputs,
        builtins: Mapping[str, Builtin],
        constants: Mapping[str, str],
        included: dict[Key, Fetched],
        first: tuple[Key, ...],
        seconds: float,
    ) -> None:
        self._program = program
        self._builtins = builtins
        self._prelude = prelude(builtins, GIVING, constants)
        self._names = [*builtins, *constants]
        self._first = first
        self._seconds = seconds
        self._made: list[Key] = []
        self._calls: list[Asked] = []
        self._printed: list[str] = []
        self._sources = Sources(program, inputs, included)
        self._at: Position | None = None
        self.died = False

    def transcript(self) -> Transcript:
        failure = None
        try:
            with Sandbox(self._prelude, self._seconds) as sandbox:
                self._all(sandbox)
        except DefinitionError as error:
            failure = error
        except EndedError as error:
            self.died = "long" not in str(error)
            failure = self._ended(str(error))
        return Transcript(
            tuple(self._calls),
            tuple(self._printed),
            tuple(self._sources.files),
            tuple(one for one in self._sources.included.values() if isinstance(one, Included) and one.commit),
            self._sources.texts,
            failure,
        )

    def _all(self, sandbox: Sandbox) -> None:
        program = self._program
        for key in self._first:
            sandbox.send("include", *self._sources.of(key))
            self._answers(sandbox)
            self._made.append(key)
        if program.personal is not None:
            text = self._sources.taken(program.personal.name, program.personal.data)
            sandbox.send("module", program.personal.name, text, "")
            self._answers(sandbox)
        if program.function in self._names or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", program.function):
            message = f"{shown(program.function)} is not a function"
            raise DefinitionError(message, f"name one that `{program.file}` defines", file=program.file, code="entry")
        sandbox.send("module", program.file, self._sources.taken(program.file, program.content), program.function)
        parameters = self._answers(sandbox)
        line = place_of(program.function, self._sources.texts[program.file])
        sandbox.send(
            "run", call_text(program.function, parameters, program.arguments, program.file, line), program.file
        )
        self._answers(sandbox)

    def _answers(self, sandbox: Sandbox) -> list[str]:
        """Listen until what was sent is done."""
        while True:
            match sandbox.receive():
                case ["ready", *told]:
                    return told
                case ["call", text]:
                    self._called(text)
                case ["print", stack, text]:
                    self._print(stack, text)
                case ["at", file, line]:
                    self._at = self._sources.at(file, line) or self._at
                case ["enter" | "done" as kind, file]:
                    self._sources.moved(file, begins=kind == "enter")
                case ["load", loading, wanted]:
                    sandbox.send(*self._sources.load(loading, wanted))
                case ["include", text]:
                    sandbox.send("known", self._include(text))
                case [kind, *told]:
                    self._fail(kind, told)

    def _called(self, text: str) -> None:
        call = self._call(text)
        if len(self._calls) >= MOST_CALLS:
            raise DefinitionError(f"more than {MOST_CALLS} calls", "ask for less", **where(call.position))
        self._calls.append(call)

    def _call(self, text: str) -> Asked:
        """What a run tells of a call. Only a file that goes around the builtins tells anything else."""
        position = Position(self._sources.last, 1)
        try:
            name, stack, arguments, keywords = json.loads(text)
            position = self._sources.position(stack, name)
            return Asked(
                self._builtins[name].name,
                position,
                tuple(_value(one) for one in arguments),
                tuple((str(name), _value(one)) for name, one in keywords),
            )
        except (LookupError, ValueError, TypeError, RecursionError) as error:
            raise DefinitionError("not a call", "call the builtins by their names", **where(position)) from error

    def _print(self, stack: str, text: str) -> None:
        if len(self._printed) < MOST_PRINTED:
            position = self._sources.position(stack, "print")
            self._printed.append(f"{position.file}:{position.line}: {text[:MOST_PRINTED]}")

    def _include(self, text: str) -> str:
        """The number of what `include` asks for. Raises WantedError where its files have to run first."""
        call = self._call(text)
        found: list[Call] = []
        builtin = replace(self._builtins[INCLUDE], action=lambda record, call: found.append(call))
        builtin.call(Record(), call.position, call.arguments, call.keywords)
        if not found[0].string("git"):
            raise found[0].wrong("include: git is empty", 'write `include("https://example.org/library.git")`')
        key = (found[0].string("git"), found[0].string("ref"))
        self._sources.there(key, call.position)
        if key in self._made:
            return self._sources.number(key)
        if key in self._first:
            raise DefinitionError(cycle(key[0]), "break the cycle", **where(call.position), code="load")
        raise WantedError(key)

    def _fail(self, kind: str, told: Sequence[str]) -> NoReturn:
        """Raise what ended the run."""
        match kind, *told:
            case "error", text:
                raise of_the_call(text, self._program.file, self._program.function, self._sources.texts) or located(
                    text, self._names, self._sources.texts, self._sources.last, self._sources.ran
                )
            case "twice", file, name, line, column, first_line, first_column:
                raise DefinitionError(
                    f"cannot reassign global {name} declared at {file}:{first_line}:{first_column}",
                    "give it another name",
                    file=file,
                    line=int(line),
                    column=int(column),
                    code="dialect",
                )
            case "duplicate", name, file:
                raise DefinitionError(
                    f"found duplicated object name: {name} in {file}",
                    "let the included repo define it once",
                    **where(Position(file, place_of(name, self._sources.texts[file]) or 1)),
                )
            case _:
                raise EndedError(TOO_MUCH_MEMORY if told == [MEMORY] else "the build file cannot be run")

    def _ended(self, reason: str) -> DefinitionError:
        """The process is gone: at, or after, the last call that it told of."""
        last = self._at or (self._calls[-1].position if self._calls else None)
        if last is None:
            file = self._sources.last
            lines = () if self._sources.running else self._sources.texts.get(file, ())
            last = Position(file, place_of(self._program.function, lines) or 1, 1)
        return deeper(reason, last)


def _value(encoded: Any) -> Value:
    kind, content = encoded
    match kind, content:
        case "list" | "tuple", list():
            return Value(kind, tuple(_value(item) for item in content))
        case "dict", list():
            return Value(kind, tuple((_value(key), _value(item)) for key, item in content))
        case ("bool", bool()) | ("int", int()):
            return Value(kind, content)
        case str(), str() if kind not in ("list", "tuple", "dict", "bool", "int"):
            return Value(kind, content)
        case _:
            raise ValueError("not a value")
