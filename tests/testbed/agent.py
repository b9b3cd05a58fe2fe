"""A real ssh-agent for the length of a `with` block."""

import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .shell import run, wait_until


@dataclass(frozen=True)
class Agent:
    """A running agent: `environment` is what a program needs to find it."""

    socket: Path
    pid: int

    @property
    def environment(self) -> dict[str, str]:
        return {"SSH_AUTH_SOCK": str(self.socket)}

    def add(self, key: Path, *options: str) -> None:
        run("ssh-add", "-q", *options, str(key), environment=self.environment)


@contextmanager
def agent(
    keys: Sequence[Path] = (), *, options: Sequence[str] = (), variables: Mapping[str, str] | None = None
) -> Iterator[Agent]:
    """Start an agent that holds `keys`; it and its socket are gone after the block. `options` are its own, `variables`
    added to its environment."""
    with tempfile.TemporaryDirectory(prefix="ez-agent-") as folder:
        socket = Path(folder) / "agent.sock"
        with subprocess.Popen(
            ["ssh-agent", "-D", "-a", str(socket), *options],
            env={**os.environ, **(variables or {})},
            stdout=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
        ) as process:
            try:
                wait_until(socket.exists, "ssh-agent listens", timeout=10)
                started = Agent(socket, process.pid)
                for key in keys:
                    started.add(key)
                yield started
            finally:
                process.terminate()
