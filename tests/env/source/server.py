"""Git's own HTTP server on a port of this computer, without a web server's configuration."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: GitHttpServer

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        if self.headers.get("Transfer-Encoding") == "chunked":
            self._answer(b"".join(iter(self._chunk, b"")))
        else:
            self._answer(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _chunk(self) -> bytes:
        size = int(self.rfile.readline(), 16)
        data = self.rfile.read(size)
        self.rfile.readline()
        return data

    def _answer(self, body: bytes) -> None:
        path, _, query = self.path.partition("?")
        if path.startswith("/private") and self.headers.get("Authorization") != self.server.authorization:
            self._reply("401 Unauthorized", [("WWW-Authenticate", 'Basic realm="git"')], b"")
            return
        done = subprocess.run(
            ["git", "http-backend"],
            input=body,
            capture_output=True,
            check=False,
            env={
                "PATH": os.environ["PATH"],
                "GIT_PROJECT_ROOT": str(self.server.root),
                "GIT_HTTP_EXPORT_ALL": "1",
                "GIT_CONFIG_COUNT": "1",
                "GIT_CONFIG_KEY_0": "safe.directory",
                "GIT_CONFIG_VALUE_0": "*",
                "PATH_INFO": path,
                "QUERY_STRING": query,
                "REQUEST_METHOD": self.command,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                "HTTP_GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                "CONTENT_LENGTH": str(len(body)),
            },
        )
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = [
            (key, value.strip()) for key, _, value in (line.partition(":") for line in head.decode().splitlines())
        ]
        status = next((value for key, value in headers if key == "Status"), "200 OK")
        self._reply(status, [header for header in headers if header[0] != "Status"], content)

    def _reply(self, status: str, headers: list[tuple[str, str]], content: bytes) -> None:
        self.send_response(int(status.split()[0]))
        for key, value in headers:
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        try:
            self.wfile.write(content[: self.server.cut_after])
        except OSError:
            pass
        if self.server.cut_after is not None and len(content) > self.server.cut_after:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)


class GitHttpServer(ThreadingHTTPServer):
    """Serves the repos below `root`. With `cut_after`, answers break off after so many bytes. What is below `private`
    needs the header `authorization`."""

    daemon_threads = True

    def __init__(self, root: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        # A connection that is told of and then gone must not keep the server from its end.
        self.socket.settimeout(1)
        self.root = root
        self.cut_after: int | None = None
        self.authorization = "nobody has it"

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/{name}"


@contextmanager
def git_http_server(root: Path) -> Iterator[GitHttpServer]:
    with GitHttpServer(root) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
