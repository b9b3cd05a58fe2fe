"""Who may speak to a forwarded port: a page of another site must not, whatever name it has given this computer.

A browser says in each request which name it was sent to (`Host`). DNS rebinding makes a name of the attacker's lead to
127.0.0.1, but the browser still says that name. So each HTTP/1 request on a connection is read, and passed on only when
it names this computer. What is not HTTP cannot come from a page, and passes as it is. What is said in two ways is
refused (RFC 9112, 6.3 and 11.2): the server inside might understand the other one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from enum import Enum

_LONGEST_HEAD = 64 * 1024
_LONGEST_LINE = 16 * 1024
_LONGEST_CHUNK_LINE = 1024

_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_NO_METHOD = re.compile(rb"[^!#$%&'*+.^_`|~0-9A-Za-z\-\s]|^\s")
_LOOKS_LIKE_REQUEST = re.compile(rb"\sHTTP/[0-9]")
_REQUEST = re.compile(rb"(" + _TOKEN + rb") (\*|/[!-~\x80-\xff]*|https?://[!-~\x80-\xff]+) HTTP/1\.([01])")
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
            self._bound(_LONGEST_HEAD)
            if b"\n\n" in self._kept:
                raise Refused(400, "a request with bare line ends")
            return None
        if end > _LONGEST_HEAD:
            raise Refused(431, "a head that is too long")
        first, *lines = self._kept[:end].split(b"\r\n")
        self._check(first, lines)
        passed, self._kept = self._kept[: end + 4], self._kept[end + 4 :]
        return passed

    def _check(self, first: bytes, lines: list[bytes]) -> None:
        request = _REQUEST.fullmatch(first)
        if request is None:
            raise Refused(400, "a request line that cannot be")
        fields: dict[bytes, list[bytes]] = {}
        for line in lines:
            field = _FIELD.fullmatch(line)
            if field is None:
                raise Refused(400, "a header that cannot be")
            fields.setdefault(field[1].lower(), []).append(field[2])
        hosts = fields.get(b"host", [])
        if len(hosts) != 1:
            raise Refused(400, "not exactly one Host")
        self._check_host(hosts[0])
        if not request[2].startswith((b"/", b"*")):
            self._check_host(re.split(rb"[/?#]", request[2].partition(b"://")[2], maxsplit=1)[0])
        if request[1] == b"CONNECT":
            raise Refused(405, "no proxy")
        self._expect(request[3] == b"1", fields)

    def _check_host(self, value: bytes) -> None:
        authority = _AUTHORITY.fullmatch(value.decode("latin-1").lower())
        if authority is None or not self._is_allowed(authority[1]):
            raise Refused(403, "a request for another host")

    def _expect(self, chunks_allowed: bool, fields: dict[bytes, list[bytes]]) -> None:
        """What follows the head."""
        lengths, codings = fields.get(b"content-length", []), fields.get(b"transfer-encoding", [])
        if codings:
            if lengths or not chunks_allowed or [coding.lower() for coding in codings] != [b"chunked"]:
                raise Refused(400, "a length that is said in two ways")
            self._state = _State.CHUNK
            return
        if len(lengths) > 1 or not all(re.fullmatch(rb"[0-9]{1,18}", length) for length in lengths):
            raise Refused(400, "a length that cannot be")
        self._left = int(lengths[0]) if lengths else 0
        upgrade = [value.lower() for value in fields.get(b"upgrade", [])]
        if self._left:
            self._state = _State.BODY
        elif upgrade == [b"websocket"]:
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
            self._bound(_LONGEST_HEAD)
            return None
        if line and _FIELD.fullmatch(line) is None:
            raise Refused(400, "a trailer that cannot be")
        self._state = _State.TRAILER if line else _State.HEAD
        self._kept = rest
        return line + end

    def _bound(self, longest: int) -> None:
        if len(self._kept) > longest:
            raise Refused(431, "a line that is too long")
