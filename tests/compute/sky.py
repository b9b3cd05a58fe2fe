"""A cloud in memory, for what compute does with any cloud: its calls can fail or be the last one that is made."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ez.compute.context import CloudContext
from ez.compute.machine_plan import Wanted
from ez.compute.sizes.need import SizeNeed
from ez.errors import CloudError, UsageError
from ez.events import Event, Sink
from ez.models import Computer, Workspace
from ez.providers.base import (
    Checks,
    Cleanable,
    Door,
    Finding,
    Leftover,
    Machine,
    Offer,
    Order,
    Power,
    Provider,
    Resizable,
    Restartable,
    Size,
)
from ez.ssh.host import Host
from ez.state import State

SMALL = Size("azure", "Standard_NC4as_T4_v3", 4, 28, "T4", 1, 16, family="T4 family")
LARGE = Size("azure", "Standard_NC24ads_A100_v4", 24, 220, "A100", 1, 80, family="A100 family")
OFFERS = (
    Offer(SMALL, "westeurope", 0.5, 0.1, "2026-06-18", ("1", "2")),
    Offer(SMALL, "northeurope", 0.55, 0.11, "2026-06-18"),
    Offer(LARGE, "westeurope", 3.6, 1.2, "2026-06-18"),
)
TEAM = Workspace("team", "azure", "0000", regions=("westeurope", "northeurope"), owner="ann")


class Killed(BaseException):
    """What happens to a process that is killed: nothing of it goes on."""


@dataclass
class World:
    """What there is. `calls` are those made; `faults` say what each of the next calls of a kind raises; the call of the
    number `last_call` is done and the last one."""

    now: float = 1_000_000.0
    machines: dict[str, Machine] = field(default_factory=dict)
    things: list[Leftover] = field(default_factory=list)
    door: dict[str, str] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    faults: dict[str, list[Exception]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    last_call: int = 0

    def call(self, what: str, effect: Callable[[], None] = lambda: None) -> None:
        self.calls.append(what)
        if self.faults.get(what):
            raise self.faults[what].pop(0)
        effect()
        if len(self.calls) == self.last_call:
            raise Killed

    def add(self, kind: str, order: Order) -> None:
        name = f"{order.name}-{order.create_id}-{kind}"
        if not any(thing.name == name for thing in self.things):
            self.things.append(
                Leftover("azure", kind, name, name, order.offer.region, order.owner, self.now, 3.6, order.create_id)
            )

    def drop(self, create_id: str) -> None:
        self.things = [thing for thing in self.things if thing.create_id != create_id]

    @property
    def bare(self) -> bool:
        return not self.machines and not self.things and not any(self.door.values())


class Sky(Provider, Checks, Restartable, Resizable, Door, Cleanable):
    key = "azure"

    def __init__(self, world: World, state: State, workspace: Workspace) -> None:
        super().__init__(state, workspace)
        self.world = world

    def find(self, name: str) -> Computer | None:
        found = self.state.computer(name)
        return found if found and found.provider == self.key else None

    def list(self) -> builtins.list[Computer]:
        return [computer for computer in self.state.computers() if computer.provider == self.key]

    def machines(self) -> builtins.list[Machine]:
        self.world.call("machines")
        return [*self.world.machines.values()]

    def machine(self, name: str) -> Machine | None:
        self.world.call("machine")
        return self.world.machines.get(name)

    def check(self, orders: Sequence[Offer], *, spot: bool, image: str) -> builtins.list[Finding]:
        self.world.call("check")
        return self.world.findings

    def create(self, order: Order, sink: Sink) -> Machine:
        there = self.world.machines.get(order.name)
        if there is not None and there.create_id != order.create_id:
            raise CloudError(f"`{order.name}` is there already", code="NameTaken")
        try:
            self.world.call("create.address", lambda: self.world.add("address", order))
            self.world.call("create.nic", lambda: self.world.add("nic", order))
            self.world.call("create.vm", lambda: self._boot(order))
            self.world.call("create.wait", lambda: self._power(order.name, "running"))
        except Exception:
            self._roll_back(order)
            raise
        return self.world.machines[order.name]

    def _boot(self, order: Order) -> None:
        self.world.add("disk", order)
        self.world.door[order.name] = order.source
        self.world.machines[order.name] = Machine(
            "azure",
            order.name,
            f"/vm/{order.name}",
            "creating",
            order.offer.size.name,
            order.offer.region,
            order.zone,
            "" if order.private else f"192.0.2.{len(self.world.machines) + 1}",
            order.owner,
            self.workspace.name,
            order.spot,
            order.disk,
            self.world.now,
            order.expires,
            order.create_id,
            since=self.world.now,
            user=order.user,
            host_keys=order.host_keys,
        )

    def _roll_back(self, order: Order) -> None:
        try:
            self.world.call("rollback")
        except CloudError:
            return
        self.world.drop(order.create_id)
        self.world.door.pop(order.name, None)
        self.world.machines.pop(order.name, None)

    def start(self, name: str, sink: Sink) -> Machine:
        return self._do("start", name, "running")

    def stop(self, name: str, sink: Sink) -> Machine:
        return self._do("stop", name, "deallocated")

    def restart(self, name: str, sink: Sink) -> Machine:
        return self._do("restart", name, "running")

    def resize(self, name: str, size: Size, sink: Sink) -> Machine:
        self._own(name)
        self.world.call("resize", lambda: self._change(name, size=size.name))
        return self.world.machines[name]

    def delete(self, name: str, sink: Sink) -> None:
        machine = self.world.machines.get(name)
        if machine is None:
            self.world.call("delete.rest", lambda: self._drop_all(name))
            return
        self._own(name)
        self.world.call("delete.vm", lambda: self._gone(name))
        self.world.call("delete.rest", lambda: self.world.drop(machine.create_id))

    def _drop_all(self, name: str) -> None:
        mine = self.workspace.owner
        self.world.things = [
            thing for thing in self.world.things if not (thing.name.startswith(f"{name}-") and thing.owner == mine)
        ]

    def _gone(self, name: str) -> None:
        self.world.machines.pop(name)
        self.world.door.pop(name, None)

    def admit(self, name: str, source: str) -> None:
        self._own(name)
        self.world.call("admit", lambda: self.world.door.update({name: source}))

    def leftovers(self, owned: frozenset[str]) -> builtins.list[Leftover]:
        self.world.call("leftovers")
        return [thing for thing in self.world.things if thing.create_id not in owned]

    def remove(self, leftover: Leftover, sink: Sink) -> None:
        self.world.call("remove", lambda: self.world.things.remove(leftover))

    def _do(self, what: str, name: str, power: Power) -> Machine:
        self._own(name)
        self.world.call(what, lambda: self._power(name, power))
        return self.world.machines[name]

    def _own(self, name: str) -> None:
        machine = self.world.machines.get(name)
        if machine is None:
            raise CloudError(f"no machine: `{name}`", code="NotFound")
        if machine.owner != self.workspace.owner:
            raise UsageError(f"`{name}` is {machine.owner}'s")

    def _power(self, name: str, power: Power) -> None:
        if self.world.machines[name].power != power:
            self._change(name, power=power, since=self.world.now)

    def _change(self, name: str, **values: object) -> None:
        self.world.machines[name] = replace(self.world.machines[name], **values)  # type: ignore[arg-type]


@dataclass
class Person:
    """Somebody at a laptop with an index of their own."""

    state: State
    world: World
    locks: Path
    workspace: Workspace = TEAM
    agrees: bool = True
    asked: list[str] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    hosts: list[Host | Exception] = field(default_factory=list)
    address: str = "203.0.113.7/32"

    @property
    def cloud(self) -> CloudContext:
        return CloudContext(
            state=self.state,
            sink=self.events.append,
            locks=self.locks,
            workspace=lambda provider: self.workspace,
            offers=lambda provider: OFFERS,
            confirm=self._confirm,
            login=lambda: ("ssh-ed25519 AAAA", "/home/ann/.ssh/ez/agent.pub"),
            address=lambda provider: self.address,
            connect=self._connect,
            clock=lambda: self.world.now,
            pause=self._pause,
            make=lambda key, state, workspace: Sky(self.world, state, workspace),
        )

    def _confirm(self, question: str) -> None:
        self.asked.append(question)
        if not self.agrees:
            raise UsageError("not confirmed")

    def _connect(self, computer: Computer, seconds: float) -> Host:
        answer = self.hosts.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _pause(self, seconds: float) -> None:
        self.world.now += seconds


def wanted(name: str = "gpu1", size: str = "", **values: object) -> Wanted:
    """A machine with a T4, or of that size."""
    need = SizeNeed(size=size or SMALL.name, regions=TEAM.regions)
    return Wanted(name, replace(need, **values))  # type: ignore[arg-type]
