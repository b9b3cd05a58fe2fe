"""Ports here that lead to servers of this computer, which stand for those inside."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ez.env.ports.forwards import Forwards
from ez.env.ports.held import hold
from ez.env.ports.wanted import Wanted, parse_hosts, parse_port, read_wanted, write_wanted
from ez.env.ports.watching import Listener, Watch, parse_line, watch_command
from ez.errors import ConfigError, EzError, UsageError

ECHO = """
import socketserver, sys
class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(65536):
            self.request.sendall(data)
class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
Server(sys.argv[1], Handler).serve_forever()
"""

INET = str(int(socket.AF_INET))
LISTEN = """
import socket, sys
one = socket.create_server((sys.argv[1], int(sys.argv[2])), family=int(sys.argv[3]))
sys.stdin.read()
"""

WEB = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def address_string(self): return "here"
    def do_GET(self):
        body = self.headers["Host"].encode()
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers()
        self.wfile.write(body)
import socketserver
class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
Server(sys.argv[1], Handler).serve_forever()
"""


@pytest.fixture
def inside(home: Path) -> Iterator[Path]:
    """`1000` echoes, `2000` is a web server, nobody has any other."""
    programs = [
        subprocess.Popen([sys.executable, "-c", program, str(home / name)], stderr=subprocess.DEVNULL)
        for name, program in (("1000", ECHO), ("2000", WEB))
    ]
    while not ((home / "1000").exists() and (home / "2000").exists()):
        time.sleep(0.01)
    yield home
    for program in programs:
        program.kill()
        program.wait()


@pytest.fixture
def forwards(inside: Path) -> Iterator[Forwards]:
    made = Forwards("thing", lambda port: inside / str(port))
    yield made
    made.close()


def said(port: int, data: bytes, address: str = "127.0.0.1") -> bytes:
    with socket.create_connection((address, port), 10) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        with connection.makefile("rb") as reply:
            return reply.read()


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_bytes_go_in_and_come_back(forwards: Forwards, address: str) -> None:
    here = forwards.want(1000).here
    data = b"\0" + os.urandom(3_000_000)
    assert said(here, data, address) == data


def test_the_web_is_asked_by_its_own_name_and_by_no_other(forwards: Forwards) -> None:
    forward = forwards.want(2000, why="exposed")
    assert forward.url == f"http://thing.localhost:{forward.here}"
    connection = http.client.HTTPConnection("127.0.0.1", forward.here, timeout=10)
    for host in ("thing.localhost", "localhost:1"):
        connection.request("GET", "/", headers={"Host": host})
        assert connection.getresponse().read() == host.encode()
    connection.request("X-ODD", "/", headers={"Host": "evil.example"})
    refused = connection.getresponse()
    assert (refused.status, forward.url.encode() in refused.read()) == (403, True)


