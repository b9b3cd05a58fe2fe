"""The few things the testbed asks of the host's engine, through the docker command."""

import json
import subprocess
from typing import Any

from .shell import run
from .world import LABEL, World


def docker(
    *arguments: str, stdin: bytes | str | None = None, timeout: float = 120, check: bool = True
) -> subprocess.CompletedProcess[str]:
    # The classic builder leaves no build cache behind that `down` could not find again.
    return run("docker", *arguments, stdin=stdin, timeout=timeout, check=check, environment={"DOCKER_BUILDKIT": "0"})


def lines(*arguments: str) -> list[str]:
    return docker(*arguments).stdout.split()


def inspect(kind: str, name: str) -> dict[str, Any] | None:
    """What the engine knows of an object, or None when there is none of that name."""
    done = docker(kind, "inspect", name, check=False)
    if done.returncode != 0:
        return None
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found[0]


def container_runs(name: str, image: str) -> bool:
    """Whether a container runs that was made from `image` as it is now."""
    found = inspect("container", name)
    return found is not None and bool(found["State"]["Running"]) and found["Image"] == image_id(image)


def image_id(tag: str) -> str | None:
    found = inspect("image", tag)
    return None if found is None else str(found["Id"])


def ensure_network(world: World) -> None:
    if inspect("network", world.name) is None:
        docker(
            "network", "create", *labels(world), "--subnet", world.subnet, "--gateway", world.address(1),
            "--opt", f"com.docker.network.driver.mtu={bridge_mtu()}",
            world.name,
        )  # fmt: skip


def bridge_mtu() -> int:
    """The engine's own choice: a bridge wider than the machine's way out makes downloads crawl."""
    found = inspect("network", "bridge") or {"Options": {}}
    return int(found["Options"].get("com.docker.network.driver.mtu", 1500))


def ensure_volume(world: World, name: str) -> str:
    docker("volume", "create", *labels(world), name)
    return name


def labels(world: World, role: str = "") -> list[str]:
    flags = ["--label", LABEL, "--label", world.label]
    return [*flags, "--label", f"ez.testbed.role={role}"] if role else flags


def remove_everything(world: World) -> None:
    """Containers, networks and volumes that carry this world's label, then its images."""
    mine = f"label={world.label}"
    if containers := lines("ps", "--all", "--quiet", "--filter", mine):
        docker("rm", "--force", "--volumes", *containers)
    if networks := lines("network", "ls", "--quiet", "--filter", mine):
        docker("network", "rm", *networks)
    if volumes := lines("volume", "ls", "--quiet", "--filter", mine):
        docker("volume", "rm", "--force", *volumes)
    own_names = lines("images", "--format", "{{.Repository}}:{{.Tag}}", f"{world.name}/*")
    own_ids = {image_id(name) for name in own_names}
    every = docker("images", "--no-trunc", "--format", "{{.Repository}}:{{.Tag}} {{.ID}}").stdout.splitlines()
    tags = [tag for tag, identity in (line.split() for line in every) if identity in own_ids]
    if tags:
        docker("rmi", *tags, check=False)
    remove_replaced_images()


def remove_replaced_images() -> None:
    """Those that a newer build took the name of; the label is on nothing but the testbed's own builds."""
    docker("image", "prune", "--force", "--filter", "label=ez.testbed.inputs")
