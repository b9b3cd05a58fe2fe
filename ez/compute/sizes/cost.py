"""What a machine has cost so far: time in each power state at its price, and what is kept for it; pure.

The rules, which are the clouds': all of it by the second, without rounding. A machine is paid for from when it starts
until its cores are given back, also while it is merely shut down. Disk and address are paid for from when they are made
until they are deleted, whatever the machine does; their prices are for a month of 730 hours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ez.providers.base import Power
from ez.providers.catalogue import HOURS_OF_MONTH

if TYPE_CHECKING:
    from ez.state import PowerChange

PAID: frozenset[Power] = frozenset({"starting", "running", "stopping", "stopped"})
"""The power states in which the machine itself is paid for."""

_HOUR = 3600


@dataclass(frozen=True)
class Thing:
    """What is kept for a machine at `monthly` dollars, None if nobody knows, from `since` to `until`, None for ever."""

    kind: Literal["disk", "address"]
    monthly: float | None
    since: float
    until: float | None = None


@dataclass(frozen=True)
class CostSoFar:
    """In US dollars. `unknown`: there was something to pay for of which nobody knows the price, and it is more."""

    compute: float
    disk: float
    address: float
    unknown: bool = False

    @property
    def total(self) -> float:
        return self.compute + self.disk + self.address


def cost_so_far(changes: Sequence[PowerChange], things: Sequence[Thing], now: float) -> CostSoFar:
    """The cost until `now`. `changes` are in the order in which they happened; the last one lasts until `now`."""
    ends = [*(change.at for change in changes), now][1:]
    spans = [
        (change.price, max(0.0, min(end, now) - change.at))
        for change, end in zip(changes, ends, strict=True)
        if change.power in PAID
    ]
    kept = {kind: [_span(thing, now) for thing in things if thing.kind == kind] for kind in ("disk", "address")}
    every = [*spans, *kept["disk"], *kept["address"]]
    return CostSoFar(
        compute=_sum(spans),
        disk=_sum(kept["disk"]),
        address=_sum(kept["address"]),
        unknown=any(price is None and seconds > 0 for price, seconds in every),
    )


def hourly(monthly: float | None) -> float | None:
    """Dollars an hour of what has a price for the month."""
    return None if monthly is None else monthly / HOURS_OF_MONTH


def _span(thing: Thing, now: float) -> tuple[float | None, float]:
    end = now if thing.until is None else min(thing.until, now)
    return hourly(thing.monthly), max(0.0, end - thing.since)


def _sum(spans: Sequence[tuple[float | None, float]]) -> float:
    return sum(price * seconds / _HOUR for price, seconds in spans if price is not None)
