"""Evaluating a `build.envd`: what its files call, in order, each call with its place. Nothing is done by that.

The files run in a process with bounds (`sandbox`, `child`), which asks for each file and is given those of the repo
and of what is included, and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NoReturn

from ez.build.definition import SourceFile
from ez.build.frontends.envd.arguments import call_text
from ez.build.frontends.envd.failures import deeper, located, of_the_call, place_of
from ez.build.frontends.envd.language import Builtin, Call, Value
from ez.build.frontends.envd.outline import traced
from ez.build.frontends.envd.prelude import INCLUDE, prelude
from ez.build.frontends.envd.record import Record
from ez.build.frontends.envd.sandbox import EndedError, Sandbox
from ez.build.frontends.envd.sources import Key, Program, Sources, cycle
from ez.build.frontends.inputs import Inputs
from ez.build.frontends.where import where
from ez.build.graph import Position
from ez.build.includes import Included
from ez.errors import DefinitionError

GIVING = ("data.envd",)
"""Builtins that give a value."""

MOST_CALLS = 50_000
MOST_PRINTED = 1_000


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
    program: Program, inputs: Inputs, builtins: Mapping[str, Builtin], constants: Mapping[str, str]
) -> Transcript:
    """Run it. Raises what fetching an include raises; everything that is wrong with the files is in the transcript."""
    included: dict[Key, Included] = {}
    first: list[Key] = []
    while True:
        run = _Run(program, inputs, builtins, constants, included, tuple(first))
        try:
            transcript = run.transcript()
        except _WantedError as wanted:
            # A module cannot be made in the middle of a run: it starts anew with it.
            first.insert(0, wanted.key)
            continue
        if not run.died:
            return transcript
        # It runs once more, telling each line: the last one is where it happened.
        told = _Run(_telling(program), inputs, builtins, constants, included, tuple(first)).transcript()
        return replace(transcript, failure=told.failure or transcript.failure)


def _telling(program: Program) -> Program:
    return replace(program, edit=lambda file, text: traced(program.edit(file, text)))


def record(transcript: Transcript, builtins: Mapping[str, Builtin]) -> Record:
    """What the calls ask for. Raises DefinitionError for the first thing that is wrong, in the order of the run."""
    asked = Record()
    for call in transcript.calls:
        builtins[call.name].call(asked, call.position, call.arguments, call.keywords)
    if transcript.failure is not None:
        raise transcript.failure
    return asked


class _WantedError(Exception):
    """`include` needs a repo whose files have not run yet."""

    def __init__(self, key: Key) -> None:
        super().__init__(key)
        self.key = key


class _FailedError(Exception):
    """The run ended with `error`."""

    def __init__(self, error: DefinitionError) -> None:
        super().__init__(error.message)
        self.error = error


class _Run:
    """One run from the start, with the includes of `first` made before it. `died` tells a process that ended of what
    the files did, and not for its time."""

    def __init__(
        self,
        program: Program,
        inputs: Inputs,
        builtins: Mapping[str, Builtin],
        constants: Mapping[str, str],
        included: dict[Key, Included],
        first: tuple[Key, ...],
    ) -> None:
        self._program = program
        self._inputs = inputs
        self._builtins = builtins
        self._prelude = prelude(builtins, GIVING, constants)
        self._names = [*builtins, *constants]
        self._first = first
        self._made: list[Key] = []
        self._calls: list[Asked] = []
        self._printed: list[str] = []
        self._sources = Sources(program, inputs, included)
        self._at: Position | None = None
        self.died = False

    def transcript(self) -> Transcript:
        failure = None
        try:
            with Sandbox(self._prelude) as sandbox:
                self._all(sandbox)
        except _FailedError as failed:
            failure = failed.error
        except DefinitionError as error:
            failure = error
        except EndedError as error:
            self.died = "long" not in str(error)
            failure = self._ended(str(error))
        return Transcript(
            tuple(self._calls),
            tuple(self._printed),
            tuple(self._sources.files),
            tuple(self._sources.included.values()),
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
        if program.function in self._names:
            hint = f"define `def {program.function}():`"
            raise DefinitionError(f"{program.function} is not a function", hint, file=program.file)
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
                case ["call", name, stack, values]:
                    self._called(name, stack, values)
                case ["print", stack, text]:
                    self._print(stack, text)
                case ["at", file, line]:
                    self._at = self._sources.start(file, int(line))
                case ["enter" | "done" as kind, file]:
                    self._sources.moved(file, begins=kind == "enter")
                case ["load", loading, wanted]:
                    sandbox.send(*self._sources.load(loading, wanted))
                case ["include", stack, values]:
                    sandbox.send("known", self._include(stack, values))
                case [kind, *told]:
                    self._fail(kind, told)

    def _called(self, name: str, stack: str, values: str) -> None:
        position = self._sources.position(stack, name)
        if len(self._calls) >= MOST_CALLS:
            raise DefinitionError(f"more than {MOST_CALLS} calls", "ask for less", **where(position))
        arguments, keywords = _values(values, position)
        if name not in self._builtins:
            raise DefinitionError(f"undefined: {name}", "call the builtins by their names", **where(position))
        self._calls.append(Asked(name, position, arguments, keywords))

    def _print(self, stack: str, text: str) -> None:
        if len(self._printed) < MOST_PRINTED:
            position = self._sources.position(stack, "print")
            self._printed.append(f"{position.file}:{position.line}: {text[:MOST_PRINTED]}")

    def _include(self, stack: str, values: str) -> str:
        """The number of what `include` asks for. Raises _WantedError where its files have to run first."""
        position = self._sources.position(stack, INCLUDE)
        arguments, keywords = _values(values, position)
        found: list[Call] = []
        builtin = replace(self._builtins[INCLUDE], action=lambda record, call: found.append(call))
        builtin.call(Record(), position, arguments, keywords)
        if not found[0].string("git"):
            raise found[0].wrong("include: git is empty", 'write `include("https://example.org/library.git")`')
        key = (found[0].string("git"), found[0].string("ref"))
        self._sources.fetch(key, position)
        if key in self._made:
            return self._sources.number(key)
        if key in self._first:
            raise DefinitionError(cycle(key[0]), "break the cycle", **where(position), code="load")
        raise _WantedError(key)

    def _fail(self, kind: str, told: Sequence[str]) -> NoReturn:
        """Raise what ended the run."""
        match kind, *told:
            case "error", text:
                file = self._sources.last
                raise _FailedError(
                    of_the_call(text, self._program.file, self._program.function, self._sources.texts)
                    or located(text, self._names, self._sources.texts, file, self._sources.ran)
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
                raise EndedError("the build file needs too much memory" if told else "the build file cannot be run")

    def _ended(self, reason: str) -> DefinitionError:
        """The process is gone: at, or after, the last call that it told of."""
        last = self._at or (self._calls[-1].position if self._calls else None)
        if last is None:
            file = self._sources.last
            lines = () if self._sources.running else self._sources.texts.get(file, ())
            last = Position(file, place_of(self._program.function, lines) or 1, 1)
        return deeper(reason, last)


def _values(text: str, position: Position) -> tuple[tuple[Value, ...], tuple[tuple[str, Value], ...]]:
    """Arguments and keywords of a call. Only a file that goes around the builtins says anything else."""
    try:
        arguments, keywords = json.loads(text)
        return tuple(_value(one) for one in arguments), tuple((str(name), _value(one)) for name, one in keywords)
    except (ValueError, TypeError, RecursionError) as error:
        raise DefinitionError("not a call", "call the builtins by their names", **where(position)) from error


def _value(encoded: Any) -> Value:
    kind, content = encoded
    if kind in ("list", "tuple") and isinstance(content, list):
        return Value(kind, tuple(_value(item) for item in content))
    if kind == "dict" and isinstance(content, list):
        return Value(kind, tuple((_value(key), _value(item)) for key, item in content))
    if not isinstance(kind, str) or not isinstance(content, str | int):
        raise ValueError("not a value")
    return Value(kind, content)
