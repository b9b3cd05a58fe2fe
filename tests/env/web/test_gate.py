"""The gate to what is served inside: who is let in, what is passed on, and that no request goes past the checks."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ez.env.ports.held import hold
from ez.env.web.gate import OPEN, TICKET_SECONDS, Gate
from ez.env.web.hold import host_of

METHODS = ("GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "get", "X-ANY", "PRI")


class Open:
    """A gate that runs in a thread, in front of a socket that notes all it gets and answers with it."""

    def __init__(self, folder: Path) -> None:
        self.now = 1000.0
        self.got: list[bytes] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._door = hold(0)
        self.port = self._door.port
        self.gate = Gate("demo", self.port, lambda: self.now)
        self.gate.upstream = folder / "up"
        self.gate.headers = (("Authorization", "token inner"),)
        self.gate.start = "/lab"
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(10)

    async def _start(self) -> None:
        self._servers = [await asyncio.start_server(self.gate.handle, sock=one) for one in self._door.sockets]
        self._servers.append(await asyncio.start_unix_server(self._echo, str(self.gate.upstream)))

    async def _echo(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        data = await reader.readuntil(b"\r\n\r\n")
        if b"Upgrade: websocket" in data:
            writer.write(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
            while more := await reader.read(100):
                writer.write(more.upper())
            writer.close()
            return
        length = next((int(line[15:]) for line in data.split(b"\r\n") if line.startswith(b"Content-Length:")), 0)
        data += await reader.readexactly(length)
        try:
            data += await asyncio.wait_for(reader.read(1000), 0.05)
        except TimeoutError:
            pass
        self.got.append(data)
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\ninside")
        writer.close()

    def close(self) -> None:
        async def end() -> None:
            for server in self._servers:
                server.close()

        asyncio.run_coroutine_threadsafe(end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def send(self, data: str | bytes, address: str = "127.0.0.1") -> str:
        """All that comes back for these bytes."""
        with socket.create_connection((address, self.port), 10) as line:
            line.sendall(data.encode("latin-1") if isinstance(data, str) else data)
            return b"".join(iter(lambda: line.recv(65536), b"")).decode("latin-1")

    def ask(self, target: str = "/", method: str = "GET", host: str = "", more: str = "") -> str:
        return self.send(f"{method} {target} HTTP/1.1\r\nHost: {host or self.host}\r\n{more}\r\n")

    @property
    def host(self) -> str:
        return f"demo.localhost:{self.port}"

    def visit(self) -> str:
        """The cookie of a visit with a fresh ticket, as a header."""
        page = self.ask(self.gate.ticket().removeprefix(self.gate.origin))
        (line,) = (line for line in page.split("\r\n") if line.startswith("Set-Cookie: "))
        assert line.endswith("; Path=/; HttpOnly; SameSite=Strict")
        assert "Refresh: 0;url=/lab" in page
        return f"Cookie: {line.removeprefix('Set-Cookie: ').partition(';')[0]}\r\n"


@pytest.fixture
def opened(home: Path) -> Iterator[Open]:
    opened = Open(home)
    yield opened
    opened.close()


def status(answer: str) -> str:
    return answer.split(" ", 2)[1]


@pytest.mark.parametrize("method", METHODS)
def test_a_name_that_was_made_to_point_here_gets_nowhere(method: str, opened: Open) -> None:
    cookie = opened.visit()
    for host in ("evil.example", f"evil.example:{opened.port}", "demo.localhost", f"x.demo.localhost:{opened.port}"):
        assert status(opened.ask("/", method, host, cookie)) == "403"
        ticket = opened.gate.ticket().removeprefix(opened.gate.origin)
        assert status(opened.ask(ticket, method, host)) == "403"
    assert opened.got == []


@pytest.mark.parametrize(
    "request_text",
    [
        "GET / HTTP/1.1\r\n{cookie}\r\n",
        "GET / HTTP/1.1\r\nHost: {host}\r\nHost: evil.example\r\n{cookie}\r\n",
        "GET http://{host}/ HTTP/1.1\r\nHost: evil.example\r\n{cookie}\r\n",
        "GET http://{host}/ HTTP/1.1\r\nHost: {host}\r\n{cookie}\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: {host}\r\n{cookie}\r\n",
        "CONNECT {host} HTTP/1.1\r\nHost: {host}\r\n{cookie}\r\n",
        "GET / HTTP/2\r\nHost: {host}\r\n{cookie}\r\n",
        "GET /\r\nHost: {host}\r\n{cookie}\r\n",
        "GET / x HTTP/1.1\r\nHost: {host}\r\n{cookie}\r\n",
        "GET / HTTP/1.1\r\nHost : {host}\r\n{cookie}\r\n",
        "GET / HTTP/1.1\r\nHost: evil\n Host: {host}\r\n{cookie}\r\n",
        "GET / HTTP/1.1\r\nHost: {host}\r\nX: \0\r\n{cookie}\r\n",
        "POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1\r\nContent-Length: 2\r\n{cookie}\r\nxx",
        "POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n{cookie}\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: gzip, chunked\r\n{cookie}\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: +1\r\n{cookie}\r\nx",
        "GET / HTTP/1.1\r\nHost: {host}\r\nOrigin: http://evil.example\r\n{cookie}\r\n",
        "GET / HTTP/1.1\r\nHost: {host}\r\nOrigin: null\r\n{cookie}\r\n",
    ],
)
def test_what_two_readers_could_understand_differently_is_refused(request_text: str, opened: Open) -> None:
    answer = opened.send(request_text.format(host=opened.host, cookie=opened.visit()))
    assert status(answer) in ("400", "403")
    assert opened.got == []


def test_a_ticket_is_good_for_once_and_not_for_long(opened: Open) -> None:
    ticket = opened.gate.ticket().removeprefix(opened.gate.origin)
    assert status(opened.ask(ticket, "HEAD")) == "403"
    assert status(opened.ask(ticket)) == "200"
    assert status(opened.ask(ticket)) == "403"
    late = opened.gate.ticket().removeprefix(opened.gate.origin)
    opened.now += TICKET_SECONDS + 1
    assert "ez env open demo" in opened.ask(late)
    assert status(opened.ask(f"{OPEN}?ticket=")) == "403"
    assert opened.got == []


def test_without_the_cookie_nothing_is_passed_on(opened: Open) -> None:
    for cookie in ("", f"Cookie: ez-{opened.port}=\r\n", f"Cookie: ez-{opened.port}=x\r\n", "Cookie: \xff\r\n"):
        assert status(opened.ask("/lab", more=cookie)) == "403"
    assert opened.got == []


def test_what_is_inside_sees_what_opens_it_and_not_the_cookie(opened: Open) -> None:
    cookie = opened.visit().replace("\r\n", "; _xsrf=2; ez-99=other\r\n")
    more = "Authorization: mine\r\nX-Forwarded-Host: evil\r\nConnection: keep-alive\r\nUpgrade: h2c\r\n"
    answer = opened.ask("/api?x=1", more=cookie + more)
    assert answer.endswith("inside")
    (got,) = opened.got
    lines = got.decode().split("\r\n")
    assert lines[0] == "GET /api?x=1 HTTP/1.1"
    assert sorted(lines[1:-2]) == [
        "Authorization: token inner",
        "Connection: close",
        "Cookie: _xsrf=2",
        f"Host: {opened.host}",
    ]


def test_a_body_is_passed_on_and_nothing_behind_it(opened: Open) -> None:
    """A second request on the same connection has not been looked at."""
    head = f"POST / HTTP/1.1\r\nHost: {opened.host}\r\n{opened.visit()}"
    second = "GET /second HTTP/1.1\r\nHost: evil.example\r\n\r\n"
    opened.send(f"{head}Content-Length: 4\r\n\r\nbody{second}")
    opened.send(f"{head.replace('POST', 'GET')}\r\n{second}")
    assert [got.rpartition(b"\r\n\r\n")[2] for got in opened.got] == [b"body", b""]


def test_a_websocket_is_passed_on_until_either_side_ends(opened: Open) -> None:
    head = f"GET /ws HTTP/1.1\r\nHost: {opened.host}\r\n{opened.visit()}Origin: http://{opened.host}\r\n"
    with socket.create_connection(("127.0.0.1", opened.port), 10) as line:
        line.sendall(f"{head}Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n".encode())
        assert b" 101 " in line.recv(1000)
        line.sendall(b"hello")
        assert line.recv(100) == b"HELLO"
        line.shutdown(socket.SHUT_WR)
        assert line.recv(100) == b""


def test_an_environment_that_does_not_answer_is_a_page_that_tries_again(opened: Open, home: Path) -> None:
    cookie = opened.visit()
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(home / "silent"))
        silent.listen()
        ends = threading.Thread(target=lambda: silent.accept()[0].close())
        ends.start()
        for upstream in (home / "silent", None):
            opened.gate.upstream = upstream
            answer = opened.ask("/", more=cookie)
            assert status(answer) == "502"
            assert "Refresh: 3" in answer
            assert "ez env open demo" in answer
        ends.join(10)


def test_what_a_gate_is_called() -> None:
    """A name that no system knows, since the environment's cannot be one, stands for what Safari cannot find."""
    assert host_of("demo", "linux") == "demo.localhost"
    assert host_of("no such", "darwin") == "localhost"
    assert Gate("demo", 24817, host="localhost").origin == "http://localhost:24817"
