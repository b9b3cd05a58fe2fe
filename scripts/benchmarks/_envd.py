"""The peer: `envd` from PyPI on the same engine, also in a network without GitHub's registry and Docker Hub.

envd builds from images of its own. Those that cannot be pulled are replaced by stand-ins made from the testbed's base
image, which hold a program of each wanted name: what envd does with BuildKit and the engine stays the same, the
programs inside the environment do nothing. All of it is removed after the block, the virtual environment is kept.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scripts.benchmarks._person import REPOSITORY, Person
from tests.testbed import Registry
from tests.testbed.archive import Entry, pack

VERSION = "1.3.6"
_PLACE = REPOSITORY / ".testbed" / f"envd-{VERSION}"
_STAND_IN = "ez-bench/stand-in"
_IMAGES = (
    "ghcr.io/curl/curl-container/curl-multi:8.17.0",
    "ghcr.io/mamba-org/micromamba:2.3.3-debian12-slim",
    f"ghcr.io/tensorchord/envd-sshd-from-scratch:v{VERSION}",
    "ghcr.io/federicoponzi/horust:0.1.11",
)
_IDLE = "#!/bin/sh\nexec sleep infinity\n"
_NOTHING = "#!/bin/sh\nexit 0\n"
_UNPACK = """#!/bin/sh
# In the place of a download: a program of each name that could be wanted from it.
for name in starship fish uv uvx pixi; do
    printf '#!/bin/sh\\nexit 0\\n' >"/tmp/$name" && chmod 755 "/tmp/$name" || exit 1
done
"""
_MAKE_PYTHON = """#!/bin/sh
# micromamba create -p PREFIX ...: the distribution's Python in the place of conda's.
set -e
[ "$1" = create ] || exit 0
while [ "$1" != -p ]; do shift; done
apt-get update -qq && apt-get install -y -qq --no-install-recommends python3 python3-venv
python3 -m venv --copies "$2.venv" && mkdir -p "$2/bin"
for name in python python3 pip pip3; do
    printf '#!/bin/sh\\nexec "%s" "$@"\\n' "$2.venv/bin/$name" >"$2/bin/$name" && chmod 755 "$2/bin/$name"
done
"""
_PROGRAMS = {
    "usr/bin/wget": _NOTHING,
    "usr/local/bin/tar": _UNPACK,
    "usr/bin/micromamba": _MAKE_PYTHON,
    "usr/bin/envd-sshd": _IDLE,
    "usr/sbin/horust": _IDLE,
}


@dataclass(frozen=True)
class Envd:
    """The `envd` command of `person`. `stand_ins` are the images that could not be had."""

    person: Person
    command: str
    stand_ins: tuple[str, ...]

    def __call__(self, *arguments: str, directory: Path) -> float:
        """Seconds of one command line."""
        return self.person.seconds(self.command, *arguments, directory=directory)


@contextmanager
def envd(person: Person, registry: Registry) -> Iterator[Envd]:
    """Have envd; the configuration of base images, which it reads past the engine, comes from `registry`."""
    command = _install()
    (person.home / ".config/containers").mkdir(parents=True)
    (person.home / ".config/containers/registries.conf").write_text(
        f'[[registry]]\nprefix = "docker.io"\nlocation = "{registry.host_address}"\ninsecure = true\n'
    )
    # It looks a tag up at docker.io whatever is configured: as a proxy, the registry answers that too.
    proxy = f"http://{registry.host_address}"
    own = {"ENVD_ANALYTICS": "false", "HTTP_PROXY": proxy, "HTTPS_PROXY": proxy}
    user = Person(person.home, {**person.environment, **own})
    stand_ins = tuple(image for image in _IMAGES if not _can_be_had(image))
    try:
        if stand_ins:
            _make(stand_ins)
        yield Envd(user, command, stand_ins)
    finally:
        if stand_ins:
            _docker("rmi", *stand_ins, _STAND_IN, check=False)


def _install() -> str:
    command = _PLACE / "bin" / "envd"
    if not command.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(_PLACE)], check=True)
        pip = [str(_PLACE / "bin/python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, f"envd=={VERSION}"], check=True)
    return str(command)


def _can_be_had(image: str) -> bool:
    return _docker("image", "inspect", image, check=False) or _docker("pull", "--quiet", image, check=False)


def _make(tags: tuple[str, ...]) -> None:
    authorities = Path("/etc/ssl/certs/ca-certificates.crt")
    # Classic builder: a cache of BuildKit would be left behind.
    dockerfile = "FROM ubuntu:22.04\nCOPY root/ /\n"
    files = [Entry(f"root/{path}", text.encode(), 0o755) for path, text in _PROGRAMS.items()]
    if authorities.exists():
        files.append(Entry(f"root{authorities}", authorities.read_bytes()))
    _docker("build", "--quiet", "--tag", _STAND_IN, "-", stdin=pack([Entry("Dockerfile", dockerfile.encode()), *files]))
    for tag in tags:
        _docker("tag", _STAND_IN, tag)


def _docker(*arguments: str, stdin: bytes = b"", check: bool = True) -> bool:
    from tests.testbed.docker import docker

    return docker(*arguments, stdin=stdin, check=check).returncode == 0
