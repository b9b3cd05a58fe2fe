"""A registry of the testbed behind a door that asks who comes: by password, or by token as large registries do."""

import base64
import http.server
import json
import ssl
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from tests.build.buildkit.fronted import serving

USER, PASSWORD, IDENTITY = "me", "canary-password", "canary-identity"
BASIC = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()


@dataclass
class Door:
    """`tokens` if it gives some, `oauth` if in the OAuth2 way as well; `asked` are the token requests, in words."""

    behind: str
    tokens: bool = True
    oauth: bool = True
    realm: str = ""
    address: str = ""
    authority: str = ""
    asked: list[str] = field(default_factory=list)

    @property
    def challenge(self) -> str:
        realm = self.realm or f"{'https' if self.authority else 'http'}://{self.address}/token"
        return f'Bearer realm="{realm}",service="door"' if self.tokens else 'Basic realm="door"'


@contextmanager
def standing(door: Door, keys: Path | None = None) -> Iterator[Door]:
    """The door at an address of this machine's loopback; with TLS and an authority of its own, kept in `keys`."""
    handler = type("Handler", (_Handler,), {"door": door})
    with serving("127.0.0.1", handler) as server:
        if keys is not None:
            server.socket = server_tls(keys).wrap_socket(server.socket, server_side=True)
            door.authority = (keys / "ca.pem").read_text()
        threading.Thread(target=server.serve_forever, daemon=True).start()
        door.address = f"127.0.0.1:{server.server_address[1]}"
        yield door
        server.shutdown()


def server_tls(keys: Path) -> ssl.SSLContext:
    """For a server at 127.0.0.1; who trusts `ca.pem` in the folder `keys` trusts it."""
    certificate, key = str(keys / "ca.pem"), str(keys / "key.pem")
    made = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=door", *made]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


class _Handler(http.server.BaseHTTPRequestHandler):
    door: Door

    def do_GET(self) -> None:
        if urlsplit(self.path).path == "/token":
            query = parse_qs(urlsplit(self.path).query)
            who = "password" if self.headers["Authorization"] == BASIC else "nobody"
            self.give(who if self.headers["Authorization"] in (BASIC, None) else "", " ".join(query["scope"]))
        elif self.headers["Authorization"] == (f"Bearer token-{USER}" if self.door.tokens else BASIC):
            self.pass_on()
        else:
            self.answer(401, b"{}", {"WWW-Authenticate": self.door.challenge})

    do_HEAD = do_GET

    def do_POST(self) -> None:
        form = {key: value for key, (value,) in parse_qs(self.body().decode()).items()}
        if not self.door.oauth:
            return self.answer(404, b"")
        passwords = {"password": ("password", PASSWORD), "refresh_token": ("refresh_token", IDENTITY)}
        key, expected = passwords[form["grant_type"]]
        return self.give(form["grant_type"] if form[key] == expected else "", form["scope"])

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers["Content-Length"]))

    def give(self, who: str, scope: str) -> None:
        self.door.asked.append(f"{self.command} {who}: {scope}")
        token = {"": "", "nobody": "token-nobody"}.get(who, f"token-{USER}")
        name = "access_token" if self.command == "POST" else "token"
        reply = {name: token, "expires_in": 300, "issued_at": "2026-01-02T03:04:05Z"}
        self.answer(200 if token else 401, json.dumps(reply).encode())

    def pass_on(self) -> None:
        wanted = urllib.request.Request(f"http://{self.door.behind}{self.path}", method=self.command)
        wanted.headers = {name: value for name, value in self.headers.items() if name in ("Accept", "Range")}
        try:
            reply = urllib.request.urlopen(wanted, timeout=20)
        except urllib.error.HTTPError as error:
            reply = error
        self.answer(reply.status, reply.read(), dict(reply.headers))

    def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass
