"""A person who works on the Azure emulator through everything but the command line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ez.compute.context import CloudContext
from ez.compute.create import already, make
from ez.compute.machine_plan import Wanted, plan, sizes_for
from ez.compute.sizes.need import SizeNeed
from ez.events import Event
from ez.models import Computer, Workspace
from ez.providers.azure import Azure
from ez.providers.base import Provider
from ez.providers.catalogue import shipped
from ez.ssh.host import Host
from ez.state import MachineRecord, State
from tests.emulators.azure import Emulator

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGhoaGhoaGhoaGhoaGhoaGhoaGhoaGhoaGhoaGhoaGho"
CHEAP = SizeNeed(size="Standard_D4s_v5", regions=("eastus",), disk=64)


@dataclass
class Rehearsal:
    azure: Emulator
    state: State
    locks: Path
    owner: str = "ann"
    events: list[Event] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    @property
    def workspace(self) -> Workspace:
        regions = ("eastus", "westus2")
        return Workspace(
            "team", "azure", self.azure.subscription, regions=regions, endpoint=self.azure.url, owner=self.owner
        )

    @property
    def cloud(self) -> CloudContext:
        return CloudContext(
            state=self.state,
            sink=self.events.append,
            locks=self.locks,
            workspace=lambda provider: self.workspace,
            offers=lambda provider: shipped(provider).offers,
            confirm=self.asked.append,
            login=lambda: (KEY, "/home/ann/.ssh/ez/agent.pub"),
            address=lambda provider: "127.0.0.1/32",
            connect=_nobody,
            clock=self.azure.clock.now,
            pause=lambda seconds: None,
            make=_provider,
        )

    def create(self, name: str = "gpu1", need: SizeNeed = CHEAP) -> MachineRecord:
        """What `ez compute create` does, without asking."""
        wanted = Wanted(name, need)
        found = already(wanted, self.cloud)
        if found is not None:
            return found
        choice = sizes_for(wanted, self.cloud)
        return make(plan(wanted, choice, choice.best, self.cloud), self.cloud).record


@contextmanager
def rehearsal(azure: Emulator, folder: Path, owner: str = "ann") -> Iterator[Rehearsal]:
    with State(folder / f"{owner}.db", clock=azure.clock.now) as state:
        yield Rehearsal(azure, state, folder / f"locks-{owner}", owner)


def _provider(key: str, state: State, workspace: Workspace) -> Provider:
    assert key == "azure"
    made = Azure(state, workspace)
    made.pause = 0.01
    return made


def _nobody(computer: Computer, seconds: float) -> Host:
    raise AssertionError(f"nobody connects to {computer.name}")


Act = Callable[[Rehearsal], object]
