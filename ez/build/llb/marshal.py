"""A graph as an LLB definition. Pure: no network, no clock, no randomness; the same arguments give the same bytes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from ez.build.buildkit.messages import llb
from ez.build.definition import SourceFile
from ez.build.graph import (
    Diff,
    Files,
    ImageSource,
    LocalSource,
    Merge,
    Note,
    Run,
    Scratch,
    State,
    parent,
    walk,
)
from ez.build.llb import operations
from ez.build.llb.encoding import Output, digest_of, encode_terminal
from ez.build.llb.operations import Operation
from ez.build.llb.reference import normalise
from ez.build.llb.steps import NO_BASE, Base, step

Made = ImageSource | LocalSource | Run | Files | Merge | Diff
"""States that become operations."""


@dataclass(frozen=True)
class Platform:
    """What the result runs on, in Go's names."""

    os: str = "linux"
    architecture: str = "amd64"
    variant: str = ""


@dataclass(frozen=True)
class Marshalled:
    """A definition to solve. `message` is a `pb.Definition`, None for the empty file system; `states` tells what
    each operation, by digest, was made from; `capabilities` is all that the worker must be able to do."""

    message: Any
    states: Mapping[str, Made]
    capabilities: frozenset[str]


def marshal(
    state: State,
    *,
    sources: Iterable[SourceFile] = (),
    bases: Mapping[str, Base] = MappingProxyType({}),
    platform: Platform = Platform(),
    unique: str = "",
    salt: str = "",
) -> Marshalled:
    """Turn `state` and all below it into one definition.

    `bases` says, by fully qualified reference, what steps inherit from each image of `base_images`. `unique` must
    differ between builds that serve local sources; it changes digests and no cache key. A `salt` makes every step
    run again. Raises DefinitionError for an image reference that is none.
    """
    writer = _Writer(bases, platform, unique, salt)
    for current in walk(state):
        writer.add(current)
    return writer.finish(state, tuple(sources))


class _Writer:
    """Collects operations, inputs before users."""

    def __init__(self, bases: Mapping[str, Base], platform: Platform, unique: str, salt: str) -> None:
        self._bases = bases
        self._platform = llb.Platform(os=platform.os, architecture=platform.architecture, variant=platform.variant)
        self._unique = unique
        self._salt = salt
        self._outputs: dict[str, Output | None] = {}
        self._inherited: dict[str, Base] = {}
        self._operations: dict[str, Operation] = {}
        self._states: dict[str, Made] = {}

    def add(self, state: State) -> None:
        self._inherited[state.identity] = self._base_of(state)
        operation = self._operation(state)
        if operation is None:
            below = parent(state)
            self._outputs[state.identity] = None if below is None else self._output_of(below)
            return
        digest = digest_of(operation.content)
        self._outputs[state.identity] = Output(digest)
        self._operations.setdefault(digest, operation)
        if not isinstance(state, Scratch):
            self._states.setdefault(digest, state)

    def finish(self, state: State, sources: tuple[SourceFile, ...]) -> Marshalled:
        output = self._output_of(state)
        found = frozenset(name for operation in self._operations.values() for name in operation.capabilities)
        if output is None:
            return Marshalled(None, self._states, found)
        message = llb.Definition(source=self._source_map(sources))
        for digest, operation in self._operations.items():
            getattr(message, "def").append(operation.content)
            self._describe(message.metadata[digest], self._states[digest].note, operation)
        terminal = encode_terminal(output)
        getattr(message, "def").append(terminal)
        described = message.metadata[digest_of(terminal)]
        described.caps["constraints"] = described.caps["platform"] = True
        return Marshalled(message, self._states, found | {"constraints", "platform"})

    def _base_of(self, state: State) -> Base:
        if isinstance(state, ImageSource):
            return self._bases.get(normalise(state), NO_BASE)
        below = parent(state)
        return NO_BASE if below is None else self._inherited[below.identity]

    def _output_of(self, state: State) -> Output | None:
        return self._outputs[state.identity]

    def _operation(self, state: State) -> Operation | None:
        """None where `state` adds nothing to its parent."""
        match state:
            case ImageSource():
                return operations.image(state, self._platform)
            case LocalSource():
                return operations.local(state, self._unique)
            case Run():
                return step(
                    state,
                    self._output_of,
                    base=self._inherited[state.identity],
                    salt=self._salt,
                    platform=self._platform,
                )
            case Files() if state.actions:
                return operations.files(state, self._output_of)
            case Merge() if len(state.inputs) > 1:
                return operations.merge(state, self._output_of)
            case Diff():
                return operations.diff(state, self._output_of)
            case _:
                return None

    def _describe(self, metadata: Any, note: Note, operation: Operation) -> None:
        for name in operation.capabilities:
            metadata.caps[name] = True
        metadata.caps["constraints"] = metadata.caps["platform"] = True
        if note.label:
            metadata.description["llb.customname"] = note.label

    def _source_map(self, sources: tuple[SourceFile, ...]) -> Any:
        """Which line of which build file asked for each operation."""
        numbers = {source.name: number for number, source in enumerate(sources)}
        message = llb.Source(infos=[llb.SourceInfo(filename=source.name, data=source.data) for source in sources])
        for digest, state in self._states.items():
            position = state.note.position
            if position is None or position.file not in numbers:
                continue
            point = llb.Position(line=position.line, character=position.column)
            location = llb.Location(source_index=numbers[position.file], ranges=[llb.Range(start=point, end=point)])
            message.locations[digest].locations.append(location)
        return message


def base_images(state: State) -> dict[str, ImageSource]:
    """The images that `state` and the steps below it grow from, by fully qualified reference, `state`'s own last.

    Raises DefinitionError as `marshal` does.
    """
    grown: dict[str, ImageSource | None] = {}
    found: dict[str, ImageSource] = {}
    for current in walk(state):
        below = parent(current)
        image = current if isinstance(current, ImageSource) else grown[below.identity] if below else None
        grown[current.identity] = image
        if image is not None and (isinstance(current, Run) or current is state):
            found[normalise(image)] = image
    return found
