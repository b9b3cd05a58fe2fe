"""What can be reached from a machine, by the tools that it has."""

import http.server
import os
import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ez.compute.reach import reach
from ez.ssh.local import LocalHost


class Refusing(http.server.BaseHTTPRequestHandler):
    """Answers as a registry does that wants a login."""

    def do_GET(self) -> None:
        self.send_error(401)

    def log_message(self, *words: object) -> None:
        pass


@contextmanager
def untrusted_server(folder: Path) -> Iterator[str]:
    """An HTTPS server whose certificate nobody signed."""
    pem = folder / "server.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=127.0.0.1",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", pem, "-out", folder / "certificate.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate.pem", pem)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"https://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def plain_server() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("tool", ["curl", "wget", ""])
def test_each_tool(tool: str, tmp_path: Path, home: Path) -> None:
    """Without curl and wget, apt's own downloader asks."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("sh", "timeout", "rm", "mktemp", tool):
        if name:
            (programs / name).symlink_to(str(shutil.which(name)))
    host = LocalHost(environment={"PATH": str(programs), "HOME": str(home)}, home=home)
    with untrusted_server(tmp_path) as untrusted, plain_server() as plain:
        answers = reach(host, [untrusted, plain, "http://127.0.0.1:9/"])
    assert answers == {untrusted: "untrusted", plain: "reached", "http://127.0.0.1:9/": "unreachable"}
    assert os.listdir(home) == []
