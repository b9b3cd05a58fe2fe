"""`install.python_packages(secrets=...)`: a private index lets the step in, and nothing of it stays in the image."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ez.build.load import load
from ez.errors import StepError
from ez.models import Network
from tests.build.buildkit.conftest import Engine
from tests.build.image.conftest import BUNDLE
from tests.integration.private_index import PACKAGE, USER, _contents, basic
from tests.testbed import Testbed

BUILD = """
def build():
    base("debian:12", dev=True)
    install.python()
    install.python_packages(["{package} --index-url {index}"], secrets=["id=netrc,target=/root/.netrc"])
"""


class _Index(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        known = self.headers["Authorization"] == basic(self.server.password)  # type: ignore[attr-defined]
        content = _contents().get(self.path.rstrip("/")) if known else b""
        self.send_response(401 if not known else 200 if content is not None else 404)
        self.send_header("WWW-Authenticate", 'Basic realm="test"')
        self.send_header("Content-Type", "text/html" if "/simple/" in self.path else "application/octet-stream")
        self.send_header("Content-Length", str(len(content or b"")))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content or b"")

    do_HEAD = do_GET

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def index(testbed: Testbed) -> Iterator[tuple[str, str]]:
    """Its `host:port` and its password."""
    with ThreadingHTTPServer((testbed.world.address(1), 0), _Index) as server:
        server.password = uuid.uuid4().hex  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"{server.server_address[0]}:{server.server_address[1]}", server.password  # type: ignore[attr-defined,str-bytes-safe]
        server.shutdown()


@pytest.mark.engine
@pytest.mark.parametrize("more", ["", " --trusted-host {host} --no-cache-dir"], ids=["uv", "pip"])
def test_a_lent_password_opens_the_index(more: str, index: tuple[str, str], local: Engine, tmp_path: Path) -> None:
    address, password = index
    host = address.partition(":")[0]
    words = f"http://{address}/simple" + more.format(host=host)
    (tmp_path / "build.envd").write_text(BUILD.format(package=PACKAGE.replace("_", "-"), index=words))
    network = Network(ca_bundle=BUNDLE.read_text() if BUNDLE.exists() else "")
    definition = load(tmp_path, "hello")
    netrc = f"machine {host} login {USER} password {password}\n".encode()
    image = local.build(definition, network=network, secrets={"netrc": netrc})
    look = f"/opt/venv/bin/python -c 'import {PACKAGE}'; ls -A /root; grep -rls {password} /root /opt /etc /home; true"
    said = local.docker("run", "--rm", "--entrypoint", "sh", image.reference, "-c", look)
    assert said.decode().split() == [".bashrc", ".profile"]
    assert password.encode() not in local.docker("history", "--no-trunc", image.reference)
    with pytest.raises(StepError) as caught:
        local.build(definition, network=network, secrets={"netrc": netrc.replace(password.encode(), b"other")})
    assert (caught.value.file, caught.value.line) == ("build.envd", 5)
