"""Containers of built images, entered as a person enters them: OpenSSH over `docker exec`."""

from __future__ import annotations

import os
import shutil
import subprocess
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import pytest

from ez.build.definition import Definition
from ez.build.engine import Address
from ez.build.load import load
from ez.build.solve import build
from ez.models import Network
from tests.build.buildkit.conftest import local as local
from tests.build.buildkit.conftest import sockets as sockets
from tests.testbed.docker import docker
from tests.testbed.shell import run, wait_until

EXAMPLES = Path(__file__).parents[3] / "examples"
WORKDIR = "/home/envd/hello"
BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")


@dataclass(frozen=True)
class Container:
    """A running container; `env` is what it sees as /etc/ez/env, `work` its work directory, `config` for `ssh -F`."""

    name: str
    env: Path
    work: Path
    config: Path

    def ssh(self, command: str, *options: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return run("ssh", "-F", str(self.config), *options, "hello.ez", command, check=check)

    def says(self, command: str) -> str:
        return self.ssh(command).stdout.strip()

    def log(self, service: str) -> str:
        file = self.env / "log" / f"{service}.log"
        return file.read_text() if file.exists() else ""


Enter = Callable[..., Container]


def make_image(engine: Path, repo: Path) -> str:
    return build_image(engine, load(repo, "hello"))


def build_image(engine: Path, definition: Definition, mirrors: Mapping[str, str] = MappingProxyType({})) -> str:
    """The name of a new image. `mirrors` as `Network` has them."""
    reference = f"ez-test-image:{uuid.uuid4().hex[:12]}"
    bundle = BUNDLE.read_text() if BUNDLE.exists() else ""
    network = Network(ca_bundle=bundle, mirrors=tuple(mirrors.items()))
    build(definition, Address.unix(engine), reference, network=network)
    return reference


@pytest.fixture(scope="module")
def image(engine: Path) -> Iterator[Callable[[Path], str]]:
    """Builds a repo into an image that is removed after the module."""
    made: list[str] = []

    def make(repo: Path) -> str:
        made.append(make_image(engine, repo))
        return made[-1]

    yield make
    for reference in made:
        docker("rmi", "--force", reference)


@pytest.fixture
def enter(tmp_path: Path) -> Iterator[Enter]:
    """Starts a container of an image with a person's ids; it is gone after the test."""
    with ExitStack() as stack:

        def start(
            image: str,
            uid: int = 1000,
            gid: int = 1000,
            environ: Mapping[str, str] | None = None,
            repo: Path = EXAMPLES / "hello",
        ) -> Container:
            return stack.enter_context(_container(tmp_path, image, uid, gid, environ or {}, repo))

        yield start


@contextmanager
def _container(
    place: Path, image: str, uid: int, gid: int, environ: Mapping[str, str], repo: Path
) -> Iterator[Container]:
    name = f"ez-test-{uuid.uuid4().hex[:12]}"
    env, work, key = place / "env", place / "work", place / "key"
    shutil.copytree(repo, work)
    env.mkdir()
    if not key.exists():
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key))
    (env / "authorized_keys").write_text(key.with_suffix(".pub").read_text())
    (env / "known_hosts").write_text("")
    (env / "gitconfig").write_text("[user]\n\tname = A Person\n")
    for path in (env, work, *env.iterdir(), *work.iterdir()):
        os.chown(path, uid, gid)
    variables = {"EZ_UID": str(uid), "EZ_GID": str(gid), "EZ_WORKDIR": WORKDIR, **environ}
    flags = [flag for item in variables.items() for flag in ("--env", "=".join(item))]
    mounts = ["--volume", f"{env}:/etc/ez/env", "--volume", f"{work}:{WORKDIR}"]
    docker("run", "--detach", "--init", "--name", name, *flags, *mounts, image)
    try:
        public = env / "ssh_host_ed25519_key.pub"
        wait_until(public.exists, "the container made its host key", timeout=30)
        yield Container(name, env, work, _config(place, name, key, public.read_text()))
    finally:
        docker("rm", "--force", "--volumes", name)


def _config(place: Path, name: str, key: Path, host_key: str) -> Path:
    known = place / "known_hosts"
    known.write_text(f"hello.ez {host_key}")
    config = place / "ssh_config"
    config.write_text(
        f"""Host hello.ez
  User envd
  HostKeyAlias hello.ez
  UserKnownHostsFile {known}
  StrictHostKeyChecking yes
  IdentityFile {key}
  IdentitiesOnly yes
  ProxyCommand docker exec -i -u root {name} /usr/local/lib/ez/attach
"""
    )
    return config
