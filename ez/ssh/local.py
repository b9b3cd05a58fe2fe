"""This computer, behind the same protocol as every other."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from ez.errors import HostError
from ez.events import Sink, null_sink
from ez.ssh.base import CommandHost
from ez.ssh.host import Target
from ez.ssh.quoting import shorten

AGENT_VARIABLE = "SSH_AUTH_SOCK"
_GRACE = 2.0
"""Seconds between asking a command to end and killing it."""


class LocalHost(CommandHost):
    """Commands as child processes. `environment` is all that they get; the agent's socket only with `agent=True`."""

    def __init__(self, *, environment: Mapping[str, str], home: Path, sink: Sink = null_sink) -> None:
        super().__init__("local", sink)
        self._environment = dict(environment)
        self._home = home

    @property
    def is_local(self) -> bool:
        return True

    def start(self, argv: Sequence[str], agent: bool) -> LocalProcess:
        hidden = () if agent else (AGENT_VARIABLE,)
        environment = {key: value for key, value in self._environment.items() if key not in hidden}
        try:
            return LocalProcess(argv, environment, self._home)
        except (OSError, ValueError) as error:
            raise HostError(f"command cannot be started: `{shorten(argv[0])}` ({error})") from error

    @contextmanager
    def unix_socket(self, target: Target) -> Iterator[Path]:
        if not isinstance(target, str):
            raise HostError(f"a port of this computer is no unix socket: `{target[0]}:{target[1]}`")
        yield Path(target)

    def reconnect(self) -> None:
        pass

    def close(self) -> None:
        pass


class LocalProcess:
    """A child in a process group of its own, so that all of it can be ended."""

    def __init__(self, argv: Sequence[str], environment: Mapping[str, str], home: Path) -> None:
        self._child = subprocess.Popen(
            list(argv),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            cwd=home,
            start_new_session=True,
            bufsize=0,
        )
        self._input = cast(IO[bytes], self._child.stdin)
        self._output = cast(IO[bytes], self._child.stdout)
        self._errors = cast(IO[bytes], self._child.stderr)

    def read_output(self, size: int) -> bytes:
        return _read(self._output, size)

    def read_errors(self, size: int) -> bytes:
        return _read(self._errors, size)

    def write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[self._input.write(view) :]

    def close_input(self) -> None:
        self._input.close()

    def wait(self) -> int:
        code = self._child.wait()
        return code if code >= 0 else 128 - code

    def end(self) -> None:
        self._signal(signal.SIGTERM)
        try:
            self._child.wait(_GRACE)
        except subprocess.TimeoutExpired:
            pass
        self._signal(signal.SIGKILL)
        self._child.wait()

    def _signal(self, number: signal.Signals) -> None:
        try:
            os.killpg(self._child.pid, number)
        except (ProcessLookupError, PermissionError):
            pass


def _read(stream: IO[bytes], size: int) -> bytes:
    data = stream.read(size)
    if not data:
        stream.close()
    return data
