"""Names and addresses of one testbed: nothing here touches the machine."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

REPOSITORY = Path(__file__).resolve().parents[2]
LABEL = "ez.testbed=1"


@dataclass(frozen=True)
class World:
    """One testbed among possibly several on a machine, told apart by a small index.

    Bridges use 198.18.0.0/15 (benchmarking, RFC 2544: no real network uses it), ports are published on
    127.77.0.0/16 only.
    """

    index: int
    state: Path
    cache: Path

    @classmethod
    def from_environment(cls) -> Self:
        """`EZ_TESTBED_INDEX` (0-99), `EZ_TESTBED_STATE` and `EZ_TESTBED_CACHE`, or their defaults."""
        index = int(os.environ.get("EZ_TESTBED_INDEX", "0"))
        if not 0 <= index <= 99:
            raise ValueError(f"EZ_TESTBED_INDEX must be 0-99: {index}")
        suffix = f"-{index}" if index else ""
        return cls(
            index=index,
            state=Path(os.environ.get("EZ_TESTBED_STATE", f"/var/lib/ez-testbed{suffix}")),
            cache=Path(os.environ.get("EZ_TESTBED_CACHE", "/var/cache/ez-testbed")),
        )

    @property
    def name(self) -> str:
        """Prefix of every container, network, volume and image."""
        return f"ez-testbed-{self.index}" if self.index else "ez-testbed"

    @property
    def label(self) -> str:
        """On containers, networks and volumes only: images hand their labels on to what is made from them."""
        return f"ez.testbed.world={self.index}"

    @property
    def subnet(self) -> str:
        return f"198.18.{self.index + 1}.0/24"

    def address(self, number: int) -> str:
        """Where machine `number` is on the bridge: the same from the host, the computers and what runs in them."""
        return f"198.18.{self.index + 1}.{number}"

    def loopback(self, number: int) -> str:
        """Where the ports of machine `number` are published on the host."""
        return f"127.77.{self.index}.{number}"

    def image(self, name: str) -> str:
        return f"{self.name}/{name}"


REGISTRY_NUMBER = 2
GIT_SERVER_NUMBER = 3
COMPUTER_NUMBERS = range(10, 251)
