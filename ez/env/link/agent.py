"""The person's SSH agent for an environment: which one at home it is, what may be asked of it, what was."""

from __future__ import annotations

import socket
import threading
from collections.abc import Sequence
from pathlib import Path

from ez.env.credentials.rules import Rule, Rules
from ez.env.credentials.uses import Uses
from ez.env.link.announced import announced
from ez.env.link.frames import frame, read_frame
from ez.env.link.local import LocalServer
from ez.env.link.messages import (
    ASK_IDENTITIES,
    FAILURE,
    LONGEST,
    SIGN,
    count_of,
    forwarded,
    key_name,
    keys_of,
    passes,
)
from ez.env.link.places import laptop_mark
from ez.env.link.service import Keep, Line
from ez.errors import KeeperError

REMOTE = "/run/ez/link"
"""The directory inside that kept connections end in; its user's own."""

_REFUSED = bytes([FAILURE])
_REMEMBERED = 8
_SIGN_SECONDS = 300.0
"""For a person who has to confirm, or to touch a key."""


def make(keep: Keep) -> Agent:
    """The service, with the agent that this process was told of."""
    return Agent(keep)


class Agent:
    """Relays from inside to the newest agent at home that answers. Only lists and signatures pass: what is inside may
    use keys and cannot add, remove or lock them."""

    def __init__(self, keep: Keep) -> None:
        self._keep = keep
        self._rules = Rules(keep.records)
        self._uses = Uses(keep.records)
        self._agents: list[Path] = []
        self._server: LocalServer | None = None
        self._alone = threading.Lock()
        self._signing = 0
        self._listed = b""
        self._use(announced(keep.ssh, keep.alias, keep.variables))

    def connected(self, line: Line) -> None:
        if self._server is None:
            self._server = LocalServer(self._keep.sockets / "a", self._relay)
        line.inward(f"{REMOTE}/{laptop_mark(self._keep.home)}.agent", self._server.path)

    def lost(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    def ask(self, words: Sequence[str]) -> object:
        match list(words):
            case ["use", path]:
                self._use(path)
                return True
            case ["show"]:
                return self._show()
        raise KeeperError("not a question for the agent's service")

    def _use(self, path: str) -> None:
        """The newest one first: an agent of an older login may have ended."""
        if path.startswith("/"):
            others = [known for known in self._agents if known != Path(path)]
            self._agents = [Path(path), *others][:_REMEMBERED]
            self._listed = b""

    def _show(self) -> dict[str, object]:
        allowed, waiting = self._rules.allows(Rule("agent")), self._signing
        for path in self._agents:
            count = count_of(self._listed) if waiting and self._listed else keys_of(path)
            if count is not None:
                return {"allowed": allowed, "socket": str(path), "keys": count, "waiting": waiting}
        return {"allowed": allowed, "socket": "", "keys": 0, "waiting": waiting}

    def _relay(self, client: socket.socket) -> None:
        agent: socket.socket | None = None
        try:
            while (request := read_frame(client, LONGEST)) is not None:
                # Asked each time: what is allowed no longer ends for those who are connected too.
                if not self._rules.allows(Rule("agent")):
                    self._note(request, "refused")
                    client.sendall(frame(_REFUSED))
                    continue
                reply = self._remembered(request)
                if reply is None:
                    agent = agent or self._open()
                    reply = self._answer(agent, request)
                client.sendall(frame(reply))
        finally:
            if agent is not None:
                agent.close()

    def _remembered(self, request: bytes) -> bytes | None:
        """The list from before while an agent waits for the person: OpenSSH's answers nobody else meanwhile, and what
        is inside would take it for one without keys."""
        return self._listed if request[:1] == bytes([ASK_IDENTITIES]) and self._signing and self._listed else None

    def _open(self) -> socket.socket | None:
        for path in self._agents:
            connection = socket.socket(socket.AF_UNIX)
            connection.settimeout(_SIGN_SECONDS)
            try:
                connection.connect(str(path))
                connection.sendall(frame(forwarded()))
                read_frame(connection, LONGEST)  # Some agents do not know it, and have no keys that it matters for.
            except OSError:
                connection.close()
            else:
                return connection
        return None

    def _answer(self, agent: socket.socket | None, request: bytes) -> bytes:
        """`FAILURE` for what has no agent, is not let pass, or has failed."""
        if agent is None or not passes(request):
            self._note(request, "no agent" if agent is None else "refused")
            return _REFUSED
        signs = request[0] == SIGN
        self._count(signs)
        try:
            agent.sendall(frame(request))
            reply = read_frame(agent, LONGEST)
        except OSError:
            reply = None
        finally:
            self._count(-signs)
        self._note(request, "signed" if reply and reply[0] != FAILURE else "refused")
        if request[0] == ASK_IDENTITIES and count_of(reply):
            self._listed = reply or b""
        return reply or _REFUSED

    def _count(self, change: int) -> None:
        with self._alone:
            self._signing += change

    def _note(self, request: bytes, answer: str) -> None:
        if request[:1] == bytes([SIGN]):
            self._uses.record("agent", key_name(request), answer)
