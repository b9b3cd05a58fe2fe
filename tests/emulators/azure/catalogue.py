"""What this cloud has to offer, read from tables: regions, sizes with their prices, images."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_DATA = Path(__file__).parent / "data"

DISK_PRICES = {
    "Standard_LRS": {32: 1.54, 64: 3.01, 128: 5.89, 256: 11.33, 512: 21.76, 1024: 40.96},
    "StandardSSD_LRS": {32: 2.4, 64: 4.8, 128: 9.6, 256: 19.2, 512: 38.4, 1024: 76.8},
    "Premium_LRS": {32: 5.28, 64: 10.21, 128: 19.71, 256: 38.02, 512: 73.22, 1024: 135.17},
}
"""US dollars a month for a disk of up to so many GiB; a kind that is not here costs as the dearest."""
ADDRESS_PRICE = 0.005
"""US dollars for a Standard IPv4 address an hour."""
SHARE_PRICE = 0.06
HOURS = 730
"""Of a month, as Azure counts."""


@dataclass(frozen=True)
class Region:
    name: str
    display: str
    factor: float
    zones: tuple[str, ...]


@dataclass(frozen=True)
class Size:
    """`price` and `spot_price` are US dollars an hour in `eastus`, `spot_price` 0 where there is no spot."""

    name: str
    family: str
    cpus: int
    memory: float
    gpus: int
    generations: tuple[str, ...]
    architecture: str
    price: float
    spot_price: float
    regions: tuple[str, ...]

    def is_in(self, region: str) -> bool:
        return self.regions == ("*",) or region in self.regions

    def hourly(self, region: str, *, spot: bool = False) -> float:
        return round((self.spot_price if spot else self.price) * regions()[region].factor, 6)


@dataclass(frozen=True)
class Image:
    publisher: str
    offer: str
    sku: str
    generation: str
    architecture: str
    gib: int
    plan: str
    versions: tuple[str, ...]


@cache
def regions() -> dict[str, Region]:
    return {
        row["name"]: Region(row["name"], row["display"], float(row["factor"]), tuple(row["zones"].split()))
        for row in _rows("regions.csv")
    }


@cache
def sizes() -> dict[str, Size]:
    """By their names in lower case."""
    return {row["name"].lower(): _size(row) for row in _rows("sizes.csv")}


@cache
def images() -> tuple[Image, ...]:
    return tuple(
        Image(
            row["publisher"],
            row["offer"],
            row["sku"],
            row["generation"],
            row["architecture"],
            int(row["gib"]),
            row["plan"],
            tuple(row["versions"].split()),
        )
        for row in _rows("images.csv")
    )


def size(name: str) -> Size | None:
    return sizes().get(name.lower())


def image(publisher: str, offer: str, sku: str) -> Image | None:
    wanted = (publisher.lower(), offer.lower(), sku.lower())
    return next(
        (one for one in images() if (one.publisher.lower(), one.offer.lower(), one.sku.lower()) == wanted), None
    )


def disk_hourly(kind: str, gib: int) -> float:
    steps = DISK_PRICES.get(kind, DISK_PRICES["Premium_LRS"])
    monthly = next((price for most, price in steps.items() if gib <= most), max(steps.values()) * gib / max(steps))
    return monthly / HOURS


def _size(row: dict[str, str]) -> Size:
    return Size(
        name=row["name"],
        family=row["family"],
        cpus=int(row["cpus"]),
        memory=float(row["memory"]),
        gpus=int(row["gpus"]),
        generations=tuple(row["generations"].split(",")),
        architecture=row["architecture"],
        price=float(row["price"]),
        spot_price=float(row["spot_price"] or 0),
        regions=tuple(row["regions"].split()),
    )


def _rows(name: str) -> list[dict[str, str]]:
    with (_DATA / name).open(newline="") as file:
        return list(csv.DictReader(file))
