"""What a machine will cost, as it is shown before it is made; pure."""

from __future__ import annotations

from dataclasses import dataclass

from ez.compute.sizes.cost import hourly
from ez.compute.sizes.words import is_burstable
from ez.providers.base import Offer
from ez.providers.catalogue import address_month, disk_month, keeps_address

WORKING_HOURS = 8
"""Of a typical day; it is stopped for the rest of it."""


@dataclass(frozen=True)
class Quote:
    """US dollars: `price` and `spot_price` by the hour, `disk_month` and `address_month` by the month, also while it is
    stopped. `stopped_month` is all of it for a machine that never runs, `day` for one that works 8 hours; None where
    nobody knows. `memory`, `gpu_memory` and `disk` are in GiB.

    `price_of` is the region whose price it is, where it is not known in `region`; `dated` its day. `quota_left` is how
    many CPUs of its kind may still be had there, None if nobody has asked. `notes` are sentences.
    """

    provider: str
    size: str
    cpus: int
    memory: float
    architecture: str
    gpu: str
    gpu_count: float
    gpu_memory: float
    region: str
    price: float | None
    spot_price: float | None
    spot: bool
    dated: str
    price_of: str
    disk: int
    disk_month: float | None
    address_month: float | None
    stopped_month: float | None
    day: float | None
    quota_left: int | None
    notes: tuple[str, ...]
    sold_as_spot: bool = True

    @property
    def paid(self) -> float | None:
        """By the hour, for the way of paying that was chosen."""
        return self.spot_price if self.spot else self.price


def quote(
    offer: Offer, *, disk: int, spot: bool = False, private: bool = False, quota_left: int | None = None
) -> Quote:
    """What `offer` costs with a system disk of `disk` GiB; a `private` machine has no public address."""
    size = offer.size
    kept_disk = disk_month(size.provider, disk)
    kept_address = address_month(size.provider) if keeps_address(size.provider) and not private else 0.0
    kept = None if kept_disk is None or kept_address is None else kept_disk + kept_address
    paid = offer.spot_price if spot else offer.price
    stopped = hourly(kept)
    return Quote(
        provider=size.provider,
        size=size.name,
        cpus=size.cpus,
        memory=size.memory,
        architecture=size.architecture,
        gpu=size.gpu,
        gpu_count=size.gpu_count,
        gpu_memory=size.gpu_memory,
        region=offer.region,
        price=offer.price,
        spot_price=offer.spot_price,
        spot=spot,
        dated=offer.dated,
        price_of=offer.price_of,
        disk=disk,
        disk_month=kept_disk,
        address_month=kept_address,
        stopped_month=kept,
        day=None if paid is None or stopped is None else paid * WORKING_HOURS + stopped * 24,
        quota_left=quota_left,
        notes=tuple(_notes(offer, spot)),
        sold_as_spot=size.spot,
    )


def _notes(offer: Offer, spot: bool) -> list[str]:
    size = offer.size
    said = []
    if offer.price_of:
        said.append(f"nobody has asked for the prices of {offer.region}: these are {offer.price_of}'s")
    if spot:
        said.append("spot: it may be stopped at any time, with 30 seconds' notice, and its price moves")
    if is_burstable(size):
        said.append("burstable: it has all of its CPUs only for a while")
    if size.gpu_count and size.gpu_count < 1:
        said.append("it has a part of a card, for which its cloud has drivers of its own")
    if size.retired:
        said.append(f"its cloud gives the size up on {size.retired}")
    return said
