"""A real sshd of each test's own, started by root on a loopback address."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from ez.models import SshEndpoint
from ez.ssh.connect import open_host
from ez.ssh.host import Host
from tests.testbed.shell import greets, run, wait_until

ENVIRONMENT = {"PATH": os.environ["PATH"]}
ADDRESS = "127.77.0.1"


@dataclass(frozen=True)
class Sshd:
    """A running server that lets root in with the key `identity`; `log` is what it says."""

    port: int
    identity: Path
    host_key: Path
    log: Path
    pid: int

    @property
    def endpoint(self) -> SshEndpoint:
        return SshEndpoint(ADDRESS, self.port, "root", str(self.identity), (public_half(self.host_key),))

    def sessions(self) -> list[int]:
        """Process ids of the connections it serves."""
        done = subprocess.run(["pgrep", "-P", str(self.pid)], capture_output=True, text=True, check=False)
        return [int(word) for word in done.stdout.split()]


def make_key(path: Path, passphrase: str = "", kind: str = "ed25519") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    run("ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", "", "-f", str(path))
    return path


def public_half(key: Path) -> str:
    return " ".join(key.with_name(key.name + ".pub").read_text().split()[:2])


def free_port() -> int:
    with socket.create_server((ADDRESS, 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def sshd(folder: Path, *, name: str = "sshd", options: str = "") -> Iterator[Sshd]:
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    place = folder / name
    host_key, identity = make_key(place / "host_key"), make_key(place / "identity")
    (place / "authorized_keys").write_text(public_half(identity) + "\n")
    port, log = free_port(), place / "log"
    (place / "config").write_text(
        f"{options}\nListenAddress {ADDRESS}:{port}\nHostKey {host_key}\nPidFile none\nUsePAM no\nStrictModes no\n"
        f"AuthorizedKeysFile {place}/authorized_keys\nPermitRootLogin prohibit-password\nPasswordAuthentication no\n"
        "KbdInteractiveAuthentication no\nUseDNS no\nLogLevel VERBOSE\n"
    )
    log.touch()
    process = subprocess.Popen(["/usr/sbin/sshd", "-D", "-E", str(log), "-f", str(place / "config")])
    server = Sshd(port, identity, host_key, log, process.pid)
    try:
        wait_until(lambda: greets(ADDRESS, port), f"sshd listens: {log.read_text()}", timeout=10)
        yield server
    finally:
        for session in server.sessions():
            subprocess.run(["kill", str(session)], check=False)
        process.terminate()
        process.wait()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Sshd]:
    with sshd(tmp_path) as started:
        yield started


@pytest.fixture
def start_sshd(tmp_path: Path) -> Iterator[Callable[..., Sshd]]:
    with ExitStack() as stack:
        yield lambda **wanted: stack.enter_context(sshd(tmp_path, **wanted))


@pytest.fixture
def connect(home: Path) -> Iterator[Callable[..., Host]]:
    """Opens hosts that are closed after the test; nobody's own OpenSSH configuration takes part."""
    config = home / "ssh_config"
    config.write_text("")
    opened: list[Host] = []

    def open_one(endpoint: SshEndpoint, *, relay: Any = None, **options: Any) -> Host:
        if relay is not None:
            endpoint = replace(endpoint, host=relay.host, port=relay.port)
        settings: dict[str, Any] = {"environment": ENVIRONMENT, "home": home, "config_file": config} | options
        host = open_host("box", endpoint, **settings)
        opened.append(host)
        return host

    yield open_one
    for host in opened:
        host.close()
