"""Who may speak to a forwarded port: a page of another site must not, whatever name it has given this computer.

A browser says in each request which name it was sent to (`Host`). DNS rebinding makes a name of the attacker's lead to
127.0.0.1, but the browser still says that name. So each HTTP/1 request on a connection is read, and passed on only when
it names this computer. What is not HTTP cannot come from a page, and passes as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from enum import Enum

from ez.env.http import LARGEST_HEAD, BadRequest, Head, parse_head

_LONGEST_LINE = 16 * 1024
_LONGEST_CHUNK_LINE = 1024

_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_NO_METHOD = re.compile(rb"[^!#$%&'*+.^_`|~0-9A-Za-z\-\s]|^\s")
_LOOKS_LIKE_REQUEST = re.compile(rb"\sHTTP/[0-9]")
_FIELD = re.compile(rb"(" + _TOKEN + rb"):[ \t]*([^\x00\r\n]*?)[ \t]*")
_AUTHORITY = re.compile(r"(\[[0-9a-f:.]{2,45}\]|[a-z0-9._-]{1,255}?)\.?(?::[0-9]{0,5})?", re.ASCII)
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n\x00]*)?")
_PREFACE = b"PRI * HTTP/2.0\r\n"


class Refused(Exception):
    """The connection has to end; `status` is what HTTP calls it."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class _State(Enum):
    START = "what comes first on a connection"
    HEAD = "a request's head"
    BODY = "so many bytes"
    CHUNK = "the size of a chunk"
    DATA = "a chunk"
    DATA_END = "the line end of a chunk"
    TRAILER = "lines after the last chunk"
    OPEN = "anything"


def names_of(environment: str, hosts: Callable[[], Sequence[str]] = tuple) -> Callable[[str], bool]:
    """Whether a host's name is one of this computer for that environment: `localhost`, `NAME.localhost`, loopback, or
    one of `hosts`, of which `*.NAME` is whatever is below NAME."""
    own = f"{environment}.localhost"

    def is_one(name: str) -> bool:
        if name in ("localhost", "127.0.0.1", "[::1]", own) or name.endswith(f".{own}"):
            return True
        return any(name.endswith(host[1:]) if host.startswith("*.") else name == host for host in hosts())

    return is_one


class Gate:
    """Reads what a client says on one connection. `is_allowed` gets a host's name in lower case, without a port."""

    def __init__(self, is_allowed: Callable[[str], bool]) -> None:
        self._is_allowed = is_allowed
        self._state = _State.START
        self._kept = b""
        self._left = 0
        self.is_http = False
        self._steps: dict[_State, Callable[[], bytes | None]] = {
            _State.START: self._first,
            _State.HEAD: self._head,
            _State.BODY: lambda: self._body(_State.HEAD),
            _State.CHUNK: self._chunk,
            _State.DATA: lambda: self._body(_State.DATA_END),
            _State.DATA_END: self._data_end,
            _State.TRAILER: self._trailer,
            _State.OPEN: self._open,
        }

    def feed(self, data: bytes) -> bytes:
        """What may go on now; what is not yet understood is kept. Raises Refused, and nothing more may go on."""
        if self._state is _State.OPEN:
            return data
        self._kept += data
        passed: list[bytes] = []
        while (part := self._take()) is not None:
            passed.append(part)
            if not self._kept:
                break
        return b"".join(passed)

    def _take(self) -> bytes | None:
        return self._steps[self._state]()

    def _first(self) -> bytes | None:
        """Is that HTTP? Empty lines before a request are none of it, and servers overlook them."""
        said = self._kept.lstrip(b"\r\n")
        line, end, _ = said.partition(b"\n")
        method = line.split(None, 1)[0] if line.strip() else line
        if _NO_METHOD.search(method) or line[:1] in (b" ", b"\t") or (end and not _LOOKS_LIKE_REQUEST.search(line)):
            return self._open()
        if not end:
            self._bound(_LONGEST_LINE)
            return None
        if said.startswith(_PREFACE):
            return self._open()
        self._state, self._kept = _State.HEAD, said
        return b""

    def _open(self) -> bytes:
        self._state = _State.OPEN
        passed, self._kept = self._kept, b""
        return passed

    def _head(self) -> bytes | None:
        self.is_http = True
        end = self._kept.find(b"\r\n\r\n")
        if end < 0:
            self._bound(LARGEST_HEAD)
            if b"\n\n" in self._kept:
                raise Refused(400, "a request with bare line ends")
            return None
        if end > LARGEST_HEAD:
            raise Refused(431, "a head that is too long")
        try:
            self._check(parse_head(self._kept[: end + 4]))
        except BadRequest as error:
            raise Refused(400, str(error)) from error
        passed, self._kept = self._kept[: end + 4], self._kept[end + 4 :]
        return passed

    def _check(self, head: Head) -> None:
        self._check_host(head.get("host"))
        if not head.target.startswith(("/", "*")):
            self._check_host(re.split(r"[/?#]", head.target.partition("://")[2], maxsplit=1)[0])
        if head.method == "CONNECT":
            raise Refused(405, "no proxy")
        self._expect(head)

    def _check_host(self, value: str) -> None:
        authority = _AUTHORITY.fullmatch(value.lower())
        if authority is None or not self._is_allowed(authority[1]):
            raise Refused(403, "a request for another host")

    def _expect(self, head: Head) -> None:
        """What follows the head."""
        if head.length is None:
            self._state = _State.CHUNK
            return
        self._left = head.length
        upgrade = head.get("upgrade").lower()
        if self._left:
            self._state = _State.BODY
        elif upgrade == "websocket":
            # Where the server does not agree, the next request is one like the first.
            self._state = _State.START
        elif upgrade:
            self._state = _State.OPEN
        else:
            self._state = _State.HEAD

    def _body(self, after: _State) -> bytes:
        passed, self._kept = self._kept[: self._left], self._kept[self._left :]
        self._left -= len(passed)
        if not self._left:
            self._state = after
        return passed

    def _chunk(self) -> bytes | None:
        line, end, rest = self._kept.partition(b"\r\n")
        if not end:
            self._bound(_LONGEST_CHUNK_LINE)
            return None
        size = _CHUNK.fullmatch(line)
        if size is None:
            raise Refused(400, "a chunk that cannot be")
        self._left, self._kept = int(size[1], 16), rest
        self._state = _State.DATA if self._left else _State.TRAILER
        return line + end

    def _data_end(self) -> bytes | None:
        if len(self._kept) < 2:
            return None
        passed, self._kept = self._kept[:2], self._kept[2:]
        if passed != b"\r\n":
            raise Refused(400, "a chunk that cannot be")
        self._state = _State.CHUNK
        return passed

    def _trailer(self) -> bytes | None:
        line, end, rest = self._kept.partition(b"\r\n")
        if not end:
            self._bound(LARGEST_HEAD)
            return None
        if line and _FIELD.fullmatch(line) is None:
            raise Refused(400, "a trailer that cannot be")
        self._state = _State.TRAILER if line else _State.HEAD
        self._kept = rest
        return line + end

    def _bound(self, longest: int) -> None:
        if len(self._kept) > longest:
            raise Refused(431, "a line that is too long")
