"""A proxy that asks for a password, and a package index behind it that asks for another one."""

from __future__ import annotations

import base64
import io
import threading
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

HOST = "packages.invalid"
PACKAGE = "secret_test_package"
USER = "somebody"

_WHEEL = f"{PACKAGE}-1.0-py3-none-any.whl"
_LARGEST = 64 << 20


@dataclass(frozen=True)
class Doors:
    """`address` is `host:port`. `passed` are the requests that brought the proxy's password, `served` those of them
    that brought the index's."""

    address: str
    proxy_password: str
    index_password: str
    passed: list[str] = field(default_factory=list)
    served: list[str] = field(default_factory=list)

    @property
    def proxy(self) -> str:
        return f"http://{USER}:{self.proxy_password}@{self.address}"

    @property
    def index(self) -> str:
        return f"http://{USER}:{self.index_password}@{HOST}/simple"


@contextmanager
def standing(host: str, proxy_password: str, index_password: str) -> Iterator[Doors]:
    """A proxy at an address of this machine, which also plays the index `HOST` and passes other requests on."""
    with ThreadingHTTPServer((host, 0), _Handler) as server:
        doors = Doors(f"{host}:{server.server_address[1]}", proxy_password, index_password)
        server.doors = doors  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield doors
        finally:
            server.shutdown()


def basic(password: str) -> str:
    return "Basic " + base64.b64encode(f"{USER}:{password}".encode()).decode()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        doors: Doors = self.server.doors  # type: ignore[attr-defined]
        url = urlsplit(self.path)
        if self.headers["Proxy-Authorization"] != basic(doors.proxy_password):
            return self._answer(407, b"", "Proxy-Authenticate")
        doors.passed.append(self.path)
        if url.hostname != HOST:
            return self._pass_on()
        if self.headers["Authorization"] != basic(doors.index_password):
            return self._answer(401, b"", "WWW-Authenticate")
        doors.served.append(self.path)
        content = _contents().get(url.path.rstrip("/"))
        return self._answer(200 if content is not None else 404, content or b"")

    def _pass_on(self) -> None:
        names = ("Accept", "Accept-Encoding", "If-Modified-Since", "Range", "User-Agent")
        headers = {name: self.headers[name] for name in names if name in self.headers}
        try:
            with urllib.request.urlopen(urllib.request.Request(self.path, headers=headers), timeout=60) as reply:
                self._answer(reply.status, reply.read(_LARGEST))
        except urllib.error.HTTPError as error:
            self._answer(error.code, b"")

    def _answer(self, status: int, body: bytes, asking: str = "") -> None:
        self.send_response(status)
        if asking:
            self.send_header(asking, 'Basic realm="test"')
        if self.path.rstrip("/").endswith(PACKAGE.replace("_", "-")):
            self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def _contents() -> dict[str, bytes]:
    """The index's pages and files by path."""
    name = PACKAGE.replace("_", "-")
    page = f'<!DOCTYPE html><html><body><a href="/files/{_WHEEL}">{_WHEEL}</a></body></html>'
    return {f"/simple/{name}": page.encode(), f"/files/{_WHEEL}": _wheel()}


def _wheel() -> bytes:
    metadata = f"Metadata-Version: 2.1\nName: {PACKAGE}\nVersion: 1.0\n"
    tags = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files = {f"{PACKAGE}.py": "", f"{PACKAGE}-1.0.dist-info/METADATA": metadata, f"{PACKAGE}-1.0.dist-info/WHEEL": tags}
    record = "".join(f"{path},,\n" for path in (*files, f"{PACKAGE}-1.0.dist-info/RECORD"))
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        for path, text in {**files, f"{PACKAGE}-1.0.dist-info/RECORD": record}.items():
            archive.writestr(zipfile.ZipInfo(path, (2020, 1, 1, 0, 0, 0)), text)
    return whole.getvalue()
