"""What a workspace has in its cloud: its machines, and the groups and networks that ez made for them."""

from __future__ import annotations

from dataclasses import dataclass

from ez.compute.context import CloudContext
from ez.errors import CloudError
from ez.events import step
from ez.models import Workspace
from ez.providers.base import Cleanable, Leftover, Machine, Provider
from ez.state import MachineRecord

_ROUNDS = 3
"""Things that hold others go first, so that what held nothing shows up only afterwards."""


@dataclass(frozen=True)
class Premises:
    """`records` are what this index knows of machines there, `machines` what the cloud says of them, whosever they
    are, and `things` what ez made besides, in the order in which it can be removed."""

    records: tuple[MachineRecord, ...]
    machines: tuple[Machine, ...] = ()
    things: tuple[Leftover, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Of its machines, with those of whom they are where they are not the index's."""
        known = {record.name for record in self.records}
        others = [each for each in self.machines if each.name not in known]
        return (*sorted(known), *(f"{each.name} ({each.owner or 'nobody'}'s)" for each in others))


def known_premises(workspace: Workspace, cloud: CloudContext) -> Premises:
    """What the index knows of it; no cloud is asked."""
    records = cloud.state.machines.all("ordered", "here", "leaving")
    return Premises(tuple(record for record in records if record.workspace.name == workspace.name))


def premises(workspace: Workspace, cloud: CloudContext) -> Premises:
    """Ask the cloud. Raises CloudError."""
    provider = cloud.make(workspace.provider, cloud.state, workspace)
    machines = tuple(each for each in provider.machines() if each.workspace == workspace.name)
    things = () if machines else _things(provider)
    return Premises(known_premises(workspace, cloud).records, machines, things)


def clear(workspace: Workspace, cloud: CloudContext) -> int:
    """Remove everything that ez made for a workspace without machines, and count it. Raises CloudError for what the
    cloud does not let go of."""
    provider = cloud.make(workspace.provider, cloud.state, workspace)
    removed: set[str] = set()
    for _ in range(_ROUNDS):
        found = [each for each in _things(provider) if each.id not in removed]
        if not found:
            return len(removed)
        assert isinstance(provider, Cleanable)
        for thing in found:
            with step(cloud.sink, "remove", f"Remove {thing.kind} {thing.name}"):
                provider.remove(thing, cloud.sink)
            removed.add(thing.id)
    left = [each for each in _things(provider) if each.id not in removed]
    if left:
        names = ", ".join(f"{each.kind} {each.name}" for each in left)
        raise CloudError(f"still there: {names}", "run the same command again", code="InUse")
    return len(removed)


def _things(provider: Provider) -> tuple[Leftover, ...]:
    return tuple(provider.leftovers(frozenset())) if isinstance(provider, Cleanable) else ()
