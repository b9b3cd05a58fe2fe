"""The far end of `ez.build.frontends.envd.child`: a process with bounds, asked and answered in messages."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType

from ez.build.frontends.envd.frames import LONGEST_HEAD, packed, parted, sizes

SECONDS = 10.0
"""How long all files together may run, however often."""

MEMORY = 512 << 20
"""Bytes of address space for the process: Python and Starlark take about 60 MB of it."""

DEEPEST_CALLS = 200
LARGEST_TOLD = 32 << 20
"""Bytes that the files may say in all."""

_GRACE = 1.0
"""Seconds between the moment at which Starlark is to stop by itself and the end of its process."""

TOO_MUCH_MEMORY = "the build file needs too much memory"

_CHUNK = 1 << 16
_HERE = "ez.build.frontends.envd"
_PROGRAM = """import sys
sys.path.append({starlark!r})
for name, place in {packages!r}:
    package = type(sys)(name)
    package.__path__ = [place]
    sys.modules[name] = package
from {here}.child import main
main({memory}, {seconds}, {deepest})
"""


class EndedError(Exception):
    """The process is gone; the message says why, for a person."""


class Sandbox:
    """One process. A context: it ends with it."""

    def __init__(self, prelude: str, seconds: float) -> None:
        self._deadline = time.monotonic() + seconds + _GRACE
        self._buffer, self._start = bytearray(), 0
        self._told = 0
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-X", "utf8", "-c", _program(max(0.0, seconds))],
            cwd="/",
            env={},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        self._poll = select.poll()
        self._poll.register(self._process.stdout, select.POLLIN)
        self.send(prelude)

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()

    def send(self, *parts: str) -> None:
        """Raises EndedError."""
        assert self._process.stdin is not None
        data = memoryview(packed(parts))
        try:
            while data:
                data = data[self._process.stdin.write(data) :]
        except BrokenPipeError as error:
            raise EndedError(self._reason()) from error

    def receive(self) -> list[str]:
        """The next message. Raises EndedError, also where it says too much or takes too long."""
        while (end := self._buffer.find(b"\n", self._start)) < 0:
            if len(self._buffer) - self._start > LONGEST_HEAD:
                raise EndedError("the build file says more than it can")
            self._read()
        try:
            wanted = sizes(self._buffer[self._start : end + 1])
        except ValueError as error:
            raise EndedError("the build file says more than it can") from error
        size = end + 1 - self._start + sum(wanted)
        while len(self._buffer) - self._start < size:
            self._read()
        self._start += size
        return parted(self._buffer[self._start - sum(wanted) : self._start], wanted)

    def _read(self) -> None:
        """More of what it says, behind what nobody has taken yet."""
        assert self._process.stdout is not None
        del self._buffer[: self._start]
        self._start = 0
        if not self._poll.poll(max(0.0, self._deadline - time.monotonic()) * 1000):
            raise EndedError("the build file runs for too long")
        data = self._process.stdout.read(_CHUNK)
        if not data:
            raise EndedError(self._reason())
        self._told += len(data)
        if self._told > LARGEST_TOLD:
            raise EndedError(f"the build file says more than {LARGEST_TOLD >> 20} MB")
        self._buffer += data

    def _reason(self) -> str:
        """Why it ended by itself."""
        try:
            status = self._process.wait(timeout=_GRACE)
        except subprocess.TimeoutExpired:
            status = 0
        if status in (-signal.SIGXCPU, -signal.SIGKILL):
            return "the build file runs for too long"
        if status == -signal.SIGABRT:
            return TOO_MUCH_MEMORY
        return "the build file nests too deeply or needs too much memory"


def _program(seconds: float) -> str:
    starlark, packages = _places()
    return _PROGRAM.format(
        starlark=starlark, packages=packages, here=_HERE, memory=MEMORY, seconds=seconds, deepest=DEEPEST_CALLS
    )


@cache
def _places() -> tuple[str, list[tuple[str, str]]]:
    """Where Starlark is, and the packages that the process needs of ez, with theirs."""
    found = find_spec("starlark")
    if found is None or found.origin is None:
        raise ImportError("starlark")
    here = Path(__file__).parent
    places = [(here, _HERE), *zip(here.parents, _names(_HERE), strict=False)]
    return str(Path(found.origin).parents[1]), [(name, str(place)) for place, name in reversed(places)]


def _names(package: str) -> list[str]:
    """Those above a package, the nearest first."""
    parts = package.split(".")
    return [".".join(parts[:count]) for count in range(len(parts) - 1, 0, -1)]
