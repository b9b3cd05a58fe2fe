"""Shares that the kernel of a computer mounts, NFS and SMB, with a kernel that has both and real servers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from ez.env.shares.model import Share, parse_share
from ez.env.shares.mounting import conf_of, rclone_of
from ez.env.shares.programs import program
from tests.integration.file_servers import SMB_PASSWORD, SMB_USER, Server, nfs_server, samba
from tests.testbed import world as testbed_world
from tests.testbed.kernel import KernelComputer

pytestmark = pytest.mark.testbed
PLACE = "/var/lib/ez/shares/demo"

UNIT = """\
mkdir -p {place}/{name} /usr/local/lib/ez
while [ -f /etc/ez/shares/demo.{name}.conf ]; do
    sh /usr/local/lib/ez/share run demo.{name}
    sh /usr/local/lib/ez/share clear demo.{name}
    sleep 0.5
done >/run/{name}.log 2>&1 &
"""
"""What systemd does with the unit of a share, which this computer has not."""


@dataclass(frozen=True)
class World:
    kernel: KernelComputer
    servers: dict[str, Server]

    def begin(self, share: Share) -> None:
        files = {
            "/usr/local/lib/ez/share": program("share"),
            f"/etc/ez/shares/demo.{share.name}.conf": conf_of(share, (1000, 1001)).replace("=60\n", "=1\n"),
            f"/etc/ez/shares/demo.{share.name}.rclone": rclone_of(share),
            f"/etc/ez/credentials/{share.credential}": f"user={SMB_USER}\nsecret={SMB_PASSWORD}\n",
        }
        writes = [f"mkdir -p $(dirname {path})\ncat >{path} <<'END'\n{text}END\n" for path, text in files.items()]
        self.kernel.run("".join(writes) + UNIT.format(place=PLACE, name=share.name))
        self.until(share.name, "up")

    def state(self, name: str) -> tuple[str, str]:
        state, _, why = (
            *self.kernel.run(f"cat /run/ez/shares/demo.{name}/state || echo wait 0").splitlines()[-1].split(" ", 2),
            "",
        )[:3]
        return state, why

    def until(self, name: str, state: str, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while self.state(name)[0] != state:
            assert time.monotonic() < deadline, self.state(name)[1] + self.kernel.run(f"cat /run/{name}.log; dmesg")
            time.sleep(0.2)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with ExitStack() as stack:
        home = Path(stack.enter_context(TemporaryDirectory(prefix="ez-kernel-")))
        (home / "host").mkdir()
        kernel = stack.enter_context(KernelComputer(testbed_world.World.from_environment(), home / "host"))
        servers = {"nfs": nfs_server(home / "nfs", kernel.gateway), "smb": samba(home / "smb", kernel.gateway)}
        for server in servers.values():
            server.start()
            stack.callback(server.stop)
        # An rclone from before it spoke SMB.
        kernel.run("printf '#!/bin/sh\\necho s3\\n' >/usr/local/bin/rclone; chmod 755 /usr/local/bin/rclone")
        made = World(kernel, servers)
        for kind, server in servers.items():
            made.begin(parse_share(kind, f"{kind}://{server.host}:{server.port}/team:/{kind}"))
        yield made


@pytest.mark.parametrize("kind", ["nfs", "smb"])
def test_files_go_both_ways(world: World, kind: str) -> None:
    folder = world.servers[kind].folder
    (folder / "there").write_text("there")
    # SMB has no name for a line break.
    (folder / {"nfs": "an odd\nname ünd ' more", "smb": "an odd name ünd ' more"}[kind]).write_text("odd")
    said = world.kernel.run(f"cd {PLACE}/{kind} && echo here >here && cat there an* && df . | tail -n 1")
    assert said.startswith("thereodd")
    assert "/team" in said
    assert (folder / "here").read_text() == "here\n"
    mounted = world.kernel.run(f"grep {PLACE}/{kind} /proc/mounts").split()
    assert mounted[2] == {"nfs": "nfs4", "smb": "cifs"}[kind]
    assert {"nosuid", "nodev", "soft"} <= set(mounted[3].split(","))
    assert SMB_PASSWORD not in world.kernel.run(
        "ps -eo args; cat /proc/mounts /run/*.log /run/ez/shares/*/state; dmesg"
    )


def test_a_cable_that_is_pulled_out(world: World) -> None:
    """Whoever looks is told, the paths are empty soon, and the files are back when the cable is."""
    kinds = tuple(world.servers)
    world.kernel.run("ip link set vec0 down")
    began = time.monotonic()
    said = world.kernel.run(f"set -- demo {' '.join(kinds)}\n{program('status')}")
    assert sorted(line.split()[1:3] for line in said.splitlines()) == [["nfs", "down"], ["smb", "down"]]
    assert time.monotonic() - began < 10
    for kind in kinds:
        world.until(kind, "down")
        assert "answer" in world.state(kind)[1]
        assert world.kernel.run(f"timeout 2 ls -A {PLACE}/{kind}") == ""
    world.kernel.run("ip link set vec0 up")
    for kind in kinds:
        world.until(kind, "up")
        assert world.kernel.run(f"cat {PLACE}/{kind}/there") == "there"


def test_a_kernel_without_it(world: World) -> None:
    """It is the kernel that is told of, whatever programs are there."""
    script = program("share").replace("/proc/filesystems", "/etc/hostname")
    world.kernel.run(f"cat >/run/share <<'END'\n{script}END\nmkdir {PLACE}/other")
    world.kernel.run("cd /etc/ez/shares; cp demo.nfs.conf demo.other.conf; sh /run/share run demo.other", code=1)
    assert world.state("other") == ("down", "the kernel of this computer has no nfs")
