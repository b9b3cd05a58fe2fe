"""The registry that plays docker.io: Debian's docker-registry in a container."""

import subprocess
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from .docker import container_runs, docker, ensure_volume, labels
from .shell import wait_until
from .world import REGISTRY_NUMBER, World

PORT = 5000
_STORE = PurePosixPath("/var/lib/docker-registry")

_ACCEPT = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)


@dataclass(frozen=True)
class Registry:
    """A registry over plain HTTP, without sign-in."""

    world: World

    @property
    def container(self) -> str:
        return f"{self.world.name}-registry"

    @property
    def host_address(self) -> str:
        """`host:port` on this machine; engines take loopback registries as insecure by default."""
        return f"{self.world.loopback(REGISTRY_NUMBER)}:{PORT}"

    @property
    def address(self) -> str:
        """`host:port` from everywhere: host, computers, and containers inside them."""
        return f"{self.world.address(REGISTRY_NUMBER)}:{PORT}"

    def ensure(self) -> None:
        """Start the registry unless it runs; returns when it answers."""
        if not container_runs(self.container, self.world.image("services")):
            docker("rm", "--force", self.container, check=False)
            volume = ensure_volume(self.world, f"{self.world.name}-registry")
            docker(
                "run", "--detach", "--name", self.container, *labels(self.world, "registry"),
                "--network", self.world.name, "--ip", self.world.address(REGISTRY_NUMBER),
                "--publish", f"{self.host_address}:{PORT}", "--volume", f"{volume}:{_STORE}",
                "--restart", "unless-stopped", self.world.image("services"),
                "docker-registry", "serve", "/etc/docker/registry/config.yml",
            )  # fmt: skip
        wait_until(self.answers, f"the registry answers at {self.host_address}", timeout=30)

    def answers(self) -> bool:
        return self._status("/v2/") == 200

    def has(self, name: str) -> bool:
        """Whether `repository:tag` is there, for example `library/ubuntu:22.04`."""
        repository, _, tag = name.rpartition(":")
        return self._status(f"/v2/{repository}/manifests/{tag}") == 200

    def push(self, image: str, name: str) -> None:
        """Push a local image as `name`, for example `library/ubuntu:22.04`, leaving no tag behind."""
        target = f"{self.host_address}/{name}"
        docker("tag", image, target)
        try:
            docker("push", target, timeout=300)
        finally:
            docker("rmi", target, check=False)

    def pack(self, target: Path) -> None:
        """Save all that is in the registry as a tar file."""
        part = target.with_suffix(".part")
        with part.open("wb") as file:
            subprocess.run(["docker", "cp", f"{self.container}:{_STORE}", "-"], stdout=file, check=True, timeout=120)
        part.rename(target)

    def unpack(self, archive: bytes) -> None:
        """Fill the registry with what `pack` saved."""
        docker("cp", "-", f"{self.container}:{_STORE.parent}", stdin=archive)

    def _status(self, path: str) -> int:
        request = urllib.request.Request(f"http://{self.host_address}{path}", headers={"Accept": _ACCEPT})
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with direct.open(request, timeout=5) as reply:
                return int(reply.status)
        except urllib.error.HTTPError as reply:
            return reply.code
        except OSError:
            return 0
