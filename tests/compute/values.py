"""Facts as a computer tells them: Debian 12 with a user who has sudo, and nothing else."""

from ez.compute.facts import Facts, parse

NOW = 1_800_000_000.0
BARE = {
    "os.id": "debian",
    "os.like": "",
    "os.version": "12",
    "os.codename": "bookworm",
    "os.name": "Debian GNU/Linux 12 (bookworm)",
    "kernel": "6.1.0-37-cloud-amd64",
    "arch": "x86_64",
    "boot": "3b06e4a5-0b5c-4a5b-9b39-0f0f0a7d2a11",
    "init": "systemd",
    "time": str(int(NOW)),
    "user": "dev",
    "uid": "1000",
    "gid": "1000",
    "groups": "dev",
    "home": "/home/dev",
    "sudo": "passwordless",
    "reboot": "no",
    "cpus": "4",
    "memory.total": "16000000000",
    "memory.available": "15000000000",
    "disk.root": "50000000000",
    "disk.home": "50000000000",
    "disk.packages": "50000000000",
    "disk.docker": "50000000000",
    "disk.containerd": "40000000000",
    "packages.manager": "apt-get",
    "packages.held": "no",
    "packages.interrupted": "no",
    "cloud_init": "absent",
    "preparing": "no",
    "git": "",
    "gpus": "",
    "nvidia.driver": "",
    "nvidia.toolkit": "no",
    "nvidia.cdi": "no",
    "docker.daemon": "no",
    "docker.client": "",
    "docker.path": "",
    "docker.host": "",
    "docker.info": "",
    "docker.engine": "absent",
    "docker.config": "",
    "buildkit.host": "",
    "buildkit.socket": "",
}


def told(**changed: str) -> Facts:
    """Facts of `box` with some values changed; `__` stands for the dot of a key."""
    return parse("box", BARE | {key.replace("__", "."): value for key, value in changed.items()}, NOW)
