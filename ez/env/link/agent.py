"""The person's SSH agent for an environment: which one at home it is, what may be asked of it, what was.

The messages are those of draft-ietf-sshm-ssh-agent: a length of four bytes, a byte for the kind, the rest.
"""

from __future__ import annotations

import base64
import hashlib
import socket
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from ez.env.credentials.rules import Rule, Rules
from ez.env.credentials.uses import Uses
from ez.env.link.frames import frame, read_frame
from ez.env.link.local import LocalServer
from ez.env.link.places import laptop_mark
from ez.env.link.service import Keep, Line
from ez.errors import KeeperError

REMOTE = "/run/ez/link"
"""The directory inside that kept connections end in; its user's own."""

FAILURE, ASK_IDENTITIES, IDENTITIES, SIGN, EXTENSION = 5, 11, 12, 13, 27

_EXTENSIONS = (b"session-bind@openssh.com", b"query")
_LONGEST = 256 * 1024
_REMEMBERED = 8
_QUICK_SECONDS = 3.0
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
        self._use(keep.variables.get("SSH_AUTH_SOCK", ""))

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

    def _show(self) -> dict[str, object]:
        allowed = self._rules.allows(Rule("agent"))
        for path in self._agents:
            count = keys_of(path)
            if count is not None:
                return {"allowed": allowed, "socket": str(path), "keys": count}
        return {"allowed": allowed, "socket": "", "keys": 0}

    def _relay(self, client: socket.socket) -> None:
        agent: socket.socket | None = None
        try:
            while (request := read_frame(client, _LONGEST)) is not None:
                if agent is None:
                    agent = self._open()
                client.sendall(frame(self._answer(agent, request)))
        finally:
            if agent is not None:
                agent.close()

    def _open(self) -> socket.socket | None:
        if self._rules.allows(Rule("agent")):
            for path in self._agents:
                connection = socket.socket(socket.AF_UNIX)
                connection.settimeout(_SIGN_SECONDS)
                try:
                    connection.connect(str(path))
                except OSError:
                    connection.close()
                else:
                    return connection
        return None

    def _answer(self, agent: socket.socket | None, request: bytes) -> bytes:
        """`FAILURE` for what has no agent, is not let pass, or has failed."""
        kind = request[0] if request else 0
        if agent is None or not _passes(kind, request):
            if kind == SIGN:
                self._uses.record("agent", _key_name(request), "no agent" if agent is None else "refused")
            return bytes([FAILURE])
        try:
            agent.sendall(frame(request))
            reply = read_frame(agent, _LONGEST)
        except OSError:
            reply = None
        if kind == SIGN:
            self._uses.record("agent", _key_name(request), "signed" if reply and reply[0] != FAILURE else "refused")
        return reply or bytes([FAILURE])


def keys_of(path: Path) -> int | None:
    """How many keys an agent has; None where none answers within three seconds."""
    with suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(_QUICK_SECONDS)
        connection.connect(str(path))
        connection.sendall(frame(bytes([ASK_IDENTITIES])))
        reply = read_frame(connection, _LONGEST)
        if reply is not None and len(reply) >= 5 and reply[0] == IDENTITIES:
            return int.from_bytes(reply[1:5], "big")
    return None


def _passes(kind: int, request: bytes) -> bool:
    if kind == EXTENSION:
        return _text(request, 1) in _EXTENSIONS
    return kind in (ASK_IDENTITIES, SIGN)


def _text(request: bytes, at: int) -> bytes:
    length = int.from_bytes(request[at : at + 4], "big")
    return request[at + 4 : at + 4 + length]


def _key_name(request: bytes) -> str:
    """The key's fingerprint, as `ssh-add -l` has it."""
    digest = base64.b64encode(hashlib.sha256(_text(request, 1)).digest()).decode().rstrip("=")
    return f"SHA256:{digest}"
