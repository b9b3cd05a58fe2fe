"""An engine that dies in the middle of an answer. What is not broken off is in test_outputs.py."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ez.build.buildkit import images
from ez.build.engines.address import Address
from ez.build.order import Output
from ez.errors import EngineError
from ez.events import null_sink

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
LONG = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"


@contextmanager
def engine(place: Path, answer: bytes) -> Iterator[Address]:
    """Answers once, and hangs up."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(place / "s"))
        listening.listen()
        listening.settimeout(20)

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield Address.unix(place / "s")
        thread.join()


def save(address: Address, place: Path) -> None:
    images.save(address, "x:1", Output("docker", str(place / "image.tar")))


def push(address: Address, place: Path) -> None:
    images.push(address, "x.example/x:1", ("", ""), null_sink)


def untag(address: Address, place: Path) -> None:
    images.untag(address, "x:1")


@pytest.mark.parametrize(
    ("call", "answer"),
    [
        (save, CHUNKED + b"3\r\nabc\r\n"),
        (save, LONG + b"abc"),
        (push, CHUNKED + b"64\r\n{}"),
        (push, b""),
        (untag, b""),
    ],
)
def test_an_engine_that_breaks_off_is_an_error(
    call: Callable[[Address, Path], None], answer: bytes, tmp_path: Path
) -> None:
    with engine(tmp_path, answer) as address, pytest.raises(EngineError, match="broke off"):
        call(address, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["s"]
