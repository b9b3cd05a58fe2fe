"""A cold build with warm package caches: every step runs, nothing is downloaded that was downloaded before.

The same tools, apt packages and Python packages, by ez and by `docker buildx build` of the Dockerfile that one would
write for it: linear, with the same caches as cache mounts. On this computer's engine, which builds without merge, and
on a computer whose engine has it.
"""

from __future__ import annotations

import os
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from ez.build.engine import Address
from ez.build.load import load
from ez.build.solve import build
from ez.config import resolve
from ez.models import Network
from scripts.benchmarks._buildx import buildx
from scripts.benchmarks._measure import Row, Timing, headline, interleaved, ratio_against, table, timed
from tests.build.buildkit.conftest import forwarded
from tests.testbed import Testbed

ROUNDS = 5
BUDGET = 0.7
HERE = Path("/var/run/docker.sock")
AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")
NAMES = ("ez-bench/cold-ez", "ez-bench/cold-buildx")

TOOLS = "bash ca-certificates curl git less openssh-client openssh-server procps sudo"
APT = ("build-essential", "cmake", "jq")
PYTHON = ("numpy", "pandas", "scipy", "matplotlib", "scikit-learn")

BUILD_ENVD = f"""# syntax=v1

def build():
    base(dev=True)
    install.python()
    install.apt_packages({list(APT)})
    install.python_packages({list(PYTHON)})
"""

_APT = """RUN --mount=type=cache,target=/var/cache/apt,sharing=locked \\
    --mount=type=cache,target=/var/lib/apt/lists,sharing=locked \\
    apt-get update -q && apt-get install -q -y --no-install-recommends"""
DOCKERFILE = f"""FROM ubuntu:22.04
ARG SALT
ENV DEBIAN_FRONTEND=noninteractive PATH=/opt/venv/bin:$PATH
RUN rm -f /etc/apt/apt.conf.d/docker-clean \\
 && echo 'APT::Keep-Downloaded-Packages "true";' >/etc/apt/apt.conf.d/keep
{_APT} {TOOLS}
RUN useradd -m -s /bin/bash -G sudo envd && echo 'envd ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/envd
{_APT} {" ".join(APT)}
{_APT} python3 python3-venv python3-dev
RUN python3 -m venv /opt/venv
RUN --mount=type=cache,target=/root/.cache/pip --mount=type=secret,id=ca,target=/run/ca.pem \\
    PIP_CERT=/run/ca.pem pip install --disable-pip-version-check {" ".join(PYTHON)}
WORKDIR /home/envd/cold
"""


def main() -> None:
    testbed = Testbed.up()
    program = buildx()
    with testbed.lend("ready") as computer, TemporaryDirectory(prefix="ez-") as folder:
        repo = Path(folder, "cold")
        repo.mkdir()
        (repo / "build.envd").write_text(BUILD_ENVD)
        (repo / "Dockerfile").write_text(DOCKERFILE)
        headline(f"a cold build with warm package caches, {ROUNDS} rounds")
        rows = _measure("Docker 20.10, without merge", HERE, repo, program)
        with forwarded(computer, Path(folder)) as socket:
            rows += _measure("Docker 26, with merge", socket, repo, program)
        table(rows)


def _measure(title: str, socket: Path, repo: Path, program: Path) -> list[Row]:
    """One build of each fills the caches and does not count."""
    network = resolve(environment=dict(os.environ)).network()
    actions = {
        "ez": partial(timed, partial(_ez, socket, repo, network)),
        "docker buildx": partial(timed, partial(_buildx, socket, repo, program)),
    }
    with _tidy(socket):
        for action in actions.values():
            action()
        found = interleaved(ROUNDS, actions)
    return [*((f"{title}: {name}", str(timing), "") for name, timing in found.items()), _ratio(title, found)]


def _ratio(title: str, found: dict[str, Timing]) -> Row:
    ratio = found["ez"].median / found["docker buildx"].median
    return f"{title}: ez / docker buildx", f"{ratio:.2f}", ratio_against(BUDGET, ratio)


def _ez(socket: Path, repo: Path, network: Network) -> None:
    build(load(repo, "cold"), Address.unix(socket), NAMES[0], network=network, salt=uuid.uuid4().hex)


def _buildx(socket: Path, repo: Path, program: Path) -> None:
    """Attestations would be more work than ez does."""
    command = [str(program), "build", "--quiet", "--provenance=false", "--secret", f"id=ca,src={AUTHORITIES}"]
    options = ["--build-arg", f"SALT={uuid.uuid4().hex}", "--tag", NAMES[1], str(repo)]
    environment = {**os.environ, "DOCKER_HOST": f"unix://{socket}"}
    subprocess.run([*command, *options], env=environment, check=True, capture_output=True)


@contextmanager
def _tidy(socket: Path) -> Iterator[None]:
    try:
        yield
    finally:
        environment = {**os.environ, "DOCKER_HOST": f"unix://{socket}"}
        subprocess.run(["docker", "rmi", "--force", *NAMES], env=environment, capture_output=True, check=False)


if __name__ == "__main__":
    main()
