"""What a build leaves behind: of each step the parts that make its cache key, how it went and what it took.

One JSON file per environment and computer, made by the caller's path, with the last builds. `reasons` reads it
to say why a step ran. Values of variables, commands and file contents are in it only as hashes keyed with the
file's own salt: equal ones can be told from changed ones, and nothing can be read from it.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ez.build.definition import Definition
from ez.build.explain.parts import Hasher, Parts, Tree, linked, parts_of
from ez.build.graph import State, is_cache_directory
from ez.build.keeping import keep
from ez.events import Event, Vertex, VertexLog

FORMAT = 1
BUILDS_KEPT = 5
LARGEST = 8 << 20
"""Bytes of a history file. Older builds go first; a build that is larger alone is not kept."""

RAN, CACHED, FAILED, NOT_REACHED = "ran", "cached", "failed", "not reached"


@dataclass(frozen=True)
class Step:
    """A step of a build. `inputs` are the numbers of the steps of the same build that it reads; `outcome` is one of
    the four words above; `seconds` is wall time, 0 where it did not run, `started` counts from the build's begin.
    `kind` is the state's (`run`, `files`, `image`, ...), `cache` for what a cache mount begins with, or `engine` for
    the engine's own work, such as exporting."""

    kind: str
    label: str
    parts: Parts
    inputs: tuple[int, ...] = ()
    file: str = ""
    line: int = 0
    platform: str = ""
    outcome: str = NOT_REACHED
    seconds: float = 0.0
    started: float = 0.0
    log_bytes: int = 0


@dataclass(frozen=True)
class Build:
    """A build that ended. `at` is when it began, in Unix seconds; `seconds` how long it took; `rebuilt` tells that
    every step was asked to run again."""

    digest: str
    at: float
    seconds: float
    failed: bool
    rebuilt: bool
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class History:
    """The last builds of an environment on a computer, the newest last."""

    builds: tuple[Build, ...] = ()
    salt: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)


@dataclass
class Trace:
    """What a build tells of itself while it runs; `ez.build.solve.build` fills the one it is given.

    It is a `Sink` too. `images` are the ids of base images (their configuration's digest) by full reference.
    """

    graphs: list[tuple[str, Mapping[str, State]]] = field(default_factory=list)
    images: dict[str, str] = field(default_factory=dict)
    vertices: dict[str, Vertex] = field(default_factory=dict)
    log_bytes: dict[str, int] = field(default_factory=dict)
    began: float = field(default_factory=time.time)

    def planned(self, platform: str, states: Mapping[str, Any]) -> None:
        """The states that a build for `platform` (`linux/amd64`) is made of, by operation digest, inputs first."""
        self.graphs.append((platform, states))

    def resolved(self, reference: str, id: str) -> None:
        self.images[reference] = id

    def __call__(self, event: Event) -> None:
        match event:
            case Vertex():
                self.vertices[event.digest] = event
            case VertexLog():
                size = sum(len(line) + 1 for line in event.lines)
                self.log_bytes[event.digest] = self.log_bytes.get(event.digest, 0) + size


def remember(path: Path, definition: Definition, trace: Trace, *, failed: bool = False, rebuilt: bool = False) -> Build:
    """Add the build that `trace` followed to the history at `path`, and return it. A full disk is no error."""
    history = read_history(path)
    build = recorded(definition, trace, history.salt, failed=failed, rebuilt=rebuilt)
    write_history(path, replace(history, builds=(*history.builds, build)))
    return build


def recorded(definition: Definition, trace: Trace, salt: str, *, failed: bool = False, rebuilt: bool = False) -> Build:
    tree = Tree(definition.contents)
    steps: list[Step] = []
    for platform, states in trace.graphs:
        for step, digest in zip(described(states.values(), tree, trace.images, salt, len(steps)), states, strict=True):
            steps.append(_with_times(replace(step, platform=platform), digest, trace))
    known = {digest for _, states in trace.graphs for digest in states}
    steps += [
        _with_times(Step("engine", vertex.name, {}), digest, trace)
        for digest, vertex in trace.vertices.items()
        if digest not in known
    ]
    return Build(definition.digest, trace.began, round(time.time() - trace.began, 3), failed, rebuilt, tuple(steps))


def described(states: Any, tree: Tree, images: Mapping[str, str], salt: str, first: int = 0) -> list[Step]:
    """Steps without times, one for each of `states`, which come inputs first; the first one's number is `first`."""
    hasher = Hasher(bytes.fromhex(salt))
    numbers: dict[str, int] = {}
    steps = []
    for number, state in enumerate(states, first):
        note, position = state.note, state.note.position
        steps.append(
            Step(
                kind="cache" if is_cache_directory(state) else type(state).__name__.removesuffix("Source").lower(),
                label=hasher.masked(note.label),
                parts=parts_of(state, tree, images, hasher),
                inputs=tuple(dict.fromkeys(numbers[id] for id in linked(state, numbers))),
                file=position.file if position else "",
                line=position.line if position else 0,
            )
        )
        numbers[state.identity] = number
    return steps


def read_history(path: Path) -> History:
    """The history at `path`; an empty one where there is none, or none that this version of ez can read."""
    try:
        if path.stat().st_size > 2 * LARGEST:
            return History()
        return _history(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return History()


def write_history(path: Path, history: History) -> None:
    """Write the newest builds of `history` that fit, whole or not at all, for this user alone."""
    builds = [json.dumps(build, default=vars, separators=(",", ":")) for build in history.builds[-BUILDS_KEPT:]]
    while sum(map(len, builds)) > LARGEST:
        builds.pop(0)
    text = f'{{"format":{FORMAT},"salt":"{history.salt}","builds":[\n' + ",\n".join(builds) + "\n]}\n"
    keep(path, text)


def _with_times(step: Step, digest: str, trace: Trace) -> Step:
    vertex = trace.vertices.get(digest)
    if vertex is None or (vertex.completed is None and not vertex.error):
        return step
    outcome = FAILED if vertex.error else CACHED if vertex.cached else RAN
    started = vertex.started or trace.began
    return replace(
        step,
        outcome=outcome,
        started=round(started - trace.began, 3),
        seconds=round(max(0.0, (vertex.completed or started) - started), 3) if outcome != CACHED else 0.0,
        log_bytes=trace.log_bytes.get(digest, 0),
    )


def _history(data: Any) -> History:
    if data["format"] != FORMAT:
        return History()
    bytes.fromhex(data["salt"])
    return History(tuple(_build(build) for build in data["builds"]), data["salt"])


def _build(data: Any) -> Build:
    steps = tuple(_step(step, number) for number, step in enumerate(data["steps"]))
    return Build(**{**data, "steps": steps})


def _step(data: Any, number: int) -> Step:
    inputs = tuple(int(one) for one in data["inputs"])
    if any(not 0 <= one < number for one in inputs) or not isinstance(data["parts"], dict):
        raise ValueError("not a step")
    parts = {name: tuple(value) if isinstance(value, list) else value for name, value in data["parts"].items()}
    return Step(**{**data, "inputs": inputs, "parts": parts})
