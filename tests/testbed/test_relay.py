"""The relay adds the distance that was asked for, counts round trips, and can be cut."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.testbed import Relay


@pytest.fixture
def echo() -> Iterator[tuple[str, int]]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_serve, args=(server,), daemon=True).start()
        host, port = server.getsockname()
        yield str(host), int(port)


def test_round_trips_take_twice_the_latency_and_are_counted(echo: tuple[str, int]) -> None:
    with Relay(echo, latency=0.01) as relay, _connect(relay) as client:
        _ask(client, b"warm")
        relay.reset_counters()
        begun = time.monotonic()
        for _ in range(5):
            _ask(client, b"x")
        assert time.monotonic() - begun >= 5 * 0.02
        assert relay.round_trips == 5
        assert relay.turns == 5
        assert relay.bytes_to_client == relay.bytes_to_server == 5


def test_what_is_sent_at_once_is_one_round_trip(echo: tuple[str, int]) -> None:
    with Relay(echo, latency=0.05) as relay, _connect(relay) as one, _connect(relay) as two:
        one.sendall(b"1")
        two.sendall(b"2")
        assert (one.recv(1), two.recv(1)) == (b"1", b"2")
        assert relay.round_trips == 1
        assert relay.connections == 2


def test_a_new_connection_pays_for_its_handshake(echo: tuple[str, int]) -> None:
    with Relay(echo, latency=0.02) as relay:
        begun = time.monotonic()
        with _connect(relay) as client:
            _ask(client, b"x")
        assert time.monotonic() - begun >= 4 * 0.02


def test_a_cut_resets_what_is_open_and_refuses_what_is_new_until_restored(echo: tuple[str, int]) -> None:
    with Relay(echo) as relay, _connect(relay) as client:
        _ask(client, b"x")
        relay.cut()
        with pytest.raises(ConnectionResetError):
            client.recv(1)
        with pytest.raises(ConnectionRefusedError):
            _connect(relay)
        relay.restore()
        with _connect(relay) as again:
            _ask(again, b"y")


def test_a_cut_can_wait_for_a_number_of_bytes(echo: tuple[str, int]) -> None:
    with Relay(echo) as relay, _connect(relay) as client:
        relay.cut_after(100_000)
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            _ask(client, b"x" * 10_000_000)
        assert relay.bytes_to_client + relay.bytes_to_server >= 100_000


def test_a_silent_link_passes_nothing_and_tells_nobody(echo: tuple[str, int]) -> None:
    with Relay(echo) as relay, _connect(relay) as client:
        _ask(client, b"x")
        relay.hang()
        client.sendall(b"y")
        client.settimeout(0.1)
        with pytest.raises(TimeoutError):
            client.recv(1)
        relay.restore()
        client.settimeout(5)
        assert client.recv(1) == b"y"


def _serve(server: socket.socket) -> None:
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        threading.Thread(target=_echo, args=(connection,), daemon=True).start()


def _echo(connection: socket.socket) -> None:
    with closing(connection):
        try:
            while data := connection.recv(65536):
                connection.sendall(data)
        except OSError:
            return


def _connect(relay: Relay) -> socket.socket:
    connection = socket.create_connection((relay.host, relay.port), timeout=5)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _ask(client: socket.socket, data: bytes) -> None:
    client.sendall(data)
    missing = len(data)
    while missing:
        got = client.recv(missing)
        if not got:
            raise ConnectionResetError("closed")
        missing -= len(got)
