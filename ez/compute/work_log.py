"""Reads what a job on a computer prints: progress to the sink, and in the end what failed."""

from __future__ import annotations

import re
import time
from collections import deque

from ez.compute.facts import Facts
from ez.compute.plan import on
from ez.errors import PrepareError
from ez.events import Output, Sink, StepFailed, StepFinished, StepStarted

LOG_PATH = "/run/ez/prepare/log"

# What installers print -> what it means, and the command to type on that computer.
_CAUSES = (
    (r"No space left on device|don't have enough free space", "its disk is full", "df -h / /var /var/cache/apt"),
    (r"Could not resolve|Temporary failure resolving", "it cannot resolve names", "cat /etc/resolv.conf"),
    (
        r"Certificate verification failed|certificate is NOT trusted",
        "it does not trust a certificate",
        "sudo apt-get update",
    ),
    (
        r"Unable to connect|Could not connect|Connection timed out|Failed to fetch",
        "a package archive is unreachable",
        "sudo apt-get update",
    ),
    (
        r"Unable to locate package|no installation candidate",
        "its package sources lack a package",
        "sudo apt-get update",
    ),
    (r"Could not get lock|Unable to lock", "another installation is in the way", "ps -ef"),
)
_KEPT_LINES = 300
_SHOWN_LINES = 8


class WorkLog:
    """One job's output. `line` is called for each line, then `check` once; `done` are the steps that ended well."""

    def __init__(self, facts: Facts, sink: Sink) -> None:
        self.done: list[str] = []
        self._facts = facts
        self._sink = sink
        self._step = ""
        self._title = ""
        self._started = 0.0
        self._last: deque[str] = deque(maxlen=_KEPT_LINES)
        self._error = ""
        self._command = ""
        self._exit = ""

    def line(self, text: str) -> None:
        if not text.startswith("@@ez "):
            self._print(text)
            return
        kind, _, rest = text.removeprefix("@@ez ").partition(" ")
        if kind == "start":
            self._start(*rest.partition(" ")[::2])
        elif kind == "end":
            self._end(rest.rpartition(" ")[2])
        elif kind == "error":
            self._error = rest
        elif kind == "there":
            self._command = rest
        elif kind == "exit":
            self._exit = rest.strip()

    def abandon(self, reason: str) -> None:
        """The output stops in the middle of a step."""
        if self._step:
            self._sink(StepFailed(f"prepare.{self._step}", time.monotonic() - self._started, reason))
            self._step = ""

    def check(self) -> None:
        """Raise PrepareError unless the job ended well."""
        if self._exit == "0":
            return
        computer = self._facts.computer
        if self._exit in ("", "died"):
            self.abandon("ended early")
            raise PrepareError(f"the work ended early: `{computer}`", "run the same command again")
        cause, command = self._cause()
        lines = "".join(f"\n  {line}" for line in list(self._last)[-_SHOWN_LINES:])
        what = f"{self._title or 'the work'} failed on `{computer}`"
        raise PrepareError(
            f"{what}: {cause}{lines}" if cause else f"{what}{lines}",
            on(self._facts, command or f"sudo cat {LOG_PATH}"),
        )

    def _cause(self) -> tuple[str, str]:
        if self._error:
            return self._error, self._command
        text = "\n".join(self._last)
        for pattern, meaning, command in _CAUSES:
            if re.search(pattern, text):
                return meaning, command
        return "", ""

    def _print(self, text: str) -> None:
        # A counter that rewrites its line counts as what it showed last.
        if text := text.rstrip().rpartition("\r")[2]:
            self._last.append(text)
            self._sink(Output(f"prepare.{self._step}" if self._step else "prepare", text))

    def _start(self, step: str, title: str) -> None:
        self._step, self._title, self._started = step, title, time.monotonic()
        self._last.clear()
        self._sink(StepStarted(f"prepare.{step}", title))

    def _end(self, status: str) -> None:
        seconds, step = time.monotonic() - self._started, f"prepare.{self._step}"
        if status == "0":
            self.done.append(self._step)
            self._sink(StepFinished(step, seconds))
        else:
            self._sink(StepFailed(step, seconds, self._error or f"exit code {status}"))
        self._step = ""
