"""What is true of a computer, read in one round trip by `scripts/facts.sh`."""

from __future__ import annotations

import base64
import re
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files

from ez.compute.nvidia.found import Gpu, Nvidia, read_gpus, read_nvidia
from ez.compute.reader import Reader
from ez.errors import HostError, Result
from ez.ssh.host import Host

TIMEOUT_SECONDS = 60.0

SECURE_BOOT = ("on", "off", "unknown")
"""Whether the firmware lets only signed kernels and modules run; `off` also where there is no UEFI."""

PLACES = ("machine", "container", "wsl")
"""`container` where nobody may load kernel modules, `wsl` for Linux under Windows."""

CLOUDS = (
    ("azure", "7783-7084-3265-9085-8269-3286-77"),
    ("aws", "Amazon EC2"),
    ("google", "Google"),
    ("oracle", "OracleCloud"),
    ("alibaba", "Alibaba Cloud"),
    ("digitalocean", "DigitalOcean"),
    ("hetzner", "Hetzner"),
    ("openstack", "OpenStack"),
)
"""Words of a machine's DMI table that clouds are known by; Azure's is its chassis' asset tag."""


@dataclass(frozen=True)
class OperatingSystem:
    """From os-release(5): `id` as `debian`, `like` the families it belongs to, `name` for people."""

    id: str
    like: tuple[str, ...]
    version: str
    codename: str
    name: str

    @property
    def is_debian_like(self) -> bool:
        return bool({"debian", "ubuntu"} & {self.id, *self.like})


@dataclass(frozen=True)
class Engine:
    """The Docker Engine and its client.

    `state`: `user` (the login user reaches it), `sudo` (only root does), `denied` (it runs and refuses the user, and
    root cannot be asked), `stopped`, `silent` (no answer in 15 s), `headless` (there, but no client), `absent`.
    `mirrors` are the registries that it asks before Docker Hub.
    `settings` is the text of its daemon.json, empty without one, None where it cannot be read; it may hold a proxy's
    password, and is not shown. `running` is the number of containers that run.
    `kind` of the client: `docker`, `podman` (its shim), `snap`, or empty without one. `socket` is the engine's unix
    socket there, empty when the client talks to another machine's. `store`: `containerd`, `classic`, empty if unknown.
    """

    state: str
    kind: str
    client: str
    version: str
    socket: str
    driver: str
    store: str
    root: str
    runtimes: tuple[str, ...]
    rootless: bool
    mirrors: tuple[str, ...]
    daemon: bool
    settings: str | None = field(metadata={"private": True})
    running: int = 0

    @property
    def release(self) -> tuple[int, int]:
        """Major and minor version, (0, 0) if unknown."""
        numbers = re.match(r"(\d{1,6})\.(\d{1,6})", self.version, re.ASCII)
        return (int(numbers[1]), int(numbers[2])) if numbers else (0, 0)


@dataclass(frozen=True)
class Buildkit:
    """A standalone buildkitd, empty where there is none.

    `host` is what the login user's `BUILDKIT_HOST` says; `socket` is the address of one that listens where it does by
    itself, at a unix socket that this user may use.
    """

    host: str
    socket: str

    @property
    def is_there(self) -> bool:
        return bool(self.host or self.socket)


@dataclass(frozen=True)
class Disk:
    """Free bytes for an ordinary user: `images` where the engine keeps images, `packages` under /var/cache."""

    root: int
    home: int
    images: int
    packages: int


@dataclass(frozen=True)
class Packages:
    """`held`: another program has the package manager's locks; `interrupted`: an installation was cut off."""

    manager: str
    held: bool
    interrupted: bool


@dataclass(frozen=True)
class Facts:
    """All of it. Sizes in bytes; `clock_skew` in seconds, positive when the computer's clock is ahead.

    `kernel` is the one that runs, `kernel_newest` the newest of its kind that is installed, empty where that is not
    known; `kernel_headers`: modules can be built for it. `secure_boot`, `place` and `cloud` as in their constants.
    `sudo`: `root`, `passwordless`, `password`, `none`, or `unasked` where nothing needed it. `switches` is the number
    of NVIDIA's bridges between cards. `preparing`: an ez is at work there right now; `unfinished`: one waits for the
    next boot, or was cut off. `watchdog` is what the idle watchdog was told, empty without one. `proxy`: the machine
    has one of its own. `extra` is the caller's own part.
    """

    computer: str
    os: OperatingSystem
    kernel: str
    kernel_newest: str
    kernel_headers: bool
    secure_boot: str
    cloud: str
    place: str
    arch: str
    boot_id: str
    init: str
    user: str
    uid: int
    gid: int
    groups: tuple[str, ...]
    home: str
    sudo: str
    engine: Engine
    buildkit: Buildkit
    git: str
    gpus: tuple[Gpu, ...]
    switches: int
    nvidia: Nvidia
    disk: Disk
    memory: int
    memory_available: int
    cpus: int
    packages: Packages
    cloud_init: str
    preparing: bool
    unfinished: bool
    reboot_required: bool
    watchdog: str
    proxy: bool
    clock_skew: float
    extra: str = ""
    extra_status: int = 0


def facts(host: Host, extra: str = "", extra_args: Sequence[str] = ()) -> Facts:
    """Read the facts of `host` in one round trip.

    `extra` is POSIX shell that runs beside it with `$1...` = `extra_args`; its stdout and exit code come back in
    `Facts.extra` and `Facts.extra_status`. Raises HostError when the reply is not what the script prints.
    """
    word = f"ez-{secrets.token_hex(8)}"
    before = time.time()
    result = host.script(_program(extra), (word, *extra_args), timeout=TIMEOUT_SECONDS)
    now = (before + time.time()) / 2
    return parse(host.name, _lines(result, word), now, *_extra(result, word))


