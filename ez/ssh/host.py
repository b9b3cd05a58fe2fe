"""The small protocol behind which every computer looks alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from ez.errors import Result
from ez.ssh.streams import Input

Target = str | tuple[str, int]
"""What listens on a host: the path of a unix socket, or a name or address with a port, as the host itself knows it."""


class Host(Protocol):
    """A computer that commands run on. Implementations are `LocalHost` and `SshHost`; both are thread-safe."""

    @property
    def name(self) -> str:
        """What messages call it."""

    @property
    def is_local(self) -> bool: ...

    def run(
        self,
        argv: Sequence[str],
        *,
        input: Input | None = None,
        check: bool = True,
        timeout: float | None = None,
        agent: bool = False,
        on_line: Callable[[str], None] | None = None,
    ) -> Result:
        """Run `argv` (quoted by us, never split) in the login user's home directory and wait for it.

        `input` is bytes, or a file or iterable that is read as the command takes it; without it stdin is empty.
        `agent` offers the person's SSH agent to the command. `on_line` sees each line of stdout and stderr as
        it comes. Exit codes of 128 and more stand for signals. Raises CommandError on a non-zero exit if `check`,
        LinkLostError when the connection drops, HostError on `timeout` (seconds; the command is ended).
        """

    def script(
        self,
        text: str,
        args: Sequence[str] = (),
        *,
        input: Input | None = None,
        check: bool = True,
        timeout: float | None = None,
        agent: bool = False,
        on_line: Callable[[str], None] | None = None,
    ) -> Result:
        """Run the POSIX shell program `text` with `$1...` = `args`; its first comment names it in logs."""

    def pour(
        self,
        text: str,
        args: Sequence[str] = (),
        *,
        output: Callable[[bytes], None],
        input: Input | None = None,
        check: bool = True,
        timeout: float | None = None,
    ) -> Result:
        """As `script`, for output of any size: `output` gets each piece of stdout as it comes, and the Result none.

        It is called by this thread; while it waits, the command does. What it raises ends the command.
        """

    def put(self, data: bytes, path: str, mode: int = 0o644) -> None:
        """Write a file atomically, making its parent directories. `path` is absolute or relative to the home."""

    def get(self, path: str) -> bytes:
        """Read a file. Raises CommandError if it cannot be read."""

    def unix_socket(self, target: Target) -> AbstractContextManager[Path]:
        """A unix socket on this computer that reaches `target` on the host while the block lasts.

        Raises HostError for a port of this computer, which nothing has to be brought to.
        """

    def reconnect(self) -> None:
        """Log in anew, so that changed group memberships hold. Nothing to do on this computer."""

    def close(self) -> None: ...
