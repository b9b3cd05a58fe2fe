"""The link drops: everybody who waits is told, soon, and the host can be reached again."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from paramiko.packet import Packetizer

from ez.errors import HostUnreachableError, LinkLostError, Result
from ez.ssh.host import Host
from ez.ssh.wire import dial_through
from tests.ssh.conftest import Sshd
from tests.testbed import Relay
from tests.testbed.shell import wait_until

Connect = Callable[..., Host]


@pytest.fixture
def relay(server: Sshd) -> Iterator[Relay]:
    with Relay(("127.77.0.1", server.port)) as relay:
        yield relay


def busy(pool: ThreadPoolExecutor, host: Host, script: str, **options: Any) -> Future[Result]:
    """A command that is known to run."""
    lines: list[str] = []
    work = pool.submit(lambda: host.script(f"echo up; {script}", on_line=lines.append, **options))
    wait_until(lambda: bool(lines), "the command runs")
    return work


def test_a_killed_session_is_a_lost_link(server: Sshd, connect: Connect) -> None:
    box = connect(server.endpoint)
    with ThreadPoolExecutor() as pool:
        waiting = [busy(pool, box, "sleep 100") for _ in range(3)]
        for session in server.sessions():
            os.kill(session, signal.SIGKILL)
        for work in waiting:
            with pytest.raises(LinkLostError, match="connection lost: `box`"):
                work.result(timeout=20)
    with pytest.raises(LinkLostError):
        box.run(["true"])
    box.reconnect()
    assert box.run(["echo", "back"]).text == "back\n"


def test_a_cut_link_is_noticed_at_once(server: Sshd, connect: Connect, relay: Relay) -> None:
    box = connect(server.endpoint, relay=relay)
    with ThreadPoolExecutor() as pool:
        work = busy(pool, box, "sleep 100")
        started = time.monotonic()
        relay.cut()
        with pytest.raises(LinkLostError):
            work.result(timeout=20)
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("upload", [False, True])
def test_a_silent_link_is_given_up(
    server: Sshd, connect: Connect, relay: Relay, monkeypatch: pytest.MonkeyPatch, upload: bool
) -> None:
    monkeypatch.setattr("ez.ssh.wire.SILENCE", 1.0)
    monkeypatch.setattr("ez.ssh.link.PING", 0.3)
    box = connect(server.endpoint, relay=relay)
    endless = {"input": iter(lambda: b"x" * 65536, b"")} if upload else {}
    with ThreadPoolExecutor() as pool:
        work = busy(pool, box, "cat > /dev/null; sleep 100", **endless)
        relay.hang()
        with pytest.raises(LinkLostError, match="no sign of life"):
            work.result(timeout=20)
        relay.restore()


def test_a_quiet_command_is_not_a_silent_link(server: Sshd, connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ez.ssh.wire.SILENCE", 0.6)
    monkeypatch.setattr("ez.ssh.link.PING", 0.1)
    box = connect(server.endpoint)
    assert box.run(["sleep", "1.5"]).exit_code == 0


def test_a_link_lost_in_the_login_is_an_unreachable_computer(server: Sshd, connect: Connect, relay: Relay) -> None:
    relay.cut_after(2000)
    with pytest.raises(HostUnreachableError):
        connect(server.endpoint, relay=relay)


def test_commands_that_end_while_keys_are_exchanged_anew(
    server: Sshd, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As they do each half gigabyte: a channel's end is answered by the thread that exchanges the keys."""
    monkeypatch.setattr(Packetizer, "REKEY_BYTES", 200_000)
    box = connect(server.endpoint)
    for _ in range(40):
        assert len(box.run(["head", "-c", "150000", "/dev/zero"], timeout=20).stdout) == 150_000


def test_a_proxy_is_closed_by_everybody_at_once() -> None:
    """By who is done with it, and by the transport's thread that sees its end."""
    with ThreadPoolExecutor() as pool:
        for _ in range(20):
            wire = dial_through(["sh", "-c", "echo gone >&2; cat"], {"PATH": os.environ["PATH"]})
            closing = [pool.submit(wire.close) for _ in range(4)]
            for one in closing:
                one.result()
