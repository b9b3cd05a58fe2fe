"""What one run of ez has at hand: settings, the index, a sink and a log; and questions to the person."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ez.cli.output import JsonSink, PlainSink, combine, say, start_log, wants_colour
from ez.config import Settings, resolve
from ez.errors import EzError, UsageError
from ez.events import Sink
from ez.state import State

Progress = Literal["auto", "plain", "json", "quiet"]
"""How a run shows what happens: `auto` is a live view on a terminal and lines elsewhere."""


@dataclass(frozen=True)
class Session:
    """`stop_progress` ends the live view, before anything else is written."""

    settings: Settings
    state: State
    sink: Sink
    json_output: bool
    yes: bool
    stop_progress: Callable[[], None]


@contextmanager
def session(
    command: str,
    *,
    json_output: bool = False,
    quiet: bool = False,
    verbose: bool = False,
    progress: Progress = "auto",
    yes: bool = False,
    project: Path | None = None,
    log: bool = True,
) -> Iterator[Session]:
    """Open everything that `command` needs, and close it in the end."""
    settings = resolve(project=project)
    with ExitStack() as stack:
        state = stack.enter_context(State(settings.directories.database))
        sink, stop = _make_sink("quiet" if quiet else progress, verbose=verbose, json_output=json_output)
        stack.callback(stop)
        if log:
            sink = combine(sink, start_log(settings.directories.logs, command))
        yield Session(settings, state, sink, json_output, yes, stop)


def confirm(question: str, *, yes: bool, flag: str = "--yes") -> None:
    """Ask on a terminal. Without one, and without `flag`, refuse before anything is changed."""
    if yes:
        return
    require_answer(question, flag=flag)
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        say("nothing was changed")
        raise EzError("not confirmed", f"answer y, or add {flag}")


def require_answer(question: str, *, flag: str = "--yes") -> None:
    """Raises UsageError where nobody can be asked. For a question that follows only after work."""
    if sys.stdin is None or sys.stderr is None or not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(f"this needs an answer: {question}", f"add {flag}")


def _make_sink(progress: Progress, *, verbose: bool, json_output: bool) -> tuple[Sink, Callable[[], None]]:
    """The sink for this run's stderr, and what to call when the run ends."""
    if progress == "json":
        return JsonSink(), lambda: None
    if progress != "auto" or verbose or json_output or not wants_colour(sys.stderr):
        return PlainSink(quiet=progress == "quiet", verbose=verbose), lambda: None
    from ez.cli.live import LiveSink

    live = LiveSink()
    return live, live.close
