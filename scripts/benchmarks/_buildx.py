"""The peer: `docker buildx`, taken from Debian 13's package and kept beside the testbed's other downloads."""

from __future__ import annotations

from pathlib import Path

from tests.testbed.docker import docker
from tests.testbed.testbed import Testbed
from tests.testbed.world import World

_UNPACKED = "usr/libexec/docker/cli-plugins/docker-buildx"
_FETCH = f"""
set -e
cd "$(mktemp -d)"
apt-get update -qq
apt-get download -qq docker-buildx
dpkg-deb --fsys-tarfile docker-buildx_*.deb | tar -x --to-stdout ./{_UNPACKED} >/out/docker-buildx.part
chmod 755 /out/docker-buildx.part
mv /out/docker-buildx.part /out/docker-buildx
"""


def buildx() -> Path:
    """A program that understands `docker-buildx build ...` and takes its engine from DOCKER_HOST."""
    Testbed.up()
    world = World.from_environment()
    program = world.cache / "docker-buildx"
    if not program.exists():
        image = world.image("computer:trixie")
        docker("run", "--rm", "--volume", f"{world.cache}:/out", image, "sh", "-c", _FETCH, timeout=300)
    return program
