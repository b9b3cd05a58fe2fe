"""`ez` on a terminal, by the standard library's pty."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import termios
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.integration.person import EZ, Person

LIMIT = 120.0


class Terminal:
    """A run of `ez` whose input and outputs are one terminal of 100 columns."""

    def __init__(self, person: Person, *arguments: str, cwd: Path | None = None, **variables: str) -> None:
        self._leader, follower = pty.openpty()
        termios.tcsetwinsize(follower, (40, 100))
        environment = {**person.environment, "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "40", **variables}
        self._process = subprocess.Popen(
            [str(EZ), *arguments],
            env=environment,
            cwd=cwd or person.home,
            stdin=follower,
            stdout=follower,
            stderr=follower,
            start_new_session=True,
            preexec_fn=_take_terminal,
        )
        os.close(follower)
        self._seen = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        os.close(self._leader)

    @property
    def pid(self) -> int:
        return self._process.pid

    def send(self, text: str) -> None:
        os.write(self._leader, text.encode())

    def until(self, text: str) -> str:
        """All that was shown, as soon as `text` is among it."""
        while text not in self._seen:
            assert self._read(), f"ended without showing: {text}\n{self._seen}"
        return self._seen

    def rest(self) -> str:
        """All that was shown, to the end."""
        while self._read():
            pass
        return self._seen

    def code(self) -> int:
        return self._process.wait(timeout=LIMIT)

    def _read(self) -> bool:
        deadline = time.monotonic() + LIMIT
        ready, _, _ = select.select([self._leader], [], [], deadline - time.monotonic())
        assert ready, f"nothing more within {LIMIT} s:\n{self._seen}"
        try:
            data = os.read(self._leader, 65536)
        except OSError:
            return False  # Linux says so when the last program has left the terminal.
        self._seen += data.decode("utf-8", "replace")
        return bool(data)


def _take_terminal() -> None:
    import fcntl

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
