"""Ports over a real SSH connection, whose other side is this computer."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ez.env.link.connection import Connection
from ez.env.ports.service import PortService
from ez.env.ports.wanted import Wanted, of_environment, read_wanted, write_wanted
from ez.env.ports.watching import REASONS, Listener
from ez.errors import EzError, UsageError
from ez.models import Port
from tests.env.link.box import Box, box
from tests.env.ports.test_forwards import said

ASK = b"GET / HTTP/1.1\r\nHost: e.localhost\r\nConnection: close\r\n\r\n"


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:
        """Nobody reads it."""


@pytest.fixture
def inside() -> Iterator[int]:
    """The port of a web server that stands for one inside."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.fixture
def far(home: Path) -> Iterator[Box]:
    with box(home) as made:
        for folder in (made.keep.records, made.keep.sockets):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        yield made


def test_a_port_is_the_same_before_and_after_a_loss(far: Box, inside: int) -> None:
    service = PortService(far.keep, follows=False)
    try:
        here = service.want(inside, 0).here
        assert said(here, ASK).startswith(b"HTTP/1.1 502 ")
        for _ in range(2):
            connection = Connection.open(far.keep)
            service.connected(connection)
            assert said(here, ASK).startswith(b"HTTP/1.0 200 OK")
            service.lost()
            connection.close()
            assert said(here, ASK).startswith(b"HTTP/1.1 502 ")
    finally:
        service.close()
    assert read_wanted(far.keep.records).asked == {inside: 0}


def test_what_is_left_alone_is_told_with_the_reason(far: Box) -> None:
    """A port that somebody stopped stays so when its program opens it again, until somebody asks for it."""
    service = PortService(far.keep)
    reports = {1: (Listener(19_447, "a"), Listener(40_447, "b", 4, "kernel")), 2: (), 3: (Listener(19_447, "a"),)}
    try:
        service._changed(reports[1])
        service.ask(["drop", "19447"])
        for at in (2, 3):
            service._changed(reports[at])
        assert [(one.why, one.here, one.reason) for one in service.shown()] == [("left", 0, "you stopped it")]
        service._changed(reports[1])
        assert [one.reason for one in service.shown()] == ["you stopped it", REASONS["kernel"]]
        assert service.want(19_447, 0).listens
        assert service.want(40_447, 0).listens
        assert {one.why for one in service.shown()} == {"asked"}
    finally:
        service.close()


def test_what_other_processes_ask(far: Box) -> None:
    wanted = of_environment(Wanted(), [Port(80, 8080), Port(81)], is_here=True, asked={19_444: 0})
    write_wanted(far.keep.records, wanted)
    service = PortService(far.keep, follows=False)
    try:
        listed = service.ask(["reload"])
        assert isinstance(listed, list)
        assert [(one["port"], one["why"]) for one in listed] == [(80, "published"), (81, "exposed"), (19_444, "asked")]
        assert service.want(80, 0).here == 8080
        assert service.ask(["drop", "19444"]) is True
        assert service.ask(["drop", "19444"]) is False
        assert read_wanted(far.keep.records).stopped == (19_444,)
        for words in ([], ["want"], ["drop", "x"], ["want", "0"], ["other"]):
            with pytest.raises(UsageError):
                service.ask(words)
        taken = service.want(19_445, 0).here
        with pytest.raises(EzError, match="taken"):
            service.want(19_446, taken)
    finally:
        service.close()
