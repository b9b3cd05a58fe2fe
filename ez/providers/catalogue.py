"""The sizes and prices that ez ships with, from `sizes/*.json`, each with its day; nothing is asked of a cloud.

A file has the rows of `Size` (without its provider), and by region each size's price, spot price and the day of the
price; `sources` says where all of it comes from. `region` is what names of regions look like; `cards` tell the cards of
sizes that are newer than the file, their memory 0 where it is unknown.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any

from ez.providers.base import Offer, Size

HOURS_OF_MONTH = 730
"""Hours that a cloud counts as a month where it has a price for one."""

CATALOGUES = ("azure", "aws")
"""Keys of the providers that have one."""

_ALL = 20
"""A region with fewer sizes has others, which nobody has told."""


@dataclass(frozen=True)
class Catalogue:
    """`dated` is the day of most prices, `spot_dated` that of spot prices, empty without any."""

    provider: str
    dated: str
    spot_dated: str
    offers: tuple[Offer, ...]
    sources: tuple[str, ...] = ()


@cache
def shipped(provider: str) -> Catalogue:
    """The catalogue of that provider; an empty one for a provider that has none."""
    file = _file(provider)
    if not file:
        return Catalogue(provider, "", "", ())
    sizes = {row[0]: _size(provider, row) for row in file["sizes"]}
    offers = tuple(
        Offer(sizes[name], region, price, spot, day, zones_of(provider, region))
        for region, prices in file["prices"].items()
        for name, (price, spot, day) in prices.items()
    )
    return Catalogue(provider, file["dated"], file["spot_dated"], offers, tuple(file["sources"]))


def sizes(provider: str) -> tuple[Size, ...]:
    """Each size of the catalogue once."""
    return tuple(dict.fromkeys(offer.size for offer in shipped(provider).offers))


def known_size(provider: str, name: str) -> Size | None:
    """The size of that name in any letter case, None for one that ez did not know when it was made."""
    return _by_name(provider).get(name.lower())


def describe(
    provider: str,
    name: str,
    *,
    cpus: int,
    memory: float,
    cards: float = 0,
    card: str = "",
    card_memory: float = 0,
    architecture: str = "x86_64",
    family: str = "",
    generations: Sequence[str] = (),
    spot: bool = True,
) -> Size:
    """A size as a cloud's list has it, with what no list tells: the model and the memory of a card, the parts of one,
    and that the size is retired. `card` and `card_memory` (GiB) are what the list says of them, if anything.
    """
    known = known_size(provider, name)
    if known is not None:
        return replace(
            known,
            cpus=cpus,
            memory=memory,
            architecture=architecture,
            family=family or known.family,
            generations=tuple(generations) or known.generations,
            spot=spot,
        )
    model, whole = _card(provider, name, card, card_memory) if cards else ("", 0)
    share = whole * cards if cards < 1 else whole
    return Size(
        provider, name, cpus, memory, model, cards, share, architecture, family, tuple(generations), spot, retired=""
    )


def zones_of(provider: str, region: str) -> tuple[str, ...]:
    """The zones of a region, empty where it has none or they are not known. A size need not be in each of them."""
    zones = _file(provider)["zones"]
    return tuple(zones["names"]) if region in zones["regions"] else ()


def is_region(provider: str, text: str) -> bool:
    """Whether `text` looks like a region of that cloud."""
    form = _file(provider).get("region")
    return form is not None and re.fullmatch(form, text, re.ASCII) is not None


def disk_month(provider: str, gib: int) -> float | None:
    """US dollars a month for the system disk of that size, whether its machine runs or not; None if nobody knows."""
    disks = _file(provider).get("disks")
    if disks is None:
        return None
    if disks["per_gib"] is not None:
        return float(disks["per_gib"] * gib)
    return next((float(price) for step, price in disks["steps"] if gib <= step), None)


def address_month(provider: str) -> float | None:
    """US dollars a month for a public IPv4 address; None if nobody knows."""
    price = _file(provider).get("address")
    return None if price is None else float(price)


def spread(offers: Iterable[Offer], regions: Sequence[str]) -> Iterator[Offer]:
    """The offers; and of `regions` that nobody has told all sizes of, those of other regions for about their price."""
    known = tuple(offers)
    yield from known
    for provider in dict.fromkeys(offer.size.provider for offer in known):
        own = [offer for offer in known if offer.size.provider == provider]
        for region in regions:
            there = {offer.size.name for offer in own if offer.region == region}
            if len(there) < _ALL and is_region(provider, region):
                zones = zones_of(provider, region)
                other = {offer.size.name: offer for offer in reversed(own) if offer.price is not None}
                for name in other.keys() - there:
                    yield replace(other[name], region=region, zones=zones, price_of=other[name].region)


def keeps_address(provider: str) -> bool:
    """Whether a machine that is stopped keeps its public address, and pays for it; else it has a new one each time."""
    return bool(_file(provider).get("address_kept", True))


@cache
def _by_name(provider: str) -> Mapping[str, Size]:
    return {size.name.lower(): size for size in sizes(provider)}


@cache
def _file(provider: str) -> dict[str, Any]:
    if provider not in CATALOGUES:
        return {}
    found: dict[str, Any] = json.loads(files("ez.providers").joinpath("sizes", f"{provider}.json").read_text("utf-8"))
    return found


def _size(provider: str, row: Sequence[Any]) -> Size:
    name, cpus, memory, gpu, count, card_memory, architecture, family, generations, spot, retired = row
    return Size(
        provider, name, cpus, memory, gpu, count, card_memory, architecture, family, tuple(generations), spot, retired
    )


def _card(provider: str, name: str, card: str, memory: float) -> tuple[str, float]:
    """The model and the whole memory of a card: by what the size is called, or as the cloud calls it."""
    for pattern, model, whole in _file(provider)["cards"]:
        if re.search(pattern, name):
            return str(model), float(whole)
    same = [size for size in sizes(provider) if card and size.gpu_count >= 1 and _called(size.gpu, card)]
    nearest = min(same, key=lambda size: abs(size.gpu_memory - memory), default=None)
    return (nearest.gpu, nearest.gpu_memory) if nearest else (card, memory)


def _called(model: str, card: str) -> bool:
    """Whether `model` is how ez calls what the cloud calls `card`: `A100-80GB` for an A100."""
    plain = card.replace("Server ", "")
    return model == plain or model.startswith(f"{plain}-")