def parse(computer: str, values: Mapping[str, str], now: float, extra: str = "", extra_status: int = 0) -> Facts:
    """Facts from the script's keys and values. Raises HostError for one that is missing or no value of its kind."""
    reader = Reader(computer, values)
    engine = _engine(reader)
    disk = Disk(
        root=reader.number("disk.root"),
        home=reader.number("disk.home"),
        images=_image_space(reader, engine),
        packages=reader.number("disk.packages"),
    )
    return Facts(
        computer=computer,
        os=OperatingSystem(
            id=reader.text("os.id"),
            like=reader.words("os.like"),
            version=reader.text("os.version"),
            codename=reader.text("os.codename"),
            name=reader.text("os.name"),
        ),
        kernel=reader.text("kernel"),
        kernel_newest=reader.text("kernel.newest"),
        kernel_headers=reader.flag("kernel.headers"),
        secure_boot=reader.one_of("secure_boot", *SECURE_BOOT),
        cloud=_cloud(reader.text("machine")),
        place=reader.one_of("place", *PLACES),
        arch=reader.text("arch"),
        boot_id=reader.text("boot"),
        init=reader.one_of("init", "systemd", "openrc", "other"),
        user=reader.text("user"),
        uid=reader.number("uid"),
        gid=reader.number("gid"),
        groups=reader.words("groups"),
        home=reader.text("home"),
        sudo=reader.one_of("sudo", "root", "passwordless", "password", "none", "unasked"),
        engine=engine,
        buildkit=Buildkit(reader.text("buildkit.host"), reader.text("buildkit.socket")),
        git=reader.text("git"),
        gpus=read_gpus(reader),
        switches=reader.number("switches"),
        nvidia=read_nvidia(reader),
        disk=disk,
        memory=reader.number("memory.total"),
        memory_available=reader.number("memory.available"),
        cpus=reader.number("cpus"),
        packages=Packages(
            manager=reader.text("packages.manager"),
            held=reader.flag("packages.held"),
            interrupted=reader.flag("packages.interrupted"),
        ),
        cloud_init=reader.one_of("cloud_init", "absent", "running", "done"),
        preparing=reader.flag("preparing"),
        unfinished=reader.flag("unfinished"),
        reboot_required=reader.flag("reboot"),
        watchdog=reader.text("watchdog"),
        proxy=reader.flag("proxy"),
        clock_skew=reader.number("time") - now,
        extra=extra,
        extra_status=extra_status,
    )


def _program(extra: str) -> str:
    """The caller's part runs while the facts are read, and is printed when all of them are there."""
    script = files("ez.compute").joinpath("scripts", "facts.sh").read_text("utf-8")
    if not extra:
        return f'{script}\nwait\nprintf "%s end 0\\n" "$ez_word"\n'
    return (
        f"{script}\nez_extra=$(\n{extra}\n)\nez_status=$?\nwait\n"
        'printf "%s extra\\n%s\\n%s end %s\\n" "$ez_word" "$ez_extra" "$ez_word" "$ez_status"\n'
    )


def _lines(result: Result, word: str) -> dict[str, str]:
    values = {}
    for line in result.text.split("\n"):
        start, _, rest = line.partition(" ")
        key, equals, value = rest.partition("=")
        if start == word and equals:
            values[key] = value.strip()
    return values


def _extra(result: Result, word: str) -> tuple[str, int]:
    ended = re.search(rf"^{word} end (\d+)$", result.text, re.MULTILINE)
    if ended is None:
        raise HostError(f"facts of `{result.host}` cannot be read: the reply ends early", f"ez doctor {result.host}")
    _, started, extra = result.text[: ended.start()].partition(f"{word} extra\n")
    return (extra if started else ""), int(ended[1])


def _engine(reader: Reader) -> Engine:
    fields = (reader.text("docker.info").split("|") + [""] * 8)[:8]
    version, driver, root, status, runtimes, security, mirrors, running = fields
    client = reader.text("docker.client")
    address = reader.text("docker.host") or "unix:///var/run/docker.sock"
    return Engine(
        state=reader.one_of("docker.engine", "user", "sudo", "denied", "stopped", "silent", "headless", "absent"),
        kind=_client_kind(client, reader.text("docker.path")),
        client=(re.search(r"\d+\.\d+[^\s,]*", client) or [""])[0],
        version=version,
        socket=address.removeprefix("unix://") if address.startswith("unix://") else "",
        driver=driver,
        store="" if not driver else "containerd" if "io.containerd.snapshotter" in status else "classic",
        root=root,
        runtimes=tuple(runtimes.split()),
        rootless="rootless" in security,
        mirrors=tuple(mirrors.split()),
        daemon=reader.flag("docker.daemon"),
        settings=_decoded(reader.text("docker.config")),
        running=int(running) if re.fullmatch(r"\d{1,6}", running, re.ASCII) else 0,
    )


def _cloud(machine: str) -> str:
    return next((name for name, word in CLOUDS if word in machine), "")


def _decoded(text: str) -> str | None:
    try:
        return base64.b64decode(text, validate=True).decode()
    except ValueError:
        return None


def _client_kind(version: str, path: str) -> str:
    if "podman" in version.lower():
        return "podman"
    if path.startswith(("/snap/", "/var/lib/snapd/")) or path == "/usr/bin/snap":
        return "snap"
    return "docker" if version else ""


def _image_space(reader: Reader, engine: Engine) -> int:
    """The containerd image store keeps images and unpacked layers beside the engine's own directory."""
    own, containerd = reader.number("disk.docker"), reader.number("disk.containerd")
    return min(own, containerd) if engine.store == "containerd" else own
