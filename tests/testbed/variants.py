"""The kinds of computers there are, as a table."""

from dataclasses import dataclass, field
from typing import Any

from .hardware import Hardware


@dataclass(frozen=True)
class Variant:
    """A kind of computer: the image it boots and what is written onto its disk before."""

    name: str
    image: str
    engine: bool = False
    """Whether a Docker Engine of its own runs in it."""
    free_sudo: bool = True
    """Whether its user's sudo works without a password."""
    settings: dict[str, Any] = field(default_factory=dict)
    """Added to its engine's daemon.json."""
    hardware: Hardware | None = None
    """What `hardware=` is unless the test says so; None where it has none but the host's."""


VARIANTS = {
    variant.name: variant
    for variant in (
        Variant("bare", "computer:bookworm"),
        Variant("bare-trixie", "computer:trixie"),
        Variant("bare-bullseye", "computer:bullseye"),
        # It may be in a cgroup tree of its own, where the engine would not take its parent for a slice of systemd's.
        Variant("bare-forky", "computer:forky", settings={"exec-opts": ["native.cgroupdriver=cgroupfs"]}),
        # The emulator knows nothing of the kernel's packet filter.
        Variant("bare-arm64", "computer:bookworm-arm64", settings={"iptables": False}),
        Variant("cloud", "cloud"),
        Variant("cloud-ready", "cloud-ready", engine=True, settings={"features": {"containerd-snapshotter": True}}),
        Variant("gpu", "gpu:trixie", hardware=Hardware()),
        Variant("gpu-bookworm", "gpu:bookworm", hardware=Hardware()),
        Variant("gpu-ubuntu", "gpu:ubuntu", hardware=Hardware(cloud="azure")),
        Variant("nosudo", "computer:bookworm", free_sudo=False),
        Variant("ready", "ready", engine=True, settings={"features": {"containerd-snapshotter": True}}),
        Variant("ready-graph", "ready", engine=True, settings={"storage-driver": "overlay2"}),
        Variant("ready-28", "ready-28", engine=True, settings={"features": {"containerd-snapshotter": True}}),
        Variant("ready-28-graph", "ready-28", engine=True, settings={"storage-driver": "overlay2"}),
    )
}


def engine_settings(variant: Variant, registry: str, container: str, mtu: int) -> dict[str, Any]:
    """The daemon.json of a computer; `registry` is the testbed's as seen from its network, `container` its own id."""
    return {
        "registry-mirrors": [f"http://{registry}"],
        # With its scheme too: BuildKit in Docker 20.10 takes only that for plain HTTP.
        "insecure-registries": [registry, f"http://{registry}"],
        "mtu": mtu,
        "bip": "198.19.0.1/24",
        "default-address-pools": [{"base": "198.19.128.0/17", "size": 24}],
        # Below the computer's own group: what runs inside is gone with the computer, also in the kernel's books.
        "cgroup-parent": f"/docker/{container}/nested",
        **variant.settings,
    }
