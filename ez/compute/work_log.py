"""Reads what a job on a computer prints: progress to the sink, and in the end what failed."""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Iterable

from ez.compute.facts import Facts
from ez.compute.plan import on
from ez.errors import PrepareError
from ez.events import Output, Sink, StepFailed, StepFinished, StepStarted

JOB_FOLDER = "/var/lib/ez/prepare"
"""A job on a computer: what outlives a restart."""

RUN_FOLDER = "/run/ez/prepare"
"""And what does not: its log, and what is in the works. Being in memory it is written also when the disk is full."""

LOG_PATH = f"{RUN_FOLDER}/log"

# What installers print -> what it means, and the command to type on that computer.
_CAUSES = (
    (r"No space left on device|don't have enough free space", "its disk is full", "df -h / /var /var/cache/apt"),
    (r"Could not resolve|Temporary failure resolving", "it cannot resolve names", "cat /etc/resolv.conf"),
    (
        r"Certificate verification failed|certificate is NOT trusted",
        "it does not trust a certificate",
        "sudo apt-get update",
    ),
    (r"list of sources could not be read", "one of its package lists is wrong", "sudo apt-get update"),
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
    (
        r"dpkg was interrupted|Sub-process \S+ received signal|^Killed$",
        "an installation was ended by somebody",
        "ps -ef",
    ),
)
_KEPT_LINES = 300
_SHOWN_LINES = 8


class WorkLog:
    """One job's output. `line` is called for each line, then `check` once; `done` are the steps that changed something.

    `restarting` is the id of the boot that ends while the job goes on, empty when none does.
    """

    def __init__(self, facts: Facts, sink: Sink) -> None:
        self.done: list[str] = []
        self.restarting = ""
        self._facts = facts
        self._sink = sink
        self._lines = 0
        self._newest = ""
        self._repeated = ""
        self._step = ""
        self._title = ""
        self._started = 0.0
        self._last: deque[str] = deque(maxlen=_KEPT_LINES)
        self._error = ""
        self._command = ""
        self._needed = ""
        self._exit = ""

    @property
    def next_line(self) -> int:
        """From where on a new connection has to bring the log: the last line again, which may have been cut."""
        return max(self._lines, 1)

    def line(self, text: str) -> None:
        kind, _, rest = text.removeprefix("@@ez ").partition(" ") if text.startswith("@@ez ") else ("", "", text)
        if kind == "exit":
            self._exit = rest.strip()
        elif kind == "busy":
            self._print(rest)
        elif text and text == self._repeated:
            self._repeated = ""
        else:
            self._lines += 0 if self._repeated else 1
            self._newest, self._repeated = text, ""
            if self.restarting and kind:
                # The log of a restart that is over already, or did not come about.
                self.came_back()
                self._repeated = ""
            self._take(kind, rest)

    def came_back(self) -> None:
        """The machine that restarted is there again; the rest of the log follows, from `next_line` on."""
        self._sink(StepFinished("prepare.restart", time.monotonic() - self._started))
        self.restarting, self._exit, self._repeated = "", "", self._newest

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
        if self._exit in ("", "died", "restarting"):
            self.abandon("ended early")
            raise PrepareError(f"the work ended early: `{computer}`", "run the same command again")
        if self._exit == "waits":
            what = f"`{computer}` has to be restarted: {self._needed}; the work goes on by itself after it"
            raise PrepareError(what, on(self._facts, "sudo systemctl reboot"))
        raise self.failure(f"{self._title or 'the work'} failed on `{computer}`", self._last)

    def failure(self, what: str, lines: Iterable[str]) -> PrepareError:
        """An error that says what its last lines mean."""
        kept = list(lines)
        cause, command = self._cause("\n".join(kept))
        shown = "".join(f"\n  {line}" for line in kept[-_SHOWN_LINES:])
        return PrepareError(
            f"{what}: {cause}{shown}" if cause else f"{what}{shown}", on(self._facts, command or f"sudo cat {LOG_PATH}")
        )

    def _cause(self, text: str) -> tuple[str, str]:
        if self._error:
            return self._error, self._command
        for pattern, meaning, command in _CAUSES:
            if re.search(pattern, text, re.MULTILINE):
                return meaning, command
        return "", ""

    def _take(self, kind: str, rest: str) -> None:
        if kind == "start":
            self._start(*rest.partition(" ")[::2])
        elif kind == "end":
            self._end(rest.rpartition(" ")[2])
        elif kind == "skip":
            self._end("skip")
        elif kind == "error":
            self._error = self._error or rest
        elif kind == "there":
            self._command = self._command or rest
        elif kind == "restart":
            self._restart(*rest.partition(" ")[::2])
        elif kind == "restart-needed":
            self._needed = rest
        elif kind in ("", "note"):
            self._print(rest)

    def _print(self, text: str) -> None:
        # A counter that rewrites its line counts as what it showed last.
        if text := text.rstrip().rpartition("\r")[2]:
            self._last.append(text)
            self._sink(Output(f"prepare.{self._step}" if self._step else "prepare", text))

    def _start(self, step: str, title: str) -> None:
        self._step, self._title, self._started = step, title, time.monotonic()
        self._error = self._command = ""
        self._last.clear()
        if step not in self.done:
            self._sink(StepStarted(f"prepare.{step}", title))

    def _end(self, status: str) -> None:
        seconds, step, id = time.monotonic() - self._started, f"prepare.{self._step}", self._step
        self._step = ""
        if status not in ("0", "restart", "skip"):
            self._sink(StepFailed(step, seconds, self._error or f"exit code {status}"))
        elif id not in self.done:
            detail = {"restart": "holds after a restart", "skip": "was done already"}.get(status, "")
            self._sink(StepFinished(step, seconds, detail, skipped=status == "skip"))
            if status != "skip":
                self.done.append(id)

    def _restart(self, boot: str, why: str) -> None:
        self.restarting, self._started = boot, time.monotonic()
        self._sink(StepStarted("prepare.restart", f"restart {self._facts.computer}: {why}"))
