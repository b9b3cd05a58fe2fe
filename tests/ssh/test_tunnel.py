"""Unix sockets of the host here, and the person's agent there."""

from __future__ import annotations

import hashlib
import json
import socket
import socketserver
import stat
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ez.errors import HostError
from ez.events import CommandRun, Event
from ez.models import SshEndpoint
from ez.ssh.host import Host
from ez.ssh.remote import SshHost
from tests.ssh.conftest import Sshd, make_key, public_half
from tests.testbed import Relay, TestComputer, agent
from tests.testbed.shell import wait_until

Connect = Callable[..., Host]
BLOCK = 65536


class Echo(socketserver.StreamRequestHandler):
    """Sends everything back; after the end of its input, how much that was."""

    def handle(self) -> None:
        count = 0
        while data := self.request.recv(BLOCK):
            count += len(data)
            self.request.sendall(data)
        self.request.sendall(b"|%d" % count)


class Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A peer that went away is what some of the tests are about."""

    request_queue_size = 64


class PortServer(socketserver.ThreadingTCPServer):
    daemon_threads = True


@pytest.fixture
def echo(home: Path) -> Iterator[str]:
    path = str(home / "echo.sock")
    with Server(path, Echo) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield path
        server.shutdown()


@pytest.fixture
def box_port() -> Iterator[int]:
    """The same at a port of the loopback address."""
    with PortServer(("127.0.0.1", 0), Echo) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def call(path: Path) -> socket.socket:
    stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    stream.settimeout(60)
    stream.connect(str(path))
    return stream


def send_all(stream: socket.socket, data: bytes) -> None:
    stream.sendall(data)
    stream.shutdown(socket.SHUT_WR)


def read_all(stream: socket.socket) -> bytes:
    return b"".join(iter(lambda: stream.recv(BLOCK), b""))


def test_closing_one_direction_leaves_the_other(server: Sshd, connect: Connect, echo: str) -> None:
    with connect(server.endpoint).unix_socket(echo) as local, call(local) as stream:
        stream.sendall(b"hello")
        assert stream.recv(5) == b"hello"
        stream.shutdown(socket.SHUT_WR)
        assert read_all(stream) == b"|5"


def test_the_socket_is_private_and_goes_with_the_block(server: Sshd, connect: Connect, echo: str) -> None:
    with connect(server.endpoint).unix_socket(echo) as local:
        assert stat.S_IMODE(local.parent.stat().st_mode) == 0o700
        assert len(str(local)) < 100
        stream = call(local)
        stream.sendall(b"x")
        assert stream.recv(1) == b"x"
    assert read_all(stream) == b""
    assert not local.parent.exists()


def test_many_connections_carry_much_at_once(server: Sshd, connect: Connect, echo: str) -> None:
    data = bytes(range(256)) * 16 * 1024 * 2

    def through(local: Path) -> bytes:
        with call(local) as stream:
            sender = threading.Thread(target=send_all, args=(stream, data))
            sender.start()
            return hashlib.sha256(read_all(stream)).digest()

    with connect(server.endpoint).unix_socket(echo) as local, ThreadPoolExecutor(12) as pool:
        digests = set(pool.map(through, [local] * 12))
    assert digests == {hashlib.sha256(data + b"|%d" % len(data)).digest()}


def test_a_socket_that_is_not_there_closes_the_connection(server: Sshd, connect: Connect, home: Path) -> None:
    events: list[Event] = []
    with connect(server.endpoint, sink=events.append).unix_socket(str(home / "absent")) as local, call(local) as stream:
        assert read_all(stream) == b""
        wait_until(lambda: any("connect to" in str(event) for event in events), "the log has it", timeout=10)
    failed = [event for event in events if isinstance(event, CommandRun) and event.exit_code]
    assert "absent" in failed[0].command


def test_a_port_of_the_host(server: Sshd, connect: Connect, box_port: int) -> None:
    box = connect(server.endpoint)
    for name in ("127.0.0.1", "localhost"):
        with box.unix_socket((name, box_port)) as local, call(local) as stream:
            send_all(stream, b"hello")
            assert read_all(stream) == b"hello|5"


def test_a_lost_link_closes_the_connections(server: Sshd, connect: Connect, echo: str) -> None:
    with (
        Relay(("127.77.0.1", server.port)) as relay,
        connect(server.endpoint, relay=relay).unix_socket(echo) as local,
        call(local) as stream,
    ):
        stream.sendall(b"x")
        assert stream.recv(1) == b"x"
        relay.cut()
        assert read_all(stream) == b""


@pytest.mark.engine
@pytest.mark.parametrize("options", ["", "AllowStreamLocalForwarding no"])
def test_the_docker_engine_answers(
    start_sshd: Callable[..., Sshd], connect: Connect, engine: Path, options: str
) -> None:
    """Without forwarding of sockets, through a command that connects there."""
    box = connect(start_sshd(options=options).endpoint)
    with box.unix_socket(str(engine)) as local:
        for _ in range(2):
            with call(local) as stream:
                stream.sendall(b"GET /version HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n")
                head, _, body = read_all(stream).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200")
        assert b"ApiVersion" in body


def test_the_agent_is_there_for_those_who_may_use_it(server: Sshd, connect: Connect, tmp_path: Path) -> None:
    person_key = make_key(tmp_path / "person")
    with agent([person_key]) as person:
        box = connect(server.endpoint, agent_socket=person.socket)
        assert "SSH_AUTH_SOCK" not in box.run(["env"]).text
        assert public_half(person_key) in box.run(["ssh-add", "-L"], agent=True).text
        assert "SSH_AUTH_SOCK" not in box.run(["env"]).text
        with ThreadPoolExecutor(4) as pool:
            shown = list(pool.map(lambda _: box.run(["ssh-add", "-L"], agent=True).text, range(8)))
        assert all(public_half(person_key) in text for text in shown)


def test_without_an_agent_commands_run_all_the_same(server: Sshd, connect: Connect, tmp_path: Path) -> None:
    box = connect(server.endpoint)
    assert "SSH_AUTH_SOCK" not in box.run(["env"], agent=True).text
    gone = connect(server.endpoint, agent_socket=tmp_path / "gone")
    assert gone.run(["ssh-add", "-L"], agent=True, check=False).exit_code != 0


def test_a_private_repo_is_cloned_with_the_forwarded_agent(server: Sshd, connect: Connect, tmp_path: Path) -> None:
    """The Git server is the same sshd; only the agent has its key."""
    run_git = connect(server.endpoint).script
    run_git('git init -q "$1" && cd "$1" && git -c user.name=a -c user.email=a@b commit -q --allow-empty -m one',
            [str(tmp_path / "repo")])  # fmt: skip
    known_hosts = tmp_path / "known_hosts"
    known_hosts.write_text(f"[127.77.0.1]:{server.port} {public_half(server.host_key)}\n")
    with agent([server.identity]) as person:
        box = connect(server.endpoint, agent_socket=person.socket)
        command = f"ssh -F none -o UserKnownHostsFile={known_hosts} -o BatchMode=yes"
        url = f"ssh://root@127.77.0.1:{server.port}{tmp_path}/repo"
        clone = ["env", f"GIT_SSH_COMMAND={command}", "git", "clone", "-q", url, str(tmp_path / "clone")]
        assert box.run(clone, check=False).exit_code != 0
        assert box.run(clone, agent=True).exit_code == 0


def test_a_testbed_computer_is_driven(ready: TestComputer, connect: Connect) -> None:
    endpoint = SshEndpoint(ready.host, ready.port, ready.user, str(ready.identity_file), (ready.host_key,))
    box = connect(endpoint)
    assert isinstance(box, SshHost)
    assert box.run(["id", "-un"]).text.strip() == ready.user
    box.put(b"data", "nested/dir/file")
    assert box.get(f"/home/{ready.user}/nested/dir/file") == b"data"
    with box.unix_socket("/var/run/docker.sock") as local, call(local) as stream:
        stream.sendall(b"GET /version HTTP/1.0\r\n\r\n")
        body = read_all(stream).partition(b"\r\n\r\n")[2]
    assert json.loads(body)["Os"] == "linux"
    nap = "31536000.25"
    with pytest.raises(HostError, match="longer than"):
        box.run(["sleep", nap], timeout=0.5)
    wait_until(lambda: box.run(["pgrep", "-fx", f"sleep {nap}"], check=False).exit_code == 1, "sleep is gone", 20)
