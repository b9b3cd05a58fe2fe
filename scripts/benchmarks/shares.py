"""A folder of the laptop on a computer: one large file, beside sshfs as people join it by hand and scp.

All of them go over OpenSSH to the same sshd on this machine. By hand means sshfs on the computer, in its passive mode,
and OpenSSH's own sftp-server here, with their pipes crossed. The file has 200 MB, random bytes where it is read.
"""

from __future__ import annotations

import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from ez.env.shares.jail import Jail
from ez.env.shares.sftp import Server
from scripts.benchmarks._measure import Row, headline, interleaved, table, timed
from tests.testbed import Testbed, TestComputer

SIZE = 200_000_000
ROUNDS = 3
SFTP_SERVER = "/usr/lib/openssh/sftp-server"
PLACE = "/home/dev/share"
_OPTIONS = "passive,allow_other,dcache_timeout=3,max_read=131072"


@dataclass(frozen=True)
class World:
    computer: TestComputer
    folder: Path

    def file(self) -> None:
        """Another one each time, which no cache knows."""
        (self.folder / "in").write_bytes(os.urandom(SIZE))

    def read(self) -> float:
        return timed(lambda: self.computer.ssh(f"cat {PLACE}/in >/dev/null"))

    def write(self) -> float:
        return timed(
            lambda: self.computer.ssh(f"dd if=/dev/zero of={PLACE}/out bs=1M count=190 conv=fsync 2>/dev/null")
        )

    def copy(self, *, back: bool) -> float:
        remote, plain = f"{self.computer.user}@{self.computer.host}", self.computer.ssh_command()
        options = ["-P" if word == "-p" else word for word in plain[1:-1]]
        here = str(self.folder / "in")
        pair = [f"{remote}:/home/dev/copied", f"{here}.back"] if back else [here, f"{remote}:/home/dev/copied"]
        return timed(lambda: subprocess.run(["scp", "-q", *options, *pair], check=True))


@contextmanager
def by_ez(world: World) -> Iterator[None]:
    near, far = socket.socketpair()
    jail = Jail(str(world.folder))
    serving = threading.Thread(target=lambda: Server(jail).serve(near), daemon=True)
    serving.start()
    with _mounted(world, "/", far):
        yield
    jail.close()


@contextmanager
def by_hand(world: World) -> Iterator[None]:
    near, far = socket.socketpair()
    server = subprocess.Popen([SFTP_SERVER], stdin=near.fileno(), stdout=near.fileno())
    near.close()
    with _mounted(world, str(world.folder), far):
        yield
    server.kill()
    server.wait()


@contextmanager
def _mounted(world: World, folder: str, end: socket.socket) -> Iterator[None]:
    command = world.computer.ssh_command(
        "--", f"mkdir -p {PLACE} && exec sudo -n sshfs ez:{folder} {PLACE} -f -o {_OPTIONS}"
    )
    sshfs = subprocess.Popen(command, stdin=end.fileno(), stdout=end.fileno())
    end.close()
    while world.computer.ssh(f"mountpoint -q {PLACE}", check=False).returncode:
        if sshfs.poll() is not None:
            raise SystemExit("error: sshfs did not mount it")
        time.sleep(0.1)
    try:
        yield
    finally:
        world.computer.ssh(f"sudo -n umount {PLACE}")
        sshfs.wait()


def main() -> None:
    testbed = Testbed.up()
    with testbed.lend("ready") as computer, TemporaryDirectory(dir="/var/tmp") as folder:
        computer.exec("apt-get update -q >/dev/null && apt-get install -y -q sshfs >/dev/null", timeout=300)
        world = World(computer, Path(folder))
        headline("shares: a folder of the laptop on a computer")
        table(_rows(world), ("what", "read there", "written there"))


def _rows(world: World) -> list[Row]:
    def through(way: Callable[[World], AbstractContextManager[None]], work: Callable[[], float]) -> Callable[[], float]:
        def measure() -> float:
            world.file()
            with way(world):
                return work()

        return measure

    ways = {"ez": by_ez, "sshfs by hand": by_hand}
    found = interleaved(
        ROUNDS,
        {
            **{f"{name} read": through(way, world.read) for name, way in ways.items()},
            **{f"{name} write": through(way, world.write) for name, way in ways.items()},
            "scp read": lambda: world.copy(back=False),
            "scp write": lambda: world.copy(back=True),
        },
    )

    def speed(name: str) -> str:
        return f"{SIZE / 1e6 / found[name].median:.0f} MB/s"

    return [(name, speed(f"{name} read"), speed(f"{name} write")) for name in (*ways, "scp")]


if __name__ == "__main__":
    main()
