"""What is asked of a Docker Engine, where something else answers."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import repeat
from pathlib import Path

import pytest

from ez.build.buildkit import engine
from ez.build.buildkit.engine import NotHttpError, ask
from ez.build.engine import find_image
from ez.build.engines.address import Address
from ez.errors import EngineError

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"


@contextmanager
def saying(path: Path, chunks: Iterator[bytes], *, hanging: bool = False) -> Iterator[Address]:
    """A server that answers one request with `chunks`, and then hangs up or keeps the connection."""
    over = threading.Event()

    def answer() -> None:
        connection, _ = server.accept()
        with connection, suppress(OSError):
            connection.recv(65536)
            for chunk in chunks:
                connection.sendall(chunk)
            if hanging:
                over.wait(60)

    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield Address.unix(path)
        over.set()
        thread.join(60)


def test_a_reply_in_small_pieces(tmp_path: Path) -> None:
    reply = HEAD + b'{"ApiVersion": "1.44"}'
    with saying(tmp_path / "s", (reply[at : at + 1] for at in range(len(reply)))) as address:
        assert ask(address, "/version") == (200, {"ApiVersion": "1.44"})


@pytest.mark.parametrize(
    "chunks",
    [[], [b"\0\0\x12\4\0\0\0\0\0"], [b"SSH-2.0-x\r\n"], [b"HTTP/1.1 ???\r\n\r\n"], [b"HTTP/2 200 OK\r\n\r\n{}"]],
)
def test_what_is_no_http_1(tmp_path: Path, chunks: list[bytes]) -> None:
    with saying(tmp_path / "s", iter(chunks)) as address, pytest.raises(NotHttpError):
        ask(address, "/version")
    with saying(tmp_path / "t", iter(chunks)) as address:
        assert find_image(address, "x") is None


def test_another_protocol_is_known_by_its_first_bytes(tmp_path: Path) -> None:
    with saying(tmp_path / "s", iter([b"\0\0\x12\4"]), hanging=True) as address, pytest.raises(NotHttpError):
        ask(address, "/version")


def test_a_reply_without_end(tmp_path: Path) -> None:
    with saying(tmp_path / "s", repeat(HEAD)) as address, pytest.raises(NotHttpError):
        ask(address, "/version")


def test_a_reply_that_stops_coming(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "SECONDS_TO_ANSWER", 0.2)
    with (
        saying(tmp_path / "s", iter([HEAD]), hanging=True) as address,
        pytest.raises(EngineError, match="does not answer"),
    ):
        ask(address, "/version")
