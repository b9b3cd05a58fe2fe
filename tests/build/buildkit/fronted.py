"""The testbed's registry behind a door of its own: one that asks who comes, fails, or takes its time."""

import base64
import random
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_ONCE = ("transfer-encoding", "connection", "content-length")


@dataclass
class Door:
    """`user` and `password` are asked for where there is a user; `status`, where it is not 0, answers each request,
    and 500 each that writes where it is not `writable`; requests wait for `hold`."""

    address: str
    user: str = ""
    password: str = ""
    status: int = 0
    writable: bool = True
    hold: threading.Event = field(default_factory=threading.Event)


def serving(host: str, handler: type[BaseHTTPRequestHandler]) -> ThreadingHTTPServer:
    """A server at a port below those that systems give out by themselves, so that a computer to which the port is
    forwarded under the same number has nothing there."""
    for _ in range(20):
        with suppress(OSError):
            return ThreadingHTTPServer((host, random.randrange(20000, 32000)), handler)
    raise OSError(f"no free port at {host}")


@contextmanager
def fronted(registry: str, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> Iterator[Door]:
    """A server on `host` that passes requests on to `registry` (`host:port`), as its `Door` says at that moment."""
    server = serving(host, _Handler)
    server.socket = server.socket if tls is None else tls.wrap_socket(server.socket, server_side=True)
    server.daemon_threads = True
    door = Door(f"{host}:{server.server_address[1]}")
    door.hold.set()
    server.door, server.registry = door, registry  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield door
    finally:
        door.hold.set()
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle_one_request(self) -> None:
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        door: Door = self.server.door  # type: ignore[attr-defined]
        body = self._body()
        door.hold.wait(60)
        expected = "Basic " + base64.b64encode(f"{door.user}:{door.password}".encode()).decode()
        status = door.status or (0 if door.writable or self.command in ("GET", "HEAD") else 500)
        if status:
            self._answer(status, {}, b'{"errors":[{"code":"UNKNOWN","message":"out of order"}]}')
        elif door.user and self.headers.get("Authorization") != expected:
            self._answer(401, {"WWW-Authenticate": 'Basic realm="test"'}, b"{}")
        else:
            self._pass_on(body)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "") == "chunked":
            parts = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _pass_on(self, body: bytes) -> None:
        connection = HTTPConnection(self.server.registry, timeout=60)  # type: ignore[attr-defined]
        headers = {name: value for name, value in self.headers.items() if name.lower() not in (*_ONCE, "authorization")}
        if isinstance(self.connection, ssl.SSLSocket):
            headers["X-Forwarded-Proto"] = "https"
        connection.request(self.command, self.path, body, {**headers, "Content-Length": str(len(body))})
        reply = connection.getresponse()
        content = reply.read()
        kept = {name: value for name, value in reply.getheaders() if name.lower() not in _ONCE}
        length = reply.getheader("Content-Length") if self.command == "HEAD" else None
        self._answer(reply.status, kept, content, length)
        connection.close()

    def _answer(self, status: int, headers: dict[str, str], body: bytes, length: str | None = None) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", length or str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
