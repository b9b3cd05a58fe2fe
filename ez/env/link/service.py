"""What a keeper is made of: one connection to an environment (`Line`), and services that live on it (`Service`).

A keeper is a process at home, one for each environment. It holds an OpenSSH connection to `NAME.COMPUTER.ez` open and
makes it anew when it is lost. Its services are a table of strings, `SERVICES`, imported when a keeper starts: each
names a function that takes the `Keep` and gives a `Service`. Another ez process talks to a service with
`ez.env.link.client.Keeper.ask`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

SERVICES: Mapping[str, str] = {
    "agent": "ez.env.link.agent:make",
    "credentials": "ez.env.credentials.service:make",
    "ports": "ez.env.ports.service:make",
    "secrets": "ez.env.secrets.service:make",
    "shares": "ez.env.shares.service:make",
}
"""Name of a service -> `module:function`; the name is the first word of what other processes ask."""


@dataclass(frozen=True)
class Keep:
    """What a keeper is for. `sockets` is its own private directory for unix sockets (0700, a short path), `records`
    its private directory for files that last; `home` is ez's state directory; `ssh` the words of `ssh` before the
    alias; `variables` the environment of programs that it starts."""

    environment: str
    computer: str
    alias: str
    sockets: Path
    records: Path
    home: Path
    ssh: tuple[str, ...] = ("ssh",)
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)


class Line(Protocol):
    """A live connection to the environment; every way over it is gone when it is. Usable from any thread.

    What it makes fails with LinkLostError when the connection has gone or the environment refuses.
    """

    @property
    def environment(self) -> str: ...

    def command(self, remote: str) -> list[str]:
        """The argv that runs `remote` (for the user's login shell) inside, over the connection, without a new login.
        Its streams are the remote command's own, its exit code too; 255 where the connection is gone."""
        ...

    def outward(self, port: int) -> Path:
        """A unix socket here (0600) that leads to `localhost:port` inside (IPv6 or IPv4); made once for each port."""
        ...

    def inward(self, remote: str, local: Path) -> None:
        """Make the unix socket `remote` inside lead to the unix socket `local` here. The directory of `remote` is
        one that the user can write to; a socket that is there already is replaced."""
        ...

    def cancel_outward(self, port: int) -> None:
        """Take back what `outward` made. None there is fine."""
        ...


class Service(Protocol):
    """Something that lives on the connection. Each method is called by one thread at a time and may take seconds."""

    def connected(self, line: Line) -> None:
        """The connection is there, at first and after each loss. What it raises (EzError) is written to the keeper's
        log, and tried again with the next connection."""
        ...

    def lost(self) -> None:
        """The connection is gone; also called when the keeper ends."""
        ...

    def ask(self, words: Sequence[str]) -> object:
        """Answer another ez process: anything that JSON can hold. Raises EzError, which the other one raises too."""
        ...
