"""A real sshd on a port of this computer, and a keeper of a connection to it in this process."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ez.env.link.client import Keeper
from ez.env.link.keeper import KeeperProcess
from ez.env.link.places import records, socket_directory
from ez.env.link.service import Keep, Line

SERVICES = {"probe": "tests.env.link.box:make_probe"}


@dataclass
class Probe:
    """A service that remembers what happened to it."""

    lines: list[Line] = field(default_factory=list)
    losses: int = 0

    def connected(self, line: Line) -> None:
        self.lines.append(line)

    def lost(self) -> None:
        self.losses += 1

    def ask(self, words: Sequence[str]) -> object:
        return {"said": list(words), "lines": len(self.lines), "losses": self.losses}


PROBES: list[Probe] = []


def make_probe(keep: Keep) -> Probe:
    PROBES.append(Probe())
    return PROBES[-1]


@dataclass
class Box:
    """`folder` is also where files of the other side go, which is this computer."""

    folder: Path
    port: int
    sshd: subprocess.Popen[bytes]
    keep: Keep

    @property
    def keeper(self) -> Keeper:
        return Keeper(self.keep.environment, self.keep.computer, self.keep.home)

    @contextmanager
    def kept(
        self, services: Mapping[str, str] = SERVICES, is_wanted: Callable[[], bool] = lambda: True
    ) -> Iterator[threading.Thread]:
        process = KeeperProcess(self.keep, is_wanted, services, pause=0.05)
        thread = threading.Thread(target=process.run)
        thread.start()
        try:
            yield thread
        finally:
            process.stop()
            thread.join(20)
            assert not thread.is_alive()

    def connect(self, times: int = 1) -> None:
        """Wait for so many connections since the keeper began."""
        until(lambda: self.state().get("connections", 0) >= times and bool(self.state()["connected"]))

    def state(self) -> dict[str, int]:
        if not self.keeper.runs():
            return {}
        found = self.keeper.ask("keeper", "show")
        assert isinstance(found, dict)
        return found

    def children(self) -> list[int]:
        """The `ssh` processes that hold connections of this box."""
        mark = str(self.keep.sockets).encode()
        lines = {int(path.parent.name): _read(path) for path in Path("/proc").glob("[0-9]*/cmdline")}
        return [pid for pid, line in lines.items() if line.startswith(b"ssh\0") and mark in line and b"-M" in line]


@contextmanager
def box(home: Path) -> Iterator[Box]:
    """`home` needs a short path, as all that holds sockets."""
    (home / ".ssh").mkdir(mode=0o700, exist_ok=True)
    for name in ("host", "key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(home / name)], check=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = [f"HostKey {home}/host", f"AuthorizedKeysFile {home}/key.pub", "StrictModes no", "UsePAM no"]
    settings += [f"Port {port}", "ListenAddress 127.0.0.1", "PidFile none", "StreamLocalBindUnlink yes"]
    (home / "sshd_config").write_text("\n".join([*settings, ""]))
    (home / "known").write_text(f"[127.0.0.1]:{port} {(home / 'host.pub').read_text()}")
    entry = ("Host e.box.ez", "HostName 127.0.0.1", f"Port {port}", f"IdentityFile {home}/key")
    (home / "config").write_text("\n".join([*entry, f"UserKnownHostsFile {home}/known", ""]))
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    sshd = subprocess.Popen(["/usr/sbin/sshd", "-D", "-f", str(home / "sshd_config"), "-E", str(home / "sshd.log")])
    state = home / "state"
    sockets, lasting = socket_directory(state, "e", "box"), records(state, "e", "box")
    ssh = ("ssh", "-F", str(home / "config"))
    keep = Keep("e", "box", "e.box.ez", sockets, lasting, state, ssh, dict(os.environ))
    try:
        until(lambda: _answers(port))
        yield Box(home, port, sshd, keep)
    finally:
        sshd.terminate()
        sshd.wait(10)


def until(happens: Callable[[], bool], timeout: float = 30.0) -> None:
    deadline = time.monotonic() + timeout
    while not happens():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
    except OSError:
        return False
    return True


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
