"""Base images that are not Debian's or Ubuntu's.

There are none here, so they are made up: Debian whose apt is hidden, with stand-ins for other package managers that
take those distributions' options and names of packages, or with none.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ez.build.load import load
from ez.errors import StepError
from tests.build.image.conftest import Enter, build_image
from tests.testbed.docker import docker

pytestmark = pytest.mark.engine

WITHOUT_APT = """
FROM debian:12
RUN mkdir /hidden && mv /usr/bin/apt* /hidden/ && sed -i 's/^ID=.*/ID=other/' /etc/os-release
"""

STAND_IN = r"""
RUN printf '%s\n' '#!/bin/sh' 'set -e' 'names=' 'for word in "$@"; do' \
    'case $word in' \
    'clean) exit 0 ;;' \
    '-* | install | add) ;;' \
    'git-core) names="$names git" ;;' \
    'openssh-clients) names="$names openssh-client" ;;' \
    'procps-ng) names="$names procps" ;;' \
    'shadow-utils) names="$names passwd" ;;' \
    'libatomic) names="$names libatomic1" ;;' \
    'python3*) names="$names python3.11-venv" ;;' \
    'build-essential) echo "No match for argument: $word" >&2; exit 1 ;;' \
    '*) names="$names $word" ;;' \
    'esac; done' \
    'export DEBIAN_FRONTEND=noninteractive' \
    'cache=$EZ_APT_CACHE/debian-bookworm-$(dpkg --print-architecture)' \
    'mkdir -p $cache/archives/partial $cache/lists/partial' \
    'set -- -q -o Dir::Cache=$cache -o Dir::State::Lists=$cache/lists' \
    '/hidden/apt-get "$@" update' \
    '/hidden/apt-get "$@" install -y --no-install-recommends $names' \
    >/usr/bin/MANAGER && chmod 755 /usr/bin/MANAGER
"""

BARE = """
RUN rm /usr/bin/bash
"""

DEVELOPMENT = """
def build():
    base("BASE", dev=True)
    install.python("3.11")
    install.apt_packages(["make"])
    run(["make --version && python -c 'import sys; print(sys.version_info[:2])'"])
"""

PLAIN = """
def build():
    base("BASE")
    run(["cd /srv", "echo $PWD > made"])
    config.entrypoint(["cat", "/srv/made"])
"""

PACKAGES = """
def build():
    base("BASE")
    install.apt_packages(["make", "libatomic1"])
    config.entrypoint(["make", "--version"])
"""

MISNAMED = """
def build():
    base("BASE")
    install.apt_packages(["build-essential"])
"""

Base = Callable[[str], str]


@pytest.fixture
def base(engine: Path) -> Iterator[Base]:
    made: list[str] = []

    def make(more: str) -> str:
        name = f"ez-test-base:{uuid.uuid4().hex[:12]}"
        docker("build", "--quiet", "--tag", name, "-", stdin=WITHOUT_APT + more)
        made.append(name)
        return name

    yield make
    for name in made:
        docker("rmi", "--force", name)


def test_dnf(base: Base, engine: Path, enter: Enter, tmp_path: Path) -> None:
    name = base(STAND_IN.replace("MANAGER", "dnf"))
    (tmp_path / "build.envd").write_text(DEVELOPMENT.replace("BASE", name))
    image = build_image(engine, load(tmp_path, "hello"))
    try:
        assert enter(image, 1234, 1234).says(
            "id -un; sudo id -u; python -c 'import sys; print(sys.prefix)'"
        ).split() == [
            "envd",
            "0",
            "/opt/venv",
        ]
    finally:
        docker("rmi", "--force", image)


def test_apk(base: Base, engine: Path, tmp_path: Path) -> None:
    name = base(STAND_IN.replace("MANAGER", "apk"))
    (tmp_path / "build.envd").write_text(PACKAGES.replace("BASE", name))
    image = build_image(engine, load(tmp_path, "hello", access=False))
    try:
        assert docker("run", "--rm", image).stdout.startswith("GNU Make")
    finally:
        docker("rmi", "--force", image)
    (tmp_path / "build.envd").write_text(MISNAMED.replace("BASE", name))
    error = _failure(engine, tmp_path)
    assert error.line == 4
    assert "ez: apk cannot install this on Debian GNU/Linux 12 (bookworm): build-essential" in error.log


def test_no_package_manager(base: Base, engine: Path, tmp_path: Path) -> None:
    """Neither is there bash: what needs no packages works all the same, and what does not is said at its line."""
    name = base(BARE)
    (tmp_path / "build.envd").write_text(PLAIN.replace("BASE", name))
    image = build_image(engine, load(tmp_path, "hello", access=False))
    try:
        assert docker("run", "--rm", image).stdout == "/srv\n"
    finally:
        docker("rmi", "--force", image)
    (tmp_path / "build.envd").write_text(f'def build():\n    base("{name}")\n\n    base(dev=True)\n')
    error = _failure(engine, tmp_path)
    assert error.line == 4
    assert error.log[-2] == "ez: it has no package manager that ez knows: apt, dnf, microdnf, yum or apk"
    assert "lacks: bash curl git" in error.log[-3]
    (tmp_path / "build.envd").write_text(MISNAMED.replace("BASE", name))
    assert (
        "ez: this base image has no package manager that ez knows; use one with apt, dnf or apk"
        in _failure(engine, tmp_path).log
    )


def _failure(engine: Path, repo: Path) -> StepError:
    with pytest.raises(StepError) as caught:
        build_image(engine, load(repo, "hello", access=False))
    return caught.value
