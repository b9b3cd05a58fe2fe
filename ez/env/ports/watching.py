"""Which ports are listened on inside, told by a small program there as they come and go."""

from __future__ import annotations

import re
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.resources import files

from ez.ssh.quoting import command_line

EVERY = 2
"""Seconds between looks inside."""

MOST = 64
"""Ports of one environment that are looked at: a program that opens thousands does not take all that this computer
has."""

REASONS = {
    "address": "it listens on another address than localhost",
    "kernel": "a notebook's kernel has it for itself",
    "debugger": "a debugger has it for itself",
    "editor": "an editor's server has it for itself",
}
"""Why a port that is listened on is not forwarded unless somebody asks for it: what the program says, what it means."""

_LOOKED_AT = 100
_MARK = "ez-ports-watch"
"""What the program is called, so that `ez/env/scripts/probe.sh` does not take it for a person's session."""

_REASON = "|".join(REASONS)
_ENTRY = re.compile(rf"([1-9][0-9]{{0,4}})/([046])/([A-Za-z0-9._-]{{0,32}})(?:/({_REASON}))?", re.ASCII)
_LONGEST_LINE = 100_000


@dataclass(frozen=True)
class Listener:
    """A port inside; `program` is empty where that may not be seen, `family` 0 for all addresses, 4 for
    `127.0.0.1` alone and 6 for `::1` alone, as which it is not reached from outside. `reason` is one of REASONS."""

    port: int
    program: str = ""
    family: int = 0
    reason: str = ""


def watch_words(every: str | int = EVERY) -> list[str]:
    """The argv of what runs inside; `once` for one look."""
    return [
        "sh",
        "-c",
        files("ez.env.ports").joinpath("watch.sh").read_text("utf-8"),
        _MARK,
        str(every),
        str(_LOOKED_AT),
    ]


def watch_command(every: str | int = EVERY) -> str:
    """The same as a line for a login shell."""
    return command_line(watch_words(every))


def parse_line(line: str) -> tuple[Listener, ...]:
    """One line of the program; what is no entry is left out, since anybody inside may have written it."""
    found: dict[int, Listener] = {}
    for word in line.split():
        entry = _ENTRY.fullmatch(word)
        if entry is not None and int(entry[1]) < 65536:
            found.setdefault(int(entry[1]), Listener(int(entry[1]), entry[3], int(entry[2]), entry[4] or ""))
    theirs = [one for one in found.values() if not one.reason][:MOST]
    return (*theirs, *[one for one in found.values() if one.reason][:MOST])


class Watch:
    """The program inside, run by `command`, until `close`; `changed` gets all listeners after each change."""

    def __init__(
        self,
        command: Sequence[str],
        variables: Mapping[str, str],
        changed: Callable[[tuple[Listener, ...]], None],
    ) -> None:
        self._changed = changed
        self._process = subprocess.Popen(
            command, env=dict(variables), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def close(self) -> None:
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.close()
        self._process.terminate()
        self._process.wait()
        self._thread.join(5)

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            while line := lines.readline(_LONGEST_LINE):
                self._changed(parse_line(line.decode("ascii", "replace")))
