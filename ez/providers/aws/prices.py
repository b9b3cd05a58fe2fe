"""Sizes, zones and prices as AWS publishes them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from ez.errors import CloudError, SignInError
from ez.events import Notice, Output, Sink
from ez.providers.aws.account import Account, pages
from ez.providers.aws.quota import family_of
from ez.providers.base import Offer, Size
from ez.providers.catalogue import describe, shipped
from ez.providers.together import side_by_side
from ez.providers.wire import mapping, number

_PRICES_AT = "us-east-1"
"""The price list answers for all regions in a few of them (AWS's user guide, "Price List Query API endpoints")."""

_SYSTEM = "Linux/UNIX"
_WANTED = {
    "operatingSystem": "Linux",
    "tenancy": "Shared",
    "preInstalledSw": "NA",
    "capacitystatus": "Used",
    "marketoption": "OnDemand",
}


@dataclass(frozen=True)
class Price:
    """US dollars an hour, and the day of the list it is of."""

    hourly: float
    day: str


def offers(account: Account, regions: Sequence[str], sink: Sink) -> list[Offer]:
    """All that the regions offer today; where AWS tells no prices, those that ez ships with. Raises CloudError."""
    found = side_by_side([partial(_of_region, account, region, sink) for region in regions])
    return [offer for each in found for offer in each]


def spot_price(account: Account, offer: Offer) -> float | None:
    """Of this moment. Raises CloudError."""
    return _spot_prices(account, offer.region, InstanceTypes=[offer.size.name]).get(offer.size.name)


def _of_region(account: Account, region: str, sink: Sink) -> list[Offer]:
    """The lists are long, so that they are asked for side by side."""
    sink(Output("sizes", f"aws {region}"))
    lists: list[Callable[[], Any]] = [
        partial(call, account, region) for call in (_kinds, _zones, _spot_prices, partial(_known_prices, sink))
    ]
    kinds, zones, spot, prices = side_by_side(lists)
    return [
        Offer(
            _size(kinds[name]),
            region,
            prices[name].hourly if name in prices else None,
            spot.get(name),
            prices[name].day if name in prices else "",
            tuple(sorted(zones[name])),
        )
        for name in sorted(kinds.keys() & zones.keys())
    ]


def _kinds(account: Account, region: str) -> dict[str, dict[str, Any]]:
    with account.translated(f"cannot read the sizes of {region}"):
        found = [one for page in pages(account.ec2(region), "describe_instance_types") for one in page["InstanceTypes"]]
    return {kind["InstanceType"]: kind for kind in found if not kind.get("BareMetal")}


def _size(kind: dict[str, Any]) -> Size:
    name = kind["InstanceType"]
    cards = [card for card in kind.get("GpuInfo", {}).get("Gpus", ()) if card.get("Manufacturer") == "NVIDIA"]
    return describe(
        "aws",
        name,
        cpus=kind["VCpuInfo"]["DefaultVCpus"],
        memory=kind["MemoryInfo"]["SizeInMiB"] / 1024,
        cards=sum(card.get("Count", 0) for card in cards),
        card=cards[0].get("Name", "") if cards else "",
        card_memory=cards[0].get("MemoryInfo", {}).get("SizeInMiB", 0) / 1024 if cards else 0,
        architecture=_architecture(kind),
        family=family_of(name),
        spot="spot" in kind.get("SupportedUsageClasses", ()),
    )


def _architecture(kind: dict[str, Any]) -> str:
    known = kind.get("ProcessorInfo", {}).get("SupportedArchitectures", ())
    return "arm64" if "arm64" in known else "x86_64"


def _zones(account: Account, region: str) -> dict[str, set[str]]:
    zones: dict[str, set[str]] = {}
    with account.translated(f"cannot read the zones of {region}"):
        for page in pages(account.ec2(region), "describe_instance_type_offerings", LocationType="availability-zone"):
            for one in page["InstanceTypeOfferings"]:
                zones.setdefault(one["InstanceType"], set()).add(one["Location"])
    return zones


def _spot_prices(account: Account, region: str, **only: Any) -> dict[str, float]:
    """The lowest of a region's zones, of this moment."""
    from datetime import UTC, datetime

    lowest: dict[str, float] = {}
    wanted = {"StartTime": datetime.now(UTC), "ProductDescriptions": [_SYSTEM], **only}
    with account.translated(f"cannot read the spot prices of {region}"):
        asked = pages(account.ec2(region), "describe_spot_price_history", **wanted)
        for one in (row for page in asked for row in page["SpotPriceHistory"]):
            name, price = one["InstanceType"], number(one["SpotPrice"])
            if price:
                lowest[name] = min(price, lowest.get(name, price))
    return lowest


def _known_prices(sink: Sink, account: Account, region: str) -> dict[str, Price]:
    """A right of its own is needed for the price list, and not every network lets one reach it."""
    try:
        with account.translated(f"cannot read the prices of {region}"):
            return dict(_prices(account, region))
    except SignInError:
        raise
    except CloudError as error:
        sink(Notice(f"{error.message}; the prices that ez ships with are used", "warning"))
    known = [offer for offer in shipped("aws").offers if offer.region == region]
    return {offer.size.name: Price(offer.price, offer.dated) for offer in known if offer.price is not None}


def _prices(account: Account, region: str) -> Iterator[tuple[str, Price]]:
    wanted = {**_WANTED, "regionCode": region}
    asked = [{"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in wanted.items()]
    client = account.client("pricing", _PRICES_AT)
    for page in pages(client, "get_products", ServiceCode="AmazonEC2", Filters=asked):
        yield from _read(page["PriceList"])


def _read(products: Iterable[str]) -> Iterator[tuple[str, Price]]:
    """A product's terms are nested by ids that nobody needs."""
    for text in products:
        try:
            product = mapping(json.loads(text))
        except ValueError:
            continue
        name = mapping(mapping(product.get("product")).get("attributes")).get("instanceType")
        day = str(product.get("publicationDate", ""))[:10]
        for dimension in _dimensions(product):
            hourly = number(mapping(dimension.get("pricePerUnit")).get("USD"))
            if name and dimension.get("unit") == "Hrs" and hourly > 0:
                yield str(name), Price(hourly, day)


def _dimensions(product: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for term in mapping(mapping(product.get("terms")).get("OnDemand")).values():
        for dimension in mapping(mapping(term).get("priceDimensions")).values():
            yield mapping(dimension)
