"""What a machine has cost so far, from what the index has seen of it."""

from __future__ import annotations

from collections.abc import Sequence

from ez.compute.context import CloudContext
from ez.compute.sizes.cost import PAID, CostSoFar, Thing, cost_so_far
from ez.providers.catalogue import address_month, disk_month, keeps_address
from ez.state import MachineRecord, PowerChange

NOTHING = CostSoFar(0.0, 0.0, 0.0)


def spent(record: MachineRecord, changes: Sequence[PowerChange], now: float) -> CostSoFar:
    """Until `now`, or until nothing of it was left. Idle stops that no ez has seen yet are not in it."""
    if not record.made:
        return NOTHING
    end = record.gone or now
    return cost_so_far(changes, [*_kept(record), *_while_paid(record, changes, end)], end)


def total_cost(record: MachineRecord, cloud: CloudContext) -> float | None:
    """US dollars that it has cost until now, or in all; None if nobody knows, as of another person's machine."""
    known = cloud.state.machines.of(record.create_id)
    if known is None:
        return None
    cost = spent(known, cloud.state.machines.changes(known.create_id), cloud.clock())
    return None if cost.unknown else cost.total


def kept_monthly(record: MachineRecord) -> float | None:
    """US dollars a month that it costs while it is off, None if nobody knows."""
    prices = [thing.monthly for thing in _kept(record)]
    known = [price for price in prices if price is not None]
    return sum(known) if len(known) == len(prices) else None


def _kept(record: MachineRecord) -> list[Thing]:
    """What is there from the first to the last day."""
    until = record.gone or None
    things = [Thing("disk", disk_month(record.provider, record.disk), record.made, until)]
    if not record.private and keeps_address(record.provider):
        things.append(Thing("address", address_month(record.provider), record.made, until))
    return things


def _while_paid(record: MachineRecord, changes: Sequence[PowerChange], end: float) -> list[Thing]:
    """The addresses that it has only while it runs."""
    if record.private or keeps_address(record.provider):
        return []
    price = address_month(record.provider)
    ends = [change.at for change in changes[1:]] + [end]
    spans = zip(changes, ends, strict=True)
    return [Thing("address", price, change.at, until) for change, until in spans if change.power in PAID]
