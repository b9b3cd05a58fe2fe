"""Computers: containers that boot systemd and sshd, made fresh and thrown away."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from .archive import Entry, pack
from .boot import BOOT_COMMAND, boot_files, boot_id, machine_flags, wait_for_boot
from .docker import bridge_mtu, docker, inspect, labels
from .hardware import FAULTS, Hardware
from .keys import ensure_key, known_hosts_lines, public_half
from .registry import Registry
from .shell import TestbedError, run
from .variants import Variant, engine_settings
from .world import COMPUTER_NUMBERS, World

USER = "dev"
PASSWORD = "ez-testbed"


@dataclass(frozen=True)
class TestComputer:
    """A computer that runs: `ssh -i identity_file -p port user@host` with `known_hosts` gets in."""

    __test__: ClassVar[bool] = False

    world: World
    variant: str
    number: int
    container: str
    """The container's full id on the host's engine."""
    host: str
    """Loopback address on the host: 127.77.<index>.<number>."""
    address: str
    """Address on the testbed's bridge: from the host, other computers, and containers inside them."""
    host_key: str
    """Its public host key: `ssh-ed25519 AAAA...`."""
    identity_file: Path
    known_hosts: Path
    port: int = 22
    user: str = USER
    password: str = PASSWORD
    """What its sudo asks for, in variant `nosudo` (sshd takes it too)."""

    @property
    def name(self) -> str:
        return _container_name(self.world, self.number)

    def ssh_command(self, *remote: str) -> list[str]:
        """An OpenSSH command line that depends on nobody's own configuration."""
        return [
            "ssh", "-F", "none", "-i", str(self.identity_file), "-p", str(self.port),
            "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes",
            "-o", f"UserKnownHostsFile={self.known_hosts}", "-o", "GlobalKnownHostsFile=none",
            f"{self.user}@{self.host}", *remote,
        ]  # fmt: skip

    def ssh(self, remote: str, *, timeout: float = 120, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a shell command as the user, over SSH."""
        return run(*self.ssh_command("--", remote), timeout=timeout, check=check)

    def exec(
        self, script: str, *, stdin: bytes | str | None = None, timeout: float = 120, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run a shell script as root, past SSH: for assertions and faults."""
        return docker("exec", "-i", self.container, "sh", "-c", script, stdin=stdin, timeout=timeout, check=check)

    def write(self, *entries: Entry) -> None:
        """Put files there; paths are relative to /."""
        self.exec("tar -x -p --numeric-owner -C /", stdin=pack(entries))

    def stop(self) -> None:
        """Switch it off as a power cut would; what is on its disk stays."""
        docker("kill", self.container, check=False)

    def start(self) -> None:
        """Switch it on again; returns when it can be logged into."""
        docker("start", self.container)
        wait_for_boot(self.container, self.host, self.port)

    @property
    def boot_id(self) -> str:
        """What its kernel calls this boot; empty while it is off or starts."""
        return boot_id(self.container)

    @property
    def runs(self) -> bool:
        """Whether it is switched on."""
        found = inspect("container", self.container)
        return found is not None and bool(found["State"]["Running"])

    def reboot(self) -> None:
        """Restart it in good order, as `sudo reboot` does; returns when it can be logged into again."""
        before = self.boot_id
        self.exec("systemctl reboot", check=False)
        self.wait_for_reboot(before)

    def wait_for_reboot(self, before: str) -> None:
        """Return when it can be logged into in another boot than `before`; TestbedError after a minute."""
        wait_for_boot(self.container, self.host, self.port, before)

    def fault(self, name: str, *, mended: bool = False) -> None:
        """Let something go wrong there from now on, or no longer: one of `hardware.FAULTS`."""
        if name not in FAULTS:
            raise ValueError(f"no such fault: {name}")
        self.exec(f"rm -f /var/lib/testbed/faults/{name}" if mended else f"touch /var/lib/testbed/faults/{name}")

    def destroy(self) -> None:
        """Remove it with its disks; already gone is fine."""
        docker("rm", "--force", "--volumes", self.container, check=False)
        shutil.rmtree(self.known_hosts.parent, ignore_errors=True)


def create(
    world: World,
    variant: Variant,
    *,
    number: int | None = None,
    engine_configured: bool = True,
    home_size: str | None = None,
    engine_size: str | None = None,
    hardware: Hardware | None = None,
    disk: Sequence[Entry] | None = None,
    reserved: bool = False,
) -> TestComputer:
    """Make a computer and return it when it can be logged into.

    `engine_configured`: give it the /etc/docker/daemon.json that names the testbed's registry, also where no engine
    is installed yet. `home_size`, `engine_size` (such as `64m`): small disks for /home/dev and /var/lib/docker.
    `hardware`: what a `gpu` computer is made of, instead of the variant's own. `disk`: what is on its disk, and makes
    its users, keys and host keys as it boots, instead of the testbed's own. `reserved`: the number is from `reserve`.
    Raises TestbedError when it does not boot within a minute.
    """
    if reserved and number is not None:
        release(world, number)
    number, folder = _take_number(world, number)
    try:
        host_key = ensure_key(folder / "host_key", "")
        container = docker(
            "create", "--name", _container_name(world, number), "--hostname", f"{variant.name}-{number}",
            *labels(world, "computer"), "--label", f"ez.testbed.variant={variant.name}",
            "--network", world.name, "--ip", world.address(number), "--publish", f"{world.loopback(number)}:22:22",
            *machine_flags(), *_disks(world, home_size, engine_size), world.image(variant.image), BOOT_COMMAND,
        ).stdout.strip()  # fmt: skip
        files = _engine_files(world, variant, engine_configured, container)
        files += _login_files(variant, host_key) if disk is None else disk
        machine = hardware or variant.hardware
        files += [*boot_files(), *(machine.files() if machine else ())]
        docker("cp", "-", f"{container}:/", stdin=pack(files))
        computer = _describe(world, variant.name, number, container, folder)
        docker("start", container)
        if disk is None:
            computer.write(*_home_files(public_half(computer.identity_file)))
        wait_for_boot(container, computer.host, computer.port)
    except BaseException:
        docker("rm", "--force", "--volumes", _container_name(world, number), check=False)
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return computer


def reserve(world: World) -> int:
    """A number, and with it an address, that no other computer gets until `release`."""
    return _take_number(world, None)[0]


def release(world: World, number: int) -> None:
    """Nothing is done while a computer has it."""
    with suppress(OSError):
        _folder(world, number).rmdir()


def existing(world: World) -> list[TestComputer]:
    """The computers of this world that run now."""
    rows = docker(
        "ps", "--no-trunc", "--filter", f"label={world.label}", "--filter", "label=ez.testbed.role=computer",
        "--format", '{{.ID}} {{.Names}} {{.Label "ez.testbed.variant"}}',
    ).stdout.splitlines()  # fmt: skip
    found = []
    for container, name, variant in (row.split() for row in rows):
        number = int(name.rpartition("-")[2])
        if (_folder(world, number) / "known_hosts").exists():
            found.append(_describe(world, variant, number, container, _folder(world, number)))
    return sorted(found, key=lambda computer: computer.number)


def _describe(world: World, variant: str, number: int, container: str, folder: Path) -> TestComputer:
    host_key = public_half(folder / "host_key")
    hosts = [world.loopback(number), world.address(number)]
    known_hosts = folder / "known_hosts"
    known_hosts.write_text(known_hosts_lines(hosts, host_key))
    return TestComputer(
        world=world,
        variant=variant,
        number=number,
        container=container,
        host=world.loopback(number),
        address=world.address(number),
        host_key=host_key,
        identity_file=world.state / "keys" / "client",
        known_hosts=known_hosts,
    )


def _take_number(world: World, wanted: int | None) -> tuple[int, Path]:
    """Making the folder takes the number, so that concurrent test runs never get the same."""
    for number in COMPUTER_NUMBERS if wanted is None else [wanted]:
        folder = _folder(world, number)
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            folder.mkdir(mode=0o700)
        except FileExistsError:
            continue
        return number, folder
    raise TestbedError(
        f"no free computer number{'' if wanted is None else f': {wanted}'}; `scripts/testbed down` frees them"
    )


def _folder(world: World, number: int) -> Path:
    return world.state / "computers" / str(number)


def _container_name(world: World, number: int) -> str:
    return f"{world.name}-computer-{number}"


def _disks(world: World, home_size: str | None, engine_size: str | None) -> list[str]:
    """Volumes under the engine's stores, since overlayfs cannot stand on overlayfs."""
    volume = f"type=volume,volume-label=ez.testbed=1,volume-label={world.label}"
    engine = f"type=tmpfs,tmpfs-size={engine_size}" if engine_size else volume
    disks = [f"--mount={engine},dst=/var/lib/docker", f"--mount={engine},dst=/var/lib/containerd"]
    return [*disks, f"--tmpfs=/home/{USER}:exec,size={home_size},uid=1000,gid=1000"] if home_size else disks


def _login_files(variant: Variant, host_key: Path) -> list[Entry]:
    return [
        Entry("etc/ssh/ssh_host_ed25519_key", host_key.read_bytes(), 0o600),
        Entry("etc/ssh/ssh_host_ed25519_key.pub", public_half(host_key) + "\n"),
        Entry("etc/sudoers.d/dev", f"{USER} ALL=(ALL) {'NOPASSWD: ' if variant.free_sudo else ''}ALL\n", 0o440),
    ]


def _engine_files(world: World, variant: Variant, engine_configured: bool, container: str) -> list[Entry]:
    if not engine_configured and not variant.engine:
        return []
    settings = engine_settings(variant, Registry(world).address, container, bridge_mtu())
    return [Entry("etc/docker", None, 0o755), Entry("etc/docker/daemon.json", json.dumps(settings, indent=2) + "\n")]


def _home_files(authorized_key: str) -> list[Entry]:
    return [
        Entry(f"home/{USER}/.ssh", None, 0o700, 1000),
        Entry(f"home/{USER}/.ssh/authorized_keys", authorized_key + "\n", 0o600, 1000),
    ]
