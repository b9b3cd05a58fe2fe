"""Today's sizes and prices: the list of sizes of each region, and the public price list, which needs no sign-in.

Source of the price list: learn.microsoft.com/rest/api/cost-management/retail-prices/azure-retail-prices.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from ez.errors import CloudError
from ez.events import Sink
from ez.providers.azure.calls import ask, tell
from ez.providers.azure.client import Arm, json_object
from ez.providers.azure.errors import Attempt, translated
from ez.providers.azure.skus import SKUS, SKUS_VERSION, Sku, read_sku
from ez.providers.base import Offer
from ez.providers.together import side_by_side
from ez.providers.wire import items, number, text

PRICES = "https://prices.azure.com"
_VERSION = "2023-01-01-preview"
_MOST_PAGES = 500


@dataclass(frozen=True)
class Price:
    """US dollars an hour since a day; 0 and an empty day where the list has none."""

    amount: float = 0.0
    since: str = ""


Prices = Mapping[tuple[str, bool], Price]
"""By size in lower case, and whether it is spot."""


def offers(arm: Arm, regions: Sequence[str], sink: Sink) -> list[Offer]:
    """What can be had in the regions; a size that this subscription may not have is left out. Raises CloudError."""
    day = datetime.now(UTC).strftime("%Y-%m-%d")
    asked = [partial(_of_region, arm, region, sink, day) for region in regions]
    return [offer for found in side_by_side(asked) for offer in found]


def read_prices(listed: Iterable[Mapping[str, Any]]) -> Prices:
    """Linux, by the hour, on demand or spot; of several rows the newest counts."""
    found: dict[tuple[str, bool], Price] = {}
    for item in listed:
        names = " ".join(str(item.get(key, "")) for key in ("productName", "skuName", "meterName"))
        unwanted = ("Windows", "Dedicated", "Cloud Services", "CloudServices", "Low Priority")
        hourly = item.get("type") == "Consumption" and item.get("unitOfMeasure") == "1 Hour"
        amount = number(item.get("retailPrice"))
        if not hourly or amount <= 0 or any(word in names for word in unwanted):
            continue
        key = (str(item.get("armSkuName", "")).lower(), "Spot" in names)
        price = Price(amount, str(item.get("effectiveStartDate", "")))
        if price.since >= found.get(key, Price()).since:
            found[key] = price
    return found


def spot_price(arm: Arm, offer: Offer) -> float | None:
    """Of this moment, as far as the public list follows it. Raises CloudError."""
    only = f" and armSkuName eq '{offer.size.name}'"
    found = read_prices(_price_items(arm, offer.region, only)).get((offer.size.name.lower(), True))
    return found.amount if found else None


def _of_region(arm: Arm, region: str, sink: Sink, day: str) -> list[Offer]:
    tell(sink, f"asking for the sizes and prices of {region}")
    skus, rows = side_by_side([partial(_skus, arm, region), partial(_price_items, arm, region)])
    prices = read_prices(rows)
    return [_offer(sku, region, prices, day) for sku in skus if not sku.restricted]


def _offer(sku: Sku, region: str, prices: Prices, day: str) -> Offer:
    name = sku.name.lower()
    price, spot = prices.get((name, False)), prices.get((name, True))
    return Offer(
        sku.size, region, price.amount if price else None, spot.amount if spot and sku.spot else None, day, sku.zones
    )


def _skus(arm: Arm, region: str) -> list[Any]:
    attempt = Attempt("list Azure's sizes", region=region)
    filter = f"location eq '{region}'"
    found = ask(arm, attempt, lambda: arm.pages(SKUS, SKUS_VERSION, {"$filter": filter}))
    return [sku for item in found if (sku := read_sku(item, region))]


def _price_items(arm: Arm, region: str, only: str = "") -> list[Any]:
    """All pages of a region's prices; without a token, which is nobody's business there."""
    base = arm.connection.endpoint if arm.connection.workspace.endpoint else PRICES
    where = f"serviceName eq 'Virtual Machines' and priceType eq 'Consumption' and armRegionName eq '{region}'"
    attempt = Attempt("ask for Azure's prices", region=region)
    found: list[Any] = []
    url, parameters = f"{base}/api/retail/prices", {"api-version": _VERSION, "$filter": where + only}
    for _ in range(_MOST_PAGES):
        page = ask(arm, attempt, partial(_page, arm, url, parameters))
        found += items(page.get("Items"))
        url, parameters = text(page.get("NextPageLink")), {}
        if not url:
            return found
        if not url.startswith(f"{base}/") and not url.startswith(f"{base}:443/"):
            raise CloudError(
                f"cannot {attempt.doing}: the list goes on somewhere else", "try again later", code="Elsewhere"
            )
    return found


def _page(arm: Arm, url: str, parameters: Mapping[str, str]) -> dict[str, Any]:
    from azure.core.rest import HttpRequest

    with translated(Attempt("ask for Azure's prices")):
        response = arm.connection.anonymous.send_request(HttpRequest("GET", url, params=parameters))
        response.raise_for_status()
        return json_object(response)
