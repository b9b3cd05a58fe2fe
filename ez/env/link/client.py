"""How other ez processes find the keeper of an environment, start it and ask it."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ez.env.link.places import control_socket, socket_directory
from ez.errors import KeeperError

_LONGEST = 4_000_000
_START_SECONDS = 10.0

Detach = Callable[[Sequence[str]], None]
"""Starts `ez` with arguments as a process that outlives this one."""


@dataclass(frozen=True)
class Keeper:
    """The keeper of `environment` on `computer`; `home` is ez's state directory. It may not run."""

    environment: str
    computer: str
    home: Path

    def ask(self, service: str, *words: str, timeout: float = 30.0) -> object:
        """What the service answers. Raises KeeperError where no keeper answers, and what the service raised."""
        reply = self._exchange({"service": service, "words": list(words)}, timeout)
        if "error" in reply:
            told = reply["error"]
            hint = told.get("hint") if isinstance(told, dict) else None
            message = told.get("message") if isinstance(told, dict) else told
            raise KeeperError(str(message), str(hint) if hint else None)
        return reply.get("value")

    def runs(self) -> bool:
        """Whether one is there and answers."""
        try:
            self.ask("keeper", "ping", timeout=5.0)
        except KeeperError:
            return False
        return True

    def stop(self) -> bool:
        """End it and its connection. False where none ran."""
        try:
            self.ask("keeper", "stop", timeout=10.0)
        except KeeperError:
            return False
        return True

    def _exchange(self, request: dict[str, object], timeout: float) -> dict[str, object]:
        path = control_socket(socket_directory(self.home, self.environment, self.computer))
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(timeout)
                connection.connect(str(path))
                connection.sendall(json.dumps(request).encode() + b"\n")
                found = json.loads(_line(connection))
        except (OSError, ValueError) as error:
            raise KeeperError(
                f"no connection is kept for `{self.environment}` on `{self.computer}`",
                f"ez env link start {self.environment}",
            ) from error
        return found if isinstance(found, dict) else {}


def _line(connection: socket.socket) -> bytes:
    found = bytearray()
    while not found.endswith(b"\n"):
        part = connection.recv(65536)
        if not part or len(found) > _LONGEST:
            raise ValueError("no whole line")
        found += part
    return bytes(found)


def ensure_keeper(keeper: Keeper, detach: Detach, *, wait: bool = True) -> bool:
    """Have it run; whether it had to be started. With `wait` it answers when this returns, else KeeperError."""
    if keeper.runs():
        return False
    detach(["env", "link", "keep", keeper.environment, "-c", keeper.computer])
    deadline = time.monotonic() + _START_SECONDS
    while wait and not keeper.runs():
        if time.monotonic() > deadline:
            raise KeeperError(
                f"the keeper of `{keeper.environment}` did not start", f"ez env link keep {keeper.environment}"
            )
        time.sleep(0.05)
    return True
