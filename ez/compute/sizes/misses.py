"""What an offer lacks of what is wanted, in words; pure."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from ez.compute.need import GpuNeed
from ez.compute.sizes.need import Cards, SizeNeed
from ez.compute.sizes.words import article, is_burstable, is_nvidia, money, part_words
from ez.providers.base import Offer, Size

if TYPE_CHECKING:
    from ez.state import Refusal

NEVER = 1_000_000.0
"""The weight of what makes an offer no answer at all, however near it is otherwise."""

_BURST_CPUS = 2
"""Whoever asks for more CPUs than these wants to work with them."""


@dataclass(frozen=True)
class Miss:
    """`weight` tells how far it is from what is wanted: 0.5 for a half more. `sale`: the size is right, but not sold as
    it is asked for. `hint` is what would help where no other size does."""

    words: str
    weight: float
    sale: bool = False
    hint: str = ""


def refused(offer: Offer, zone: str, spot: bool, refusals: Iterable[Refusal]) -> Refusal | None:
    """Why the offer is not to be tried in that zone, empty for wherever the cloud likes, which refusals call `-`."""
    for refusal in refusals:
        if covers((refusal.region, refusal.size, refusal.zone), offer, zone) and refusal.spot in (None, spot):
            return refusal
    return None


def covers(block: tuple[str, str, str], offer: Offer, zone: str) -> bool:
    """Whether a region, a size or family, and a zone, each empty for all, are those of the offer in that zone."""
    region, size, where = block
    sizes = (offer.size.name, *filter(None, (offer.size.family,)))
    return _is(region, offer.region) and any(_is(size, name) for name in sizes) and _is(where, zone or "-")


def misses(offer: Offer, need: SizeNeed, refusals: Sequence[Refusal], now: float) -> tuple[Miss, ...]:
    """Everything that speaks against the offer; empty for one that fits. `refusals` are those that still count."""
    size = offer.size
    by_name = size.name.lower() == need.size.lower()
    found = (
        *_retired(size, now),
        *_amounts(size, need),
        *(() if by_name else _kind(size, need)),
        *(_cards(size, need.cards) if need.cards else ()),
        *_sale(offer, need),
        *_refused(offer, need, refusals),
    )
    return (*found, *_driver(size, need)) if need.cuda or not found else found


def is_retired(size: Size, now: float) -> bool:
    """Whether its cloud has given it up by then; one whose day is still to come is as good as any."""
    return bool(size.retired) and (not now or size.retired <= time.strftime("%Y-%m-%d", time.gmtime(now)))


def is_called(card: str, name: str) -> bool:
    """Whether the card is a `name`: an `A100` has 40 or 80 GB, an A10 is no A100."""
    return bool(card) and _plain(name) in (_plain(card), _plain(card.partition("-")[0]))


def _retired(size: Size, now: float) -> Iterator[Miss]:
    if is_retired(size, now):
        yield Miss(f"retired on {size.retired}", NEVER)


def _amounts(size: Size, need: SizeNeed) -> Iterator[Miss]:
    if size.cpus < need.cpus:
        yield Miss(f"{size.cpus} of {need.cpus} CPUs", need.cpus / size.cpus - 1)
    if size.memory < need.memory:
        yield Miss(f"{size.memory:g} of {need.memory:g} GB", need.memory / size.memory - 1)


def _kind(size: Size, need: SizeNeed) -> Iterator[Miss]:
    """What nobody gets who has not named it."""
    if size.architecture != "x86_64":
        yield Miss(f"{size.architecture}, which not all packages are made for", NEVER)
    if size.gpu and not need.cards and not need.is_open:
        yield Miss("has a card that is not wanted", NEVER)
    if is_burstable(size) and need.cpus > _BURST_CPUS:
        yield Miss("burstable: all of its CPUs only for a while", 0.5)


def _cards(size: Size, cards: Cards) -> Iterator[Miss]:
    if not size.gpu:
        yield Miss("no graphics card", NEVER)
        return
    if cards.name and not is_called(size.gpu, cards.name):
        yield Miss(f"its card is {article(size.gpu)} {size.gpu}", 5)
    if not cards.name and not is_nvidia(size):
        yield Miss(f"its {size.gpu} is not NVIDIA's", NEVER)
    if size.gpu_memory < cards.memory:
        known = f"{size.gpu_memory:g} of {cards.memory:g} GB" if size.gpu_memory else "nobody says how many GB"
        yield Miss(f"its {size.gpu} has {known}", cards.memory / size.gpu_memory - 1 if size.gpu_memory else NEVER)
    elif size.gpu_count < cards.count - 0.01 and not (cards.memory and cards.count == 1):
        there = part_words(size.gpu_count) if size.gpu_count < 1 else f"{size.gpu_count:g}"
        wanted = article(size.gpu) if cards.count == 1 else f"{cards.count:g}"
        yield Miss(f"{there} of {wanted} {size.gpu}", cards.count / size.gpu_count - 1)


def _driver(size: Size, need: SizeNeed) -> Iterator[Miss]:
    """Whole cards have a driver; what an environment needs of it, or a part of a card, has to be looked at."""
    if not is_nvidia(size) or (need.cuda is None and (size.gpu_count >= 1 or not need.cards)):
        return
    from ez.compute.sizes.fit import misfit

    if refusal := misfit(size, need.cuda or _ANY):
        yield Miss(refusal.what, NEVER, hint=refusal.hint)


def _sale(offer: Offer, need: SizeNeed) -> Iterator[Miss]:
    if need.regions and offer.region not in need.regions:
        yield Miss(f"only in {offer.region}", 1, sale=True)
    if need.spot and not offer.size.spot:
        yield Miss("not sold as spot", 1, sale=True)
    price = offer.spot_price if need.spot else offer.price
    if need.max_price and price is not None and price > need.max_price:
        most = money(need.max_price) if need.max_price >= 0.001 else f"${need.max_price:g}"
        yield Miss(f"{money(price)} an hour of {most}", price / need.max_price - 1, sale=True)
    if need.max_price and price is None and not need.spot:
        yield Miss("nobody knows its price", NEVER)


def _refused(offer: Offer, need: SizeNeed, refusals: Sequence[Refusal]) -> Iterator[Miss]:
    """A zone that has room is enough."""
    found = [refused(offer, zone, need.spot, refusals) for zone in ("", *offer.zones)] if refusals else [None]
    if found[0] is not None and all(found):
        yield Miss(f"{found[0].reason} (a short time ago, in {offer.region})", NEVER)


def _is(text: str, value: str) -> bool:
    """Clouds spell regions, sizes and families in any case; empty is all of them."""
    return not text or text.casefold() == value.casefold()


@cache
def _plain(name: str) -> str:
    """A name as it is compared: `RTX PRO 6000` and `rtx-pro-6000` are the same."""
    return "".join(mark for mark in name.lower() if mark.isalnum())


_ANY = GpuNeed()
