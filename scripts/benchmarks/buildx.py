"""`ez build` beside `docker buildx build` of the equivalent Dockerfile: one engine, one context, taking turns.

A build in which nothing changed, as a function call and as a command; one Python package added; and one file changed
of a context of 200 MB. Both write an image into the engine, both with the same packages, indexes and cache mounts.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ez.build.engine import Address
from ez.build.load import load
from ez.build.solve import build
from ez.config import resolve
from scripts.benchmarks._buildx import buildx
from scripts.benchmarks._measure import Row, Timing, headline, interleaved, ratio_against, table, timed
from scripts.benchmarks._person import EZ, Person, person
from tests.testbed import Testbed
from tests.testbed.docker import docker

ROUNDS = 7
SOCKET = "/var/run/docker.sock"
NAMES = ("ez-bench/ez", "ez-bench/buildx")
PACKAGES = ("six", "idna", "certifi", "packaging", "attrs", "click", "tomli", "wheel", "pluggy", "iniconfig", "toolz")
"""Small ones without dependencies: what is measured is the builder."""
LARGE = 200 * 1000 * 1000
FILES = 50

_BUILD_ENVD = """# syntax=v1

def build():
    base(image="{base}")
    install.apt_packages(["jq"])
    install.python(version="3.11")
    install.python_packages({packages})
    io.copy("app", "/srv/app")
"""
_DOCKERFILE = """
FROM {base}
RUN --mount=type=cache,target=/var/cache/apt,sharing=locked \\
    --mount=type=cache,target=/var/lib/apt/lists,sharing=locked \\
    rm -f /etc/apt/apt.conf.d/docker-clean && apt-get update -q \\
 && apt-get install -q -y --no-install-recommends jq python3 python3-venv
RUN python3 -m venv /opt/venv
RUN --mount=type=cache,target=/root/.cache/pip --mount=type=secret,id=ca,target=/run/ca.pem \\
    PIP_CERT=/run/ca.pem /opt/venv/bin/pip install --disable-pip-version-check {packages}
COPY app /srv/app
ENV PATH=/opt/venv/bin:$PATH
"""


@dataclass(frozen=True)
class Repo:
    """A directory that both can build, on an image `base` that nobody has built on."""

    place: Path
    base: str

    def write(self, packages: tuple[str, ...]) -> None:
        (self.place / "build.envd").write_text(_BUILD_ENVD.format(base=self.base, packages=list(packages)))
        (self.place / "Dockerfile").write_text(_DOCKERFILE.format(base=self.base, packages=" ".join(packages)))

    def change(self) -> None:
        (self.place / "app" / "changed.txt").write_text(uuid.uuid4().hex)


def main() -> None:
    Testbed.up()
    program = buildx()
    with person() as somebody, _base() as base, _tidy():
        authorities = somebody.environment.get("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt")
        ez = partial(somebody.seconds, EZ, "build", "--plain", "--quiet", "--tag", NAMES[0])
        # Attestations would be more work than ez does.
        peer = partial(
            somebody.seconds, str(program), "build", "--quiet", "--provenance=false",
            f"--secret=id=ca,src={authorities}", "--tag", NAMES[1], ".",
        )  # fmt: skip
        repo = _repo(somebody.home / "bench-build", base)
        headline(f"`ez build` beside `docker buildx build`, {ROUNDS} rounds in turns")
        for action in (ez, peer):
            action(directory=repo.place)
        _no_change(somebody, repo, ez, peer)
        _one_package(repo, ez, peer)
        _large_context(repo, ez, peer)


def _no_change(somebody: Person, repo: Repo, ez: partial[float], peer: partial[float]) -> None:
    network = resolve(environment=somebody.environment).network()
    definition = load(repo.place, repo.place.name, access=False)
    in_process = partial(build, definition, Address.unix(SOCKET), NAMES[0], network=network)
    in_process()
    found = interleaved(
        ROUNDS,
        {
            "in process": lambda: timed(in_process),
            "ez build": lambda: ez(directory=repo.place),
            "docker buildx build": lambda: peer(directory=repo.place),
        },
    )
    _print("nothing changed", found, {"in process": 0.5, "ez build": 1.0})


def _one_package(repo: Repo, ez: partial[float], peer: partial[float]) -> None:
    """Each round asks for another package; the first turns have filled the package caches of both."""
    measured: dict[str, list[float]] = {"ez build": [], "docker buildx build": []}
    for warm in (True, False):
        for number in range(1, ROUNDS + 1):
            repo.write((*PACKAGES[:1], PACKAGES[number], *(() if warm else PACKAGES[-1:])))
            for name, action in (("ez build", ez), ("docker buildx build", peer)):
                seconds = action(directory=repo.place)
                if not warm:
                    measured[name].append(seconds)
    found = {name: Timing(tuple(seconds)) for name, seconds in measured.items()}
    _print("one Python package added", found, {"ez build": 1.0})


def _large_context(repo: Repo, ez: partial[float], peer: partial[float]) -> None:
    for number in range(FILES):
        (repo.place / "app" / f"data-{number}").write_bytes(os.urandom(LARGE // FILES))
    for action in (ez, peer):
        action(directory=repo.place)

    def changed(action: partial[float]) -> float:
        repo.change()
        return action(directory=repo.place)

    found = interleaved(ROUNDS, {"ez build": lambda: changed(ez), "docker buildx build": lambda: changed(peer)})
    _print(f"one file changed of {LARGE // 1000**2} MB", found, {"ez build": 1.0})


def _repo(place: Path, base: str) -> Repo:
    (place / "app").mkdir(parents=True)
    repo = Repo(place, base)
    repo.write(PACKAGES[:1])
    repo.change()
    return repo


def _print(title: str, found: dict[str, Timing], budgets: dict[str, float]) -> None:
    print(f"\n{title}")
    against = found["docker buildx build"].median
    rows: list[Row] = []
    for name, timing in found.items():
        ratio = timing.median / against
        shown = f"{ratio:.2f} of buildx; {ratio_against(budgets[name], ratio)}" if name in budgets else ""
        rows.append((name, str(timing), shown))
    table(rows)


@contextmanager
def _base() -> Iterator[str]:
    """An image without a step that an earlier run has left in the engine's cache."""
    name = f"ez-bench/base:{uuid.uuid4().hex}"
    docker("build", "-q", "-t", name, "-", stdin=f"FROM debian:12\nRUN echo {name} >/etc/ez-bench\n")
    try:
        yield name
    finally:
        docker("rmi", "--force", name, check=False)


@contextmanager
def _tidy() -> Iterator[None]:
    try:
        yield
    finally:
        docker("rmi", "--force", *NAMES, check=False)


if __name__ == "__main__":
    main()
