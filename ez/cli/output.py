"""How results, progress and errors look: results on stdout, everything else on stderr."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TextIO

from ez.errors import CommandError, DefinitionError, EzError, StepError
from ez.events import (
    CommandRun,
    Event,
    Notice,
    Output,
    Sink,
    StepFailed,
    StepFinished,
    StepStarted,
    Vertex,
    VertexLog,
    VertexWarning,
)

KEEP_LOGS = 50
_WIDEST = 160


def print_json(value: object) -> None:
    """One JSON document on stdout; dataclasses become objects, whose fields that are marked as private are null."""
    sys.stdout.write(json.dumps(_plain(value), indent=2) + "\n")


def _plain(value: object) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        shown = {item.name: not item.metadata.get("private") for item in dataclasses.fields(value)}
        return {name: _plain(getattr(value, name)) if is_shown else None for name, is_shown in shown.items()}
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    if isinstance(value, Path):
        return str(value)
    return value


def print_table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Columns padded with spaces; the same on a terminal and in a pipe."""
    for line in table_lines(headers, rows):
        sys.stdout.write(f"{line}\n")


def table_lines(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    shown = [[clean(str(cell)) for cell in row] for row in rows]
    widths = [max(len(cell) for cell in column) for column in zip(headers, *shown, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in [list(headers), *shown]
    ]


def say(text: str) -> None:
    """A line of talk for the person."""
    sys.stderr.write(text + "\n")


def wants_colour(stream: TextIO) -> bool:
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def paint(text: str, code: str) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if wants_colour(sys.stderr) else text


def clean(text: str) -> str:
    """Text from elsewhere without the control characters that could repaint a terminal."""
    return "".join(mark if mark.isprintable() or mark in "\t" else "?" for mark in text)


def show_error(error: EzError, log: Path | None) -> None:
    """`error: what failed`, where, the last lines, and one hint."""
    say(paint("error", "1;31") + ": " + "\n".join(clean(line) for line in error.message.splitlines()))
    if isinstance(error, (DefinitionError, StepError)) and error.file:
        place = ":".join(str(part) for part in (error.file, error.line, getattr(error, "column", None)) if part)
        say(f"  at {clean(place)}")
        if isinstance(error, DefinitionError) and error.excerpt is not None:
            for line in excerpt_lines(error.excerpt, error.line or 1, error.column or 1):
                say(f"  {line}")
    lines: Sequence[str] = ()
    if isinstance(error, StepError):
        lines = error.log
    elif isinstance(error, CommandError):
        lines = error.result.last_lines()
    for line in lines:
        say("  | " + clean(line))
    if error.hint:
        say("\n" + paint("hint", "1;36") + ": " + "\n".join(clean(line) for line in error.hint.splitlines()))
    if log is not None:
        say(paint(f"log: {log}", "2"))


def excerpt_lines(source: str, line: int, column: int, width: int | None = None) -> tuple[str, str]:
    """A line of a file with its number, and the mark below it."""
    from ez.build.check import width as found

    shown, before = source.expandtabs(1)[:_WIDEST], " " * (column - 1)
    mark = "^" * (found(source, column) if width is None else width)
    return f"{line:>4} | {clean(shown)}", f"     | {before}{mark}"[: _WIDEST + 7]


def combine(*sinks: Sink) -> Sink:
    def send(event: Event) -> None:
        for sink in sinks:
            sink(event)

    return send


class RunLog:
    """The transcript of one run: every event with its time since the start, secrets never among them."""

    def __init__(self, directory: Path, command: str) -> None:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        stamp = time.strftime("%Y%m%d-%H%M%S")
        self.path = directory / f"{stamp}-{command}-{os.getpid()}.log"
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._file = os.fdopen(descriptor, "w", encoding="utf-8", errors="replace")
        self._started = time.monotonic()
        for old in sorted(directory.glob("*.log"))[:-KEEP_LOGS]:
            old.unlink(missing_ok=True)

    def __call__(self, event: Event) -> None:
        seconds = time.monotonic() - self._started
        body = " ".join(
            f"{key}={value!r}" for key, value in dataclasses.asdict(event).items() if value not in ("", None)
        )
        self.write(f"{seconds:9.3f} {type(event).__name__} {body}\n")

    def write(self, text: str) -> None:
        """A log that cannot be written, on a full disk, is no reason to stop the work."""
        try:
            self._file.write(text if text.endswith("\n") else text + "\n")
            self._file.flush()
        except OSError:
            pass


_log: RunLog | None = None


def start_log(directory: Path, command: str) -> RunLog:
    """Open the transcript of this process's run."""
    global _log
    _log = RunLog(directory, command)
    return _log


def current_log(create: str | None = None) -> Path | None:
    """The run log of this process; `create` names one to make where there is none."""
    if _log is not None:
        return _log.path
    if create is None:
        return None
    from ez.config import find_directories

    try:
        return start_log(find_directories(os.environ).logs, create).path
    except OSError:
        return None


class PlainSink:
    """Progress as lines, for pipes, logs and CI; `quiet` leaves only warnings."""

    def __init__(self, *, quiet: bool = False, verbose: bool = False) -> None:
        self._quiet = quiet
        self._verbose = verbose
        self._titles: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self._told: set[tuple[str, str]] = set()

    def __call__(self, event: Event) -> None:
        line = self._line(event)
        if line is not None and (not self._quiet or _is_warning(event)):
            say(line)

    def _line(self, event: Event) -> str | None:
        match event:
            case StepStarted():
                self._titles[event.step] = event.title
                return f"-> {clean(event.title)}"
            case StepFinished():
                return f"ok {clean(self._titles.get(event.step, event.step))}{summary(event)}"
            case StepFailed():
                return f"!! {clean(self._titles.get(event.step, event.step))} ({event.seconds:.1f} s)"
            case Notice():
                return f"{'warning' if event.level == 'warning' else 'note'}: {clean(event.text)}"
            case Output():
                return f"   | {clean(event.line)}"
            case VertexWarning():
                return f"warning: {warning_line(event)}"
            case Vertex() | VertexLog():
                return self._build_line(event)
            case CommandRun():
                return f"   $ {event.host}: {clean(event.command)} ({event.seconds:.2f} s)" if self._verbose else None
        return None

    def _build_line(self, event: Vertex | VertexLog) -> str | None:
        if isinstance(event, VertexLog):
            return "\n".join(f"   | {clean(line)}" for line in event.lines) or None
        self._names[event.digest] = event.name
        state = vertex_state(event)
        if state == "waiting" or (event.digest, state) in self._told:
            return None
        self._told.add((event.digest, state))
        return f"   {state:<7} {clean(event.name)}{_vertex_seconds(event)}"


class JsonSink:
    """Progress as one JSON object per event and line, for programs; keys and kinds of events only grow."""

    def __call__(self, event: Event) -> None:
        kind = re.sub(r"(?<!^)(?=[A-Z])", "_", type(event).__name__).lower()
        say(json.dumps({"event": kind, "time": time.time(), **_plain(event)}))


def vertex_state(vertex: Vertex) -> str:
    if vertex.error:
        return "failed"
    if vertex.cached:
        return "cached"
    if vertex.completed:
        return "done"
    return "running" if vertex.started else "waiting"


def _vertex_seconds(vertex: Vertex) -> str:
    if vertex.started is None or vertex.completed is None or vertex.cached:
        return ""
    return f" ({max(0.0, vertex.completed - vertex.started):.1f} s)"


def _is_warning(event: Event) -> bool:
    return isinstance(event, VertexWarning) or (isinstance(event, Notice) and event.level == "warning")


def warning_line(warning: VertexWarning) -> str:
    """The engine's words and the place they are about, on one line."""
    place = ":".join(str(part) for part in (warning.file, warning.line) if part)
    return clean(" ".join((f"{warning.text} ({place})" if place else warning.text).split()))


def summary(event: StepFinished) -> str:
    """` · detail (1.2 s)` after a step's title."""
    detail = f": {clean(event.detail)}" if event.detail else ""
    return detail if event.skipped and event.seconds < 0.05 else f"{detail} ({event.seconds:.1f} s)"
