"""What a client may say to a forwarded port: each request names this computer, or nothing of it goes on."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as any_

from ez.env.ports.gate import Gate, Refused, names_of

GET = b"GET / HTTP/1.1\r\nHost: localhost:8000\r\n\r\n"
POST = b"POST /a HTTP/1.1\r\nHost: thing.localhost\r\nContent-Length: 5\r\n\r\nhello"
CHUNKS = (
    b"PUT /a HTTP/1.1\r\nHost: [::1]:80\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5;x=y\r\nhello\r\n10\r\n0123456789abcdef\r\n0\r\nA: b\r\n\r\n"
)
SOCKET = b"GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
EVIL = b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n"


def gate() -> Gate:
    return Gate(names_of("thing"))


def asked(host: str, *, line: str = "GET / HTTP/1.1", more: str = "") -> bytes:
    return f"{line}\r\nHost: {host}\r\n{more}\r\n".encode()


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1:80", "[::1]", "Thing.LocalHost:1", "a.thing.localhost", "localhost."]
)
def test_names_of_this_computer(host: str) -> None:
    assert gate().feed(asked(host)) == asked(host)


@pytest.mark.parametrize(
    "request_",
    [
        *(
            asked(host)
            for host in (
                "evil.example",
                "other.localhost",
                "localhost.evil",
                "127.0.0.2",
                "[::2]",
                "",
                "a b",
                "localhost,evil",
            )
        ),
        *(
            asked("evil", line=f"{method} / HTTP/1.1")
            for method in ("HEAD", "OPTIONS", "X-Y", "get", "!#", "A" * 9000, "PRI")
        ),
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n X: folded\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: b\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: \0\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\nHost: localhost\n\n",
        b"\r\n\r\n" + EVIL,
        b"GET\t/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET  / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/2.0\r\nHost: localhost\r\n\r\n",
        asked("localhost", line="GET http://evil/ HTTP/1.1"),
        asked("localhost", line="GET http://localhost@evil/ HTTP/1.1"),
        asked("localhost", line="CONNECT localhost:1 HTTP/1.1"),
        asked("localhost", more="Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"),
        asked("localhost", more="Content-Length: 1\r\nContent-Length: 2\r\n"),
        asked("localhost", more="Content-Length: +1\r\n"),
        asked("localhost", more="Transfer-Encoding: gzip, chunked\r\n"),
        asked("localhost", more="Transfer-Encoding: chunked\r\n", line="GET / HTTP/1.0"),
        asked("localhost", more="Transfer-Encoding: chunked\r\n") + b"0x5\r\nhello\r\n",
        asked("localhost", more="Transfer-Encoding: chunked\r\n") + b"5\r\nhelloEVIL\r\n",
        b"A" * 70_000,
        b"GET /" + b"a" * 70_000,
        b"GET / HTTP/1.1\r\nA: " + b"b" * 70_000,
    ],
    ids=lambda data: repr(data[:60]),
)
def test_what_is_refused(request_: bytes) -> None:
    """And nothing of it went on, the heads of requests before it apart."""
    for size in (1, 7, len(request_)) if len(request_) < 1000 else (1000,):
        passed, refused = fed(gate(), request_, size)
        assert refused
        assert b"evil" not in passed
    for first in (GET, POST, CHUNKS, SOCKET):
        door = gate()
        assert fed(door, first, len(first)) == (first, False)
        assert fed(door, request_, len(request_))[1]


def fed(door: Gate, data: bytes, size: int) -> tuple[bytes, bool]:
    """What went on of pieces of that size, and whether the rest was refused."""
    passed = b""
    try:
        for at in range(0, len(data), size):
            passed += door.feed(data[at : at + size])
    except Refused:
        return passed, True
    return passed, False


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01",
        b"*1\r\n$4\r\nPING\r\n",
        b"PING\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"EHLO there\r\nsecond HTTP/1.1\r\n",
        b"\x00\x00\x00\x08\x04\xd2\x16/",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"HELO:x",
        b"\r\n\x00abc",
        SOCKET + b"\x81\x85mask",
        SOCKET.replace(b"websocket", b"tcp") + b"ls",
    ],
)
def test_what_is_no_http_passes_as_it_is(data: bytes) -> None:
    door = gate()
    assert door.feed(data) + door.feed(b"more " + EVIL) == data + b"more " + EVIL


@pytest.mark.parametrize(
    ("host", "is_one"),
    [("app.test", True), ("a.b.test", True), ("b.test", False), ("evil.app.test", False), ("xb.test", False)],
)
def test_names_that_the_person_allows(host: str, is_one: bool) -> None:
    assert names_of("thing", lambda: ("app.test", "*.b.test"))(host) is is_one


@given(any_.lists(any_.sampled_from([GET, POST, CHUNKS, SOCKET]), min_size=1), any_.lists(any_.integers(1, 40)))
def test_requests_pass_however_they_are_cut(requests: list[bytes], cuts: list[int]) -> None:
    """And the one that is for another host is found behind all of them."""
    data, door, passed, at = b"".join(requests), gate(), b"", 0
    for size in [*cuts, len(data)]:
        passed += door.feed(data[at : at + size])
        at += size
    assert passed == data
    with pytest.raises(Refused) as caught:
        door.feed(EVIL)
    assert caught.value.status == 403


@given(any_.binary())
def test_nothing_breaks_it(data: bytes) -> None:
    door = gate()
    with suppress(Refused):
        assert len(door.feed(data) + door.feed(b"\0" * 20_000)) <= len(data) + 20_000
