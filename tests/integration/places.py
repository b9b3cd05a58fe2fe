"""Computers as a test sees them: what a person calls them, and what really is on them."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.integration.person import Person
from tests.testbed import TestComputer
from tests.testbed.shell import run

PLAIN = """\
# syntax=v1

def build():
    base(image="ubuntu:22.04", dev=True)
"""

SERVER = """
use IO::Socket::INET; use IO::Handle;
my $door = IO::Socket::INET->new(LocalAddr => shift, LocalPort => shift, Listen => 5, ReuseAddr => 1) or die;
while (my $guest = $door->accept) {
    while (<$guest>) { last if /^\\r?$/ }
    print $guest "HTTP/1.0 200 OK\\r\\n\\r\\ninside"; close $guest;
}
"""

ENGINE = "command -v docker >/dev/null || exit 0"
"""Ends a script, well, where there is no engine yet."""


def write_files(folder: Path, files: Mapping[str, str]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def commit(folder: Path) -> Path:
    """Commit all that is there, to a repo that is made where there is none; gives `folder`."""
    author = ("-c", "user.name=Ann Example", "-c", "user.email=ann@example.org")
    run("git", "-C", str(folder), "init", "-q", "-b", "main")
    run("git", "-C", str(folder), "add", "-A")
    run("git", *author, "-C", str(folder), "commit", "-q", "-m", "Change")
    return folder


@dataclass(frozen=True)
class Place:
    """A computer called `name`; `computer` is None for this one. Environments are looked up by the engine's labels."""

    name: str
    computer: TestComputer | None

    def root(self, script: str, *, check: bool = True) -> str:
        """Run a shell script there as root, past SSH."""
        if self.computer is not None:
            return self.computer.exec(script, check=check).stdout
        return run("sh", "-c", script, check=check).stdout

    def containers(self, environment: str | None = None) -> dict[str, str]:
        """Names and ids of the containers of all environments, or of one."""
        wanted = f"label=ez.env={environment}" if environment else "label=ez.env"
        shown = "'{{.Names}} {{.ID}}'"
        listed = self.root(f"{ENGINE}; docker container ls --all --no-trunc --filter {wanted} --format {shown}")
        return dict(line.split() for line in listed.splitlines())

    def container(self, environment: str) -> dict[str, Any]:
        """What the engine says of the environment's one container."""
        (id,) = self.containers(environment).values()
        found: list[dict[str, Any]] = json.loads(self.root(f"docker container inspect {id}"))
        return found[0]

    def images(self, environment: str) -> set[str]:
        """References of the images made for an environment."""
        listed = self.root(f"{ENGINE}; docker image ls --format '{{{{.Repository}}}}:{{{{.Tag}}}}' ez/{environment}")
        return set(listed.split())

    def serve(self, environment: str, port: int, address: str) -> None:
        """Have somebody inside who answers `inside` to every request."""
        words = f"{shlex.quote(SERVER)} {address} {port}"
        self.root(f"docker exec -d -u envd ez-{environment} perl -e {words}")

    def remove(self, container: str) -> None:
        self.root(
            f"image=$(docker container inspect --format '{{{{.Config.Image}}}}' {container});"
            f"docker container rm --force {container}; docker image rm $image; true"
        )


def lent(computer: TestComputer, person: Person, name: str) -> AbstractContextManager[Place]:
    """A computer that `person` added as `name`; environments made there are removed after the block."""
    person.knows(computer.known_hosts.read_text())
    person.ez("compute", "add", name, f"{computer.user}@{computer.host}:{computer.port}")
    return cleaned(Place(name, computer))


@contextmanager
def cleaned(place: Place) -> Iterator[Place]:
    before = set(place.containers())
    try:
        yield place
    finally:
        for container in set(place.containers()) - before:
            place.remove(container)
