"""Machines of the workspace that this index does not know: another person's, made on another computer, or before the
index was lost. Their tags say all that is needed, the pinned host key too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ez.compute.context import CloudContext
from ez.compute.kept import keep
from ez.models import Workspace
from ez.names import is_name
from ez.providers.base import Machine, Offer
from ez.state import MachineRecord

Prices = Mapping[tuple[str, str, bool], float | None]
"""US dollars an hour of a size (in small letters) in a region, as spot or not; None if nobody knows."""


def adopt(name: str, cloud: CloudContext) -> tuple[MachineRecord, str] | None:
    """The machine of that name in the workspace, and whose it is where it is another person's; this person's own is
    kept in the index. None where there is none, or no cloud is set up. Raises CloudError."""
    workspace = cloud.workspace("")
    if not workspace.provider or not is_name(name):
        return None
    machine = cloud.make(workspace.provider, cloud.state, workspace).machine(name)
    if machine is None or (machine.workspace, machine.name) != (workspace.name, name):
        return None
    record = record_of(machine, workspace, prices_of(cloud.offers(machine.provider)), cloud.clock())
    if machine.owner != workspace.owner:
        return record, machine.owner or "somebody else"
    known = cloud.state.machines.of(machine.create_id)
    if known is not None and known.phase == "dead":
        return None
    return keep(record, machine, cloud), ""


def record_of(machine: Machine, workspace: Workspace, prices: Prices, now: float) -> MachineRecord:
    """What the index would hold of a machine that it does not know."""
    return MachineRecord(
        create_id=machine.create_id or machine.id,
        name=machine.name,
        phase="here",
        provider=machine.provider,
        workspace=workspace,
        spot=machine.spot,
        disk=machine.disk,
        price=prices.get((machine.size.lower(), machine.region, machine.spot)),
        user=machine.user,
        host_keys=machine.host_keys,
        idle_minutes=workspace.idle_minutes if machine.idle_minutes is None else machine.idle_minutes,
        private=machine.private or (workspace.private and not machine.address),
        ordered=machine.created or now,
        fenced=now,
    )


def prices_of(offers: Sequence[Offer]) -> Prices:
    found: dict[tuple[str, str, bool], float | None] = {}
    for offer in reversed(offers):
        found[offer.size.name.lower(), offer.region, False] = offer.price
        found[offer.size.name.lower(), offer.region, True] = offer.spot_price
    return found