def test_nobody_inside_is_told_as_such(forwards: Forwards) -> None:
    here = forwards.want(3000).here
    assert said(here, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").startswith(b"HTTP/1.1 502 ")
    assert said(here, b"\0") == b""


def test_two_environments_never_share_a_port(inside: Path, forwards: Forwards) -> None:
    other = Forwards("other", lambda port: inside / str(port))
    try:
        first, second = forwards.want(18_765), other.want(18_765)
        assert first.here != second.here
        assert other.want(18_765) == second
        with pytest.raises(EzError, match="is taken"):
            other.want(18_765, first.here)
        forwards.drop(18_765)
        assert other.want(18_765, first.here).here == first.here
    finally:
        other.close()


def test_a_port_that_is_taken_on_one_address_alone_is_taken() -> None:
    with socket.socket(socket.AF_INET6) as taken:
        taken.bind(("::1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        held = hold(port)
        try:
            assert held.port != port
            assert {one.getsockname()[1] for one in held.sockets} == {held.port}
        finally:
            held.close()


def test_ports_that_programs_open_keep_their_place_here(forwards: Forwards, monkeypatch: pytest.MonkeyPatch) -> None:
    """For an hour without them."""
    (new,) = forwards.listening([Listener(1000, "echo")])
    assert (new.why, new.program, new.listens) == ("opened", "echo", True)
    assert forwards.listening([]) == ()
    assert [(one.here, one.listens) for one in forwards.shown()] == [(new.here, False)]
    assert forwards.listening([Listener(1000, "echo")]) == ()
    many = [Listener(port) for port in range(20_000, 20_200)]
    assert len(forwards.listening(many)) == len(forwards.shown()) == 64
    asked = forwards.want(20_000)
    forwards.listening([])
    monkeypatch.setattr("ez.env.ports.forwards._now", lambda: time.monotonic() + 4000)
    forwards.listening([])
    assert [one.port for one in forwards.shown()] == [asked.port]


def test_what_listens_is_told_when_it_changes(home: Path) -> None:
    """Own network: what others listen on is not seen."""
    inner = f"ip link set lo up; {watch_command('0.2')}"
    lines: list[tuple[Listener, ...]] = []
    changed = threading.Condition()

    def tell(found: tuple[Listener, ...]) -> None:
        with changed:
            lines.append(found)
            changed.notify_all()

    def told(*wanted: tuple[int, int]) -> bool:
        with changed:
            return changed.wait_for(
                lambda: bool(lines) and [(one.port, one.family) for one in lines[-1]] == list(wanted), 20
            )

    watch = Watch(["unshare", "-n", "sh", "-c", f"echo $$ >{home}/pid; {inner}"], dict(os.environ), tell)
    try:
        assert told()
        enter = ["nsenter", "-n", "-t", (home / "pid").read_text().strip(), sys.executable, "-c", LISTEN]
        first = subprocess.Popen([*enter, "127.0.0.1", "8001", INET], stdin=subprocess.PIPE)
        assert told((8001, 4))
        assert lines[-1][0].program.startswith("python")
        others = [
            subprocess.Popen([*enter, *words], stdin=subprocess.PIPE)
            for words in (
                ("::1", "8002", str(int(socket.AF_INET6))),
                ("0.0.0.0", "80", INET),
                ("127.0.0.9", "8003", INET),
                ("127.0.0.1", "22", INET),
                ("127.0.0.1", "40000", INET),
                ("127.0.0.1", "40001", INET, "-m", "ipykernel_launcher"),
                ("127.0.0.1", "40002", INET, "/home/a/.vscode-server/out/server-main.js"),
                ("127.0.0.1", "8004", INET, "/home/a/.vscode-server/debugpy"),
            )
        ]
        random = ((40_000, 4), (8003, 0), (40_001, 4), (40_002, 4))
        assert told((80, 0), (8001, 4), (8002, 6), (8004, 4), *random)
        assert [one.reason for one in lines[-1]] == [""] * 5 + ["address", "kernel", "editor"]
        first.kill()
        assert told((80, 0), (8002, 6), (8004, 4), *random)
        for other in others:
            other.kill()
        assert told()
    finally:
        watch.close()


@pytest.mark.parametrize("line", ["", "x", "0/4/a", "70000/4/a", "80/5/a", "80/4", "80/4/$(x)", "٣/4/a", "1" * 50_000])
def test_lines_that_somebody_else_wrote(line: str) -> None:
    assert parse_line(line) == ()
    assert parse_line(f"{line} 81/6/node 81/4/other") == (Listener(81, "node", 6),)
    assert len(parse_line(" ".join(f"{port}/4/x" for port in range(1, 1000)))) == 64
    assert parse_line("80/0/x/address 81/4/x/other") == (Listener(80, "x", 0, "address"),)


@pytest.mark.parametrize("text", ["", "x", "0", "65536", "80:", ":80", "80:0", "80:80:80", "-1", "٣", "9" * 5000])
def test_ports_that_are_none(text: str) -> None:
    with pytest.raises(UsageError):
        parse_port(text)


@pytest.mark.parametrize("text", ["*", "*.", "a b *", "http://app.test", "app.test:80", "ä.test", "a" * 64, "a..b"])
def test_hosts_that_are_none(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_hosts(text)
    assert parse_hosts(" App.test *.app.test ") == ("app.test", "*.app.test")


def test_what_is_wanted_is_kept(tmp_path: Path) -> None:
    wanted = Wanted({8000: 0, 9000: 9001}, (80,), {70: 7000}, follows=False, stopped=(6000,), hosts=("app.test",))
    assert read_wanted(tmp_path) == Wanted()
    write_wanted(tmp_path, wanted)
    assert read_wanted(tmp_path) == wanted
    (tmp_path / "ports.json").write_text('{"asked": 3}')
    assert read_wanted(tmp_path) == Wanted()
