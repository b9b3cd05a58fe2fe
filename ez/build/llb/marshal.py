"""A graph as an LLB definition. Pure: no network, no clock, no randomness; the same arguments give the same bytes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from ez.build.buildkit.messages import llb
from ez.build.definition import SourceFile
from ez.build.graph import (
    Diff,
    Files,
    GitSource,
    HttpSource,
    ImageSource,
    LocalSource,
    Merge,
    Note,
    Position,
    Run,
    Scratch,
    State,
    parent,
    walk,
)
from ez.build.llb import operations
from ez.build.llb.encoding import Operation, Output, digest_of, encode_terminal
from ez.build.llb.lower import lower
from ez.build.llb.platform import Platform, parse_platform
from ez.build.llb.private import Private
from ez.build.llb.reference import normalise
from ez.build.llb.refusal import refusal
from ez.build.llb.sources import git, http, image, local
from ez.build.llb.steps import NO_BASE, Base, step

Made = ImageSource | LocalSource | GitSource | HttpSource | Run | Files | Merge | Diff
"""States that become operations."""

_ALWAYS = ("constraints", "platform")
_LARGEST = 4 * 2**20 - 2**16
"""The longest request that gRPC takes by default, with some room for what is beside the definition."""
_LARGEST_BY = {"source.image.checksum": 16 * 2**20 - 2**16}
"""What workers take that are known to take more: Docker Engine 28, by something that came with its BuildKit."""


@dataclass(frozen=True)
class Marshalled:
    """A definition to solve. `message` is a `pb.Definition`, None for the empty file system; `states` tells what
    each operation, by digest, was made from; `capabilities` is all that the worker must be able to do, with the note
    of the first state that needs it."""

    message: Any
    states: Mapping[str, Made]
    capabilities: Mapping[str, Note]


def marshal(
    state: State,
    *,
    sources: Iterable[SourceFile] = (),
    bases: Mapping[str, Base] = MappingProxyType({}),
    platform: Platform = Platform(),
    capabilities: Collection[str] | None = None,
    unique: str = "",
    salt: str = "",
    private: Private = Private(),
) -> Marshalled:
    """Turn `state` and all below it into one definition for `platform`.

    `bases` says, by `name_of`, what steps inherit from each image of `base_images`. `capabilities` are those of the
    worker, which `lower` goes by; None for one that can do everything. `unique` must differ between builds, which
    read local, Git and HTTP sources each for itself; it changes digests and no cache key. A `salt` makes every step
    run again. `private` says by which names the session serves secrets and agents.

    Raises DefinitionError, at the position of the state, for what is no image reference, platform, repository or
    address, and for a definition that is too large for one request to the worker.
    """
    writer = _Writer(bases, platform, unique, salt, private)
    lowered = state if capabilities is None else lower(state, capabilities)
    for current in walk(lowered):
        writer.add(current)
    marshalled = writer.finish(lowered, tuple(sources))
    if capabilities is not None:
        _check_size(marshalled, max(_LARGEST, *(_LARGEST_BY.get(name, 0) for name in capabilities), 0))
    return marshalled


@dataclass(frozen=True)
class _Grown:
    """What a state inherits from where it grows from."""

    base: Base
    platform: Platform


class _Writer:
    """Collects operations, inputs before users."""

    def __init__(self, bases: Mapping[str, Base], platform: Platform, unique: str, salt: str, private: Private) -> None:
        self._bases = bases
        self._nothing = _Grown(NO_BASE, platform)
        self._unique = unique
        self._salt = salt
        self._private = private
        self._outputs: dict[str, Output | None] = {}
        self._grown: dict[str, _Grown] = {}
        self._operations: dict[str, Operation] = {}
        self._states: dict[str, Made] = {}
        self._positions: dict[str, list[Position]] = {}

    def add(self, state: State) -> None:
        self._grown[state.identity] = self._grown_from(state)
        operation = self._operation(state)
        if operation is None or isinstance(state, Scratch):
            self._outputs[state.identity] = self._passed_on(state)
            return
        digest = digest_of(operation.content)
        self._outputs[state.identity] = Output(digest)
        self._operations.setdefault(digest, operation)
        self._states.setdefault(digest, state)
        if state.note.position is not None:
            self._positions.setdefault(digest, []).append(state.note.position)

    def finish(self, state: State, sources: tuple[SourceFile, ...]) -> Marshalled:
        output = self._output_of(state)
        if output is None:
            return Marshalled(None, self._states, {})
        message = llb.Definition(source=self._source_map(sources))
        contents = getattr(message, "def")
        needed: dict[str, Note] = {}
        for digest, operation in self._operations.items():
            contents.append(operation.content)
            note = self._states[digest].note
            metadata = message.metadata[digest]
            if note.label:
                metadata.description["llb.customname"] = note.label
            for name in operation.capabilities:
                if name not in needed:
                    needed[name] = note
                    metadata.caps[name] = True
        terminal = encode_terminal(output)
        contents.append(terminal)
        described = message.metadata[digest_of(terminal)]
        for name in _ALWAYS:
            described.caps[name] = True
            needed[name] = state.note if not isinstance(state, Scratch) else Note()
        return Marshalled(message, self._states, needed)

    def _grown_from(self, state: State) -> _Grown:
        if isinstance(state, ImageSource):
            own = platform_of(state, self._nothing.platform)
            return _Grown(self._bases.get(name_of(state), NO_BASE), own)
        below = parent(state)
        return self._nothing if below is None else self._grown[below.identity]

    def _output_of(self, state: State) -> Output | None:
        return self._outputs[state.identity]

    def _passed_on(self, state: State) -> Output | None:
        """The output of a state that is no operation: that of the only one below it that has any files."""
        below = state.inputs if isinstance(state, Merge) else (state.base,) if isinstance(state, Files) else ()
        return next(iter(self._layers(below)), None)

    def _layers(self, states: Iterable[State]) -> list[Output]:
        return [output for output in map(self._output_of, states) if output is not None]

    def _operation(self, state: State) -> Operation | None:
        """None where `state` adds nothing to what is below it."""
        grown = self._grown[state.identity]
        match state:
            case Run():
                run = self._private.named(state)
                return step(run, self._output_of, base=grown.base, salt=self._salt, platform=grown.platform)
            case Files() if state.actions:
                return operations.files(state, self._output_of)
            case ImageSource():
                return image(state, grown.platform.message())
            case LocalSource():
                return local(state, self._unique)
            case GitSource():
                return git(state, self._unique, self._private.agent("default"))
            case HttpSource():
                return http(state, self._unique)
            case Merge() if len(layers := self._layers(state.inputs)) > 1:
                return operations.merge(layers)
            case Diff():
                return operations.diff(state, self._output_of)
            case _:
                return None

    def _source_map(self, sources: tuple[SourceFile, ...]) -> Any:
        """Which lines of which build files asked for each operation. Files that nobody knows are left out."""
        numbers = {source.name: number for number, source in enumerate(sources)}
        message = llb.Source(infos=[llb.SourceInfo(filename=source.name, data=source.data) for source in sources])
        for digest, positions in self._positions.items():
            known = [position for position in positions if position.file in numbers]
            for position in known:
                point = llb.Position(line=position.line, character=position.column)
                message.locations[digest].locations.add(
                    source_index=numbers[position.file], ranges=[llb.Range(start=point, end=point)]
                )
        return message


def base_images(state: State) -> dict[str, ImageSource]:
    """The images that `state` and the steps below it grow from, by `name_of`, `state`'s own last.

    Raises DefinitionError as `marshal` does.
    """
    grown: dict[str, ImageSource | None] = {}
    found: dict[str, ImageSource] = {}
    for current in walk(state):
        below = parent(current)
        image = current if isinstance(current, ImageSource) else grown[below.identity] if below else None
        grown[current.identity] = image
        if image is not None and (isinstance(current, Run) or current is state):
            found[name_of(image)] = image
    return found


def name_of(image: ImageSource) -> str:
    """The fully qualified reference, and behind it the platform where the image has its own."""
    reference = normalise(image)
    return f"{reference} {parse_platform(image.platform, image.note)}" if image.platform else reference


def platform_of(image: ImageSource, platform: Platform) -> Platform:
    """The platform of `image` in a build for `platform`."""
    return parse_platform(image.platform, image.note) if image.platform else platform


def _check_size(marshalled: Marshalled, largest: int) -> None:
    """Refuse what no request can hold, at the state whose operation does not fit any more."""
    if marshalled.message is None or (size := marshalled.message.ByteSize()) <= largest:
        return
    note, own = _does_not_fit(marshalled, largest)
    raise refusal(
        note,
        f"the definition is too large for the engine: {_mebibytes(size)} in {len(marshalled.states):,} steps, "
        f"{_mebibytes(own)} of them in this one",
        f"keep it below {_mebibytes(largest)}: copy large files instead of writing their text in the build file",
    )


def _does_not_fit(marshalled: Marshalled, largest: int) -> tuple[Note, int]:
    """The first operation that is most of a request, or with which the operations are more than one; its bytes."""
    written, found = 0, (Note(), 0)
    for state, content in zip(marshalled.states.values(), getattr(marshalled.message, "def"), strict=False):
        written += len(content)
        found = (state.note, len(content))
        if written > largest or len(content) > largest // 2:
            break
    return found


def _mebibytes(size: int) -> str:
    return f"{size / 2**20:.1f} MiB"
