"""HTTP and HTTPS in front of a cloud: a real server with a thread for each connection."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

from .cloud import Cloud
from .wire import Call, Reply


class Server:
    """Listens at `address`, with `context` by TLS; `url` is where."""

    def __init__(self, cloud: Cloud, address: tuple[str, int], context: ssl.SSLContext | None = None) -> None:
        self._server = _Listener(address, _Handler)
        self._server.cloud = cloud
        self._server.context = context
        self._server.scheme = "https" if context else "http"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"{self._server.scheme}://{self._server.server_address[0]!s}:{self.port}"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    cloud: Cloud
    context: ssl.SSLContext | None
    scheme: str

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 120
    server: _Listener

    def setup(self) -> None:
        if self.server.context is not None:
            # In this connection's own thread: a client that does not speak TLS holds up nobody else.
            self.request = self.server.context.wrap_socket(self.request, server_side=True)
        super().setup()

    def _answer(self) -> None:
        reply = self.server.cloud.answer(self._call())
        if reply is None:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
        else:
            self._send(reply)

    do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = do_DELETE = _answer

    def _call(self) -> Call:
        split = urlsplit(self.path)
        query = {key.lower(): value for key, value in parse_qsl(split.query, keep_blank_values=True)}
        headers = {key.lower(): value for key, value in self.headers.items()}
        host = headers.get("host", f"{self.server.server_address[0]!s}:{self.server.server_address[1]}")
        body = self.rfile.read(int(headers.get("content-length") or 0))
        return Call(
            method=self.command,
            path=split.path,
            target=self.path,
            query=query,
            headers=headers,
            body=_parsed(body, headers.get("content-type", "")),
            base=f"{self.server.scheme}://{host}",
            peer=self.client_address[0],
        )

    def _send(self, reply: Reply) -> None:
        body = b"" if reply.body is None else reply.body if isinstance(reply.body, bytes) else _written(reply.body)
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if body and "Content-Type" not in reply.headers:
            self.send_header("Content-Type", "application/json; charset=utf-8")
        if reply.status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if body and self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:
        """The cloud's own log says it."""


def _written(body: Any) -> bytes:
    return json.dumps(body).encode()


def _parsed(body: bytes, kind: str) -> Any:
    if kind.startswith("application/x-www-form-urlencoded"):
        return {key: values[0] for key, values in parse_qs(body.decode()).items()}
    try:
        return json.loads(body) if body else {}
    except ValueError:
        return {}
