"""The service that answers an environment's questions at home. See `ask.pl` for what goes over the connection."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from pathlib import Path

from ez.env.credentials import git, gpg, registry
from ez.env.credentials.answer import REFUSED, Answer
from ez.env.credentials.rules import Rules
from ez.env.credentials.uses import Uses
from ez.env.link.agent import REMOTE
from ez.env.link.frames import frame, read_frame
from ez.env.link.local import LocalServer
from ez.env.link.places import laptop_mark
from ez.env.link.service import Keep, Line
from ez.errors import EzError, KeeperError

_LONGEST_WORDS = 4_000
_LONGEST_INPUT = 10_000_000


def make(keep: Keep) -> Credentials:
    return Credentials(keep)


class Credentials:
    """One answer for each connection: what is asked, what the allow-list says, what the program at home gives."""

    def __init__(self, keep: Keep) -> None:
        self._keep = keep
        self._rules = Rules(keep.records)
        self._uses = Uses(keep.records)
        self._server: LocalServer | None = None

    def connected(self, line: Line) -> None:
        if self._server is None:
            self._server = LocalServer(self._keep.sockets / "q", self._answer)
        line.inward(f"{REMOTE}/{laptop_mark(self._keep.home)}.ask", self._server.path)

    def lost(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    def ask(self, words: Sequence[str]) -> object:
        raise KeeperError("not a question for the service of credentials")

    def _answer(self, connection: socket.socket) -> None:
        connection.settimeout(10)
        words, given = read_frame(connection, _LONGEST_WORDS), read_frame(connection, _LONGEST_INPUT)
        if words is None or given is None:
            return
        connection.sendall(b"+")
        kind, *rest = words.decode("utf-8", "replace").split("\0")
        try:
            found = self._find(kind, rest, given)
        except EzError as error:
            found = Answer("", REFUSED, 1, stderr=f"ez: {error.message}\n")
        self._uses.record(kind, found.name, found.use)
        parts = (str(found.code % 256).encode(), found.stdout, found.stderr.encode("utf-8", "replace"))
        connection.sendall(b"".join(map(frame, parts)))

    def _find(self, kind: str, words: Sequence[str], given: bytes) -> Answer:
        variables, name = self._keep.variables, self._keep.environment
        ways: dict[str, Callable[[], Answer]] = {
            "git": lambda: git.answer(given, self._rules, variables, name),
            "registry": lambda: registry.answer(given, self._rules, self._docker_config, name),
            "gpg": lambda: gpg.answer(words, given, self._rules, variables, name),
        }
        if kind not in ways:
            return Answer("", REFUSED, 1, stderr="ez: not a question that is answered at home\n")
        return ways[kind]()

    @property
    def _docker_config(self) -> Path:
        chosen = self._keep.variables.get("DOCKER_CONFIG")
        return Path(chosen or f"{self._keep.variables.get('HOME', '/')}/.docker") / "config.json"
