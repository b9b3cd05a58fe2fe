"""The small protocol behind which every computer looks alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from ez.errors import Result


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
        input: bytes | None = None,
        check: bool = True,
        timeout: float | None = None,
        agent: bool = False,
        on_line: Callable[[str], None] | None = None,
    ) -> Result:
        """Run `argv` (quoted by us, never split) in the login user's home directory and wait for it.

        `agent` offers the person's SSH agent to the command. `on_line` sees each line of stdout and stderr as
        it comes. Raises CommandError on a non-zero exit if `check`, LinkLostError when the connection drops,
        HostError on `timeout` (seconds; the command is ended).
        """

    def script(
        self,
        text: str,
        args: Sequence[str] = (),
        *,
        input: bytes | None = None,
        check: bool = True,
        timeout: float | None = None,
        agent: bool = False,
        on_line: Callable[[str], None] | None = None,
    ) -> Result:
        """Run the POSIX shell program `text` with `$1...` = `args`; one round trip more than nothing."""

    def put(self, data: bytes, path: str, mode: int = 0o644) -> None:
        """Write a file atomically, making its parent directories. `path` is absolute or relative to the home."""

    def get(self, path: str) -> bytes:
        """Read a file. Raises CommandError if it cannot be read."""

    def unix_socket(self, path: str) -> AbstractContextManager[Path]:
        """A unix socket on this computer that reaches the unix socket `path` on the host while the block lasts."""

    def reconnect(self) -> None:
        """Log in anew, so that changed group memberships hold. Nothing to do on this computer."""

    def close(self) -> None: ...
