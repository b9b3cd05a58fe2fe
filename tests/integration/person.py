"""A person at a computer of their own: a home, an agent, and the real `ez`, `ssh` and `git` programs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

EZ = Path(sys.executable).with_name("ez")
LIMIT = 240.0


@dataclass(frozen=True)
class Done:
    """A program that ended."""

    command: tuple[str, ...]
    code: int
    stdout: str
    stderr: str
    seconds: float

    @property
    def json(self) -> Any:
        """stdout, which holds one JSON document and nothing else."""
        return json.loads(self.stdout)

    @property
    def told(self) -> str:
        """The error and its hint, without progress."""
        return self.stderr[max(self.stderr.rfind("error: "), 0) :]


class Running:
    """A program that runs; its stderr is read line by line as it comes."""

    def __init__(self, command: Sequence[str], environment: dict[str, str], cwd: Path) -> None:
        self.command = tuple(command)
        self._started = time.monotonic()
        self._process = subprocess.Popen(
            command,
            env=environment,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )
        self._lines: list[str] = []
        self._changed = threading.Condition()
        self._ended = False
        self._stdout = ""
        self._readers = [threading.Thread(target=work, daemon=True) for work in (self._read_errors, self._read_output)]
        for reader in self._readers:
            reader.start()

    def until(self, text: str, timeout: float = LIMIT) -> None:
        """Wait for a line of stderr that contains `text`."""

        def told() -> bool:
            return self._ended or any(text in line for line in self._lines)

        with self._changed:
            assert self._changed.wait_for(told, timeout), f"not told within {timeout} s: {text}\n{self.stderr}"
        assert any(text in line for line in self._lines), f"ended without telling: {text}\n{self.stderr}"

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(timeout=10)

    def interrupt(self) -> None:
        self._process.send_signal(signal.SIGINT)

    def wait(self, timeout: float = LIMIT) -> Done:
        try:
            code = self._process.wait(timeout=timeout)
        except subprocess.TimeoutExpired as error:
            self.kill()
            raise AssertionError(f"still running after {timeout} s: {self.command}\n{self.stderr}") from error
        for reader in self._readers:
            reader.join(timeout=10)
        return Done(self.command, code, self._stdout, self.stderr, time.monotonic() - self._started)

    @property
    def stderr(self) -> str:
        return "".join(self._lines)

    def _read_errors(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            with self._changed:
                self._lines.append(line)
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _read_output(self) -> None:
        assert self._process.stdout is not None
        self._stdout = self._process.stdout.read()


@dataclass(frozen=True)
class Person:
    """`home` is their home directory; `variables` are added to what this process has in its environment."""

    home: Path
    variables: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        (self.home / ".ssh").mkdir(mode=0o700, exist_ok=True)
        (self.home / "tmp").mkdir(exist_ok=True)
        self.ssh_config.write_text(f"UserKnownHostsFile {self.known_hosts}\n")
        (self.home / ".gitconfig").write_text("[user]\n\tname = Ann Example\n\temail = ann@example.org\n")

    @property
    def ssh_config(self) -> Path:
        return self.home / ".ssh" / "config"

    @property
    def known_hosts(self) -> Path:
        return self.home / ".ssh" / "known_hosts"

    @property
    def database(self) -> Path:
        return self.home / ".local" / "state" / "ez" / "state.db"

    @property
    def environment(self) -> dict[str, str]:
        own = {"HOME": str(self.home), "EZ_SSH_CONFIG": str(self.ssh_config), "TMPDIR": str(self.home / "tmp")}
        own["EZ_LINK"] = "off"  # A test of what a kept connection does has one.
        return {**os.environ, **own, **self.variables}

    def knows(self, lines: str) -> None:
        """Lines for known_hosts."""
        with self.known_hosts.open("a") as file:
            file.write(lines.rstrip("\n") + "\n")

    def ez(
        self, *arguments: str, code: int | None = 0, cwd: Path | None = None, timeout: float = LIMIT, **variables: str
    ) -> Done:
        """Run `ez` without a terminal; it has to end with `code` (None: any), and never with a traceback or a bug."""
        running = self.start(*arguments, cwd=cwd, **variables)
        return checked(running.wait(timeout), code)

    def start(self, *arguments: str, cwd: Path | None = None, **variables: str) -> Running:
        return Running([str(EZ), *arguments], {**self.environment, **variables}, cwd or self.home)

    def run(self, *command: str, code: int | None = 0, cwd: Path | None = None, timeout: float = LIMIT) -> Done:
        """Any other program."""
        return checked(Running(command, self.environment, cwd or self.home).wait(timeout), code)

    def ssh(self, alias: str, *command: str, code: int | None = 0, options: Sequence[str] = ()) -> Done:
        """OpenSSH with this person's configuration; it looks at the password database for a home, not at HOME."""
        return self.run("ssh", *self.ssh_options, *options, alias, *command, code=code)

    @property
    def ssh_options(self) -> tuple[str, ...]:
        return ("-F", str(self.ssh_config), "-o", "BatchMode=yes")

    def environments(self) -> dict[str, Any]:
        """What the index lists, by name."""
        return {record["name"]: record for record in self.ez("env", "ls", "--json").json}

    def leftovers(self) -> list[Path]:
        """Drafts and temporary files in what belongs to ez."""
        marks: tuple[Callable[[str], bool], ...] = (
            lambda name: name.endswith((".new", ".tmp", ".draft")),
            lambda name: ".new." in name or name.startswith((".state-", ".ez-", ".tmp")),
        )
        places = [self.home / ".ssh", self.home / ".local", self.home / ".config", self.home / ".cache"]
        found = [path for place in places if place.exists() for path in place.rglob("*")]
        return [path for path in found if any(mark(path.name) for mark in marks)]


def checked(done: Done, code: int | None) -> Done:
    everything = f"{' '.join(done.command)}\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr, everything
    assert done.code != 70, everything
    assert code is None or done.code == code, f"exit code {done.code}, not {code}: {everything}"
    return done
