"""Progress as data. Rooms tell what happens through a `Sink`; only `ez/cli` decides how it looks.

A sink is called from any thread and must not raise or block for long.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class StepStarted:
    """A step of the straight line begins. `step` is its stable id, `title` what a person reads."""

    step: str
    title: str


@dataclass(frozen=True)
class StepFinished:
    """A step ended well. `skipped` says that nothing had to be done; `detail` is one short phrase."""

    step: str
    seconds: float
    detail: str = ""
    skipped: bool = False


@dataclass(frozen=True)
class StepFailed:
    step: str
    seconds: float
    error: str


@dataclass(frozen=True)
class Output:
    """One line that a step's work printed (apt, git, a service), without its line end."""

    step: str
    line: str


@dataclass(frozen=True)
class Progress:
    """How far a step has come: `current` bytes and `files` that travelled so far."""

    step: str
    current: int
    files: int


@dataclass(frozen=True)
class Notice:
    """One sentence the person should read now; `level` is `info` or `warning`."""

    text: str
    level: str = "info"


@dataclass(frozen=True)
class Vertex:
    """A BuildKit vertex changed. Times are Unix seconds; the last event for a digest wins."""

    digest: str
    name: str
    started: float | None = None
    completed: float | None = None
    cached: bool = False
    error: str = ""


@dataclass(frozen=True)
class VertexLog:
    """Whole lines printed by a vertex; `stream` is 1 for stdout and 2 for stderr."""

    digest: str
    stream: int
    lines: tuple[str, ...]


@dataclass(frozen=True)
class VertexProgress:
    """Sub-progress of a vertex (a layer, a transfer); `current` and `total` in bytes, total 0 if unknown."""

    digest: str
    id: str
    current: int
    total: int
    done: bool


@dataclass(frozen=True)
class VertexWarning:
    """The engine warns of something in a vertex, at `file:line` (None where it does not say). `detail` are lines that
    explain it, `url` a page about it."""

    digest: str
    text: str
    file: str | None = None
    line: int | None = None
    detail: tuple[str, ...] = ()
    url: str = ""


@dataclass(frozen=True)
class CommandRun:
    """For the run log: a command on a host, its exit code and wall time in seconds."""

    host: str
    command: str
    exit_code: int
    seconds: float
    last_lines: tuple[str, ...] = ()


Event = (
    StepStarted
    | StepFinished
    | StepFailed
    | Output
    | Progress
    | Notice
    | Vertex
    | VertexLog
    | VertexProgress
    | VertexWarning
    | CommandRun
)
Sink = Callable[[Event], None]


def null_sink(event: Event) -> None:
    """Forget the event."""


@dataclass
class StepReport:
    """What the body of a `step` block says about itself before it ends."""

    detail: str = ""
    skipped: bool = False


@contextmanager
def step(sink: Sink, id: str, title: str) -> Iterator[StepReport]:
    """Tell `sink` that a step starts, and how it ended."""
    sink(StepStarted(id, title))
    started = time.monotonic()
    report = StepReport()
    try:
        yield report
    except BaseException as error:
        sink(StepFailed(id, time.monotonic() - started, str(error) or type(error).__name__))
        raise
    sink(StepFinished(id, time.monotonic() - started, report.detail, report.skipped))
