"""What one run of ez has at hand: settings, the index, a sink and a log; and questions to the person."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from ez.cli.output import JsonSink, PlainSink, clean, combine, say, start_log, wants_colour
from ez.config import Settings, project_at, resolve
from ez.errors import EzError, UsageError
from ez.events import Notice, Sink
from ez.names import shown
from ez.state import State

HERE = Path()
"""The directory that ez was called in."""

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
    project: Path | None = HERE,
    log: bool = True,
) -> Iterator[Session]:
    """Open everything that `command` needs, and close it in the end. `project` is a directory of the repo whose
    settings count, None for a repo that is not on this computer."""
    settings = resolve(project=project_of(project))
    with ExitStack() as stack:
        state = stack.enter_context(State(settings.directories.database))
        settings = _with_choices(settings, state)
        sink, stop = _make_sink("quiet" if quiet else progress, verbose=verbose, json_output=json_output)
        stack.callback(stop)
        if log:
            sink = combine(sink, start_log(settings.directories.logs, command))
        if log and settings.offered is not None:
            sink(Notice(f"{settings.offered.file} has a workspace that is not used: ez workspace accept"))
        yield Session(settings, state, sink, json_output, yes, stop)


def project_of(directory: Path | None = HERE) -> Path | None:
    """Where the `ez.toml` is that counts for a directory."""
    try:
        return project_at(Path.cwd() / directory) if directory is not None else None
    except OSError:
        return None  # Somebody removed the directory that ez was called in.


def settings_of(project: Path | None, state: State, workspace: str = "") -> Settings:
    """The settings as they are now, for the workspace of that name where one is given."""
    return _with_choices(resolve(project=project, flags={"workspace.name": workspace} if workspace else None), state)


def _with_choices(settings: Settings, state: State) -> Settings:
    """What `ez compute select` chose counts for more than the person's own file, and for less than all else."""
    key, chosen = "defaults.computer", state.chosen("computer")
    if not chosen or settings.sources[key] not in ("default", str(settings.directories.user_file)):
        return settings
    return replace(
        settings, values={**settings.values, key: chosen}, sources={**settings.sources, key: "ez compute select"}
    )


def confirm(question: str, *, yes: bool, flag: str = "--yes") -> None:
    """Ask on a terminal. Without one, and without `flag`, refuse before anything is changed."""
    if yes:
        return
    require_answer(question, flag=flag)
    if _read(f"{question} [y/N] ").strip().lower() not in ("y", "yes"):
        say("nothing was changed")
        raise EzError("not confirmed", f"answer y, or add {flag}")


def ask_whether(question: str) -> bool:
    """On a terminal; whoever only presses Enter says no."""
    return _read(f"{clean(question)} [y/N] ").strip().lower() in ("y", "yes")


def answer(question: str) -> str:
    """What the person writes, which may be nothing. Raises EzError at the end of the input, which is no answer."""
    line = _read(f"{question} ")
    if not line:
        say("")
        raise EzError(f"not answered: {question}", "nothing was changed")
    return line.strip()


def choose_number(question: str, count: int) -> int:
    """The index of one of so many rows, the first for whoever only presses Enter. Raises EzError."""
    said = answer(f"{question} [1-{count}, 1]") or "1"
    if not (said.isascii() and said.isdigit() and 1 <= int(said[:4]) <= count):
        raise EzError(f"not on the list: `{shown(said)}`", "answer with a number of the list")
    return int(said) - 1


def _read(question: str) -> str:
    sys.stderr.write(question)
    sys.stderr.flush()
    return sys.stdin.readline()


def is_interactive() -> bool:
    """Whether somebody can be asked."""
    return sys.stdin is not None and sys.stderr is not None and sys.stdin.isatty() and sys.stderr.isatty()


def require_answer(question: str, *, flag: str = "--yes") -> None:
    """Raises UsageError where nobody can be asked. For a question that follows only after work."""
    if not is_interactive():
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
