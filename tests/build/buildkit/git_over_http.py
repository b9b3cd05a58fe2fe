"""A Git repository over HTTP (gitprotocol-http(5) of git), by a process of its own: this module, HOST REPOSITORY."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

_AUTHORIZATION = "EZ_TEST_AUTHORIZATION"


@contextmanager
def served_over_http(repository: Path, host: str, authorization: str = "") -> Iterator[str]:
    """The repository's address, which every engine reaches.

    Requests have to bring the `authorization`, if there is one, and are told of on standard error, where a failing
    test shows them.
    """
    command = [sys.executable, "-m", __name__, host, str(repository)]
    environment = {**os.environ, _AUTHORIZATION: authorization}
    with subprocess.Popen(command, env=environment, cwd=Path(__file__).parents[3], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield f"http://{host}:{int(process.stdout.readline())}/repository.git"
        finally:
            process.terminate()


def main(host: str, repository: str) -> None:
    """Tell the port and serve until the end."""
    authorization = os.environ.pop(_AUTHORIZATION)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self.may_read():
                self.answer("advertisement", b"001e# service=git-upload-pack\n0000" + self.packed("--advertise-refs"))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.may_read():
                self.answer("result", self.packed(body=gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body))

        def may_read(self) -> bool:
            may = not authorization or self.headers.get("Authorization", "").lower() == authorization.lower()
            if not may:
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="test"')
                self.send_header("Content-Length", "0")
                self.end_headers()
            return may

        def packed(self, *options: str, body: bytes = b"") -> bytes:
            command = ["git", "upload-pack", "--stateless-rpc", *options, repository]
            return subprocess.run(command, input=body, stdout=subprocess.PIPE, timeout=20, check=True).stdout

        def answer(self, kind: str, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", f"application/x-git-upload-pack-{kind}")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with ThreadingHTTPServer((host, 0), Handler) as server:
        sys.stdout.write(f"{server.server_address[1]}\n")
        sys.stdout.flush()
        server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
