"""What one gate is for and where it is asked; nothing heavy, since every `ez env delete` looks here."""

from __future__ import annotations

import json
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

from ez.errors import HostError

LONGEST_QUESTION = 64 * 1024
_FIRST_PORT, _PORTS = 20_000, 10_000
_LONGEST_PLACE = 80
"""Bytes of a directory whose sockets have paths that every system takes: 104 is the least."""


@dataclass(frozen=True)
class Held:
    """What a gate is for: `kind` of `IN_BROWSER` in `environment` on `computer`. `runtime` is where its sockets are."""

    environment: str
    computer: str
    kind: str
    runtime: Path

    @property
    def _stem(self) -> str:
        return f"{crc32(self._key):08x}{crc32(self._key[::-1]):08x}"

    @property
    def _key(self) -> bytes:
        return f"{self.environment}.{self.computer}.{self.kind}".encode()

    @property
    def control(self) -> Path:
        return self.runtime / f"{self._stem}.c"

    @property
    def upstream(self) -> Path:
        return self.runtime / f"{self._stem}.u"

    @property
    def port(self) -> int:
        """The one that is tried first: always the same, since browsers keep what a page stores by its port."""
        return _FIRST_PORT + crc32(self._key) % _PORTS


def runtime_directory(state: Path, identity: int) -> Path:
    """Where sockets are: ez's state directory, or a shorter one where a socket's path would be too long for it."""
    own = state / "web"
    if len(os.fsencode(own)) <= _LONGEST_PLACE:
        return own
    run = Path(f"/run/user/{identity}")
    return (run / "ez-web") if run.is_dir() else Path(f"/tmp/ez-web-{identity}")


def ask(held: Held, question: dict[str, object], seconds: float = 40) -> dict[str, object] | None:
    """Ask the holder, None where there is none. Raises HostError for one that does not answer."""
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(seconds)
        try:
            line.connect(str(held.control))
        except OSError:
            return None
        try:
            line.sendall(json.dumps(question).encode() + b"\n")
            answer = line.makefile("rb").readline(LONGEST_QUESTION)
            told = json.loads(answer)
        except (OSError, ValueError) as error:
            raise HostError(
                f"the gate of `{held.environment}` does not answer", "run the same command again"
            ) from error
    return told if isinstance(told, dict) else {}
