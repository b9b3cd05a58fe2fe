"""Sizes as Azure lists them for a region."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ez.providers.base import Size
from ez.providers.catalogue import describe
from ez.providers.wire import items, mapping, number, text, texts

SKUS = "providers/Microsoft.Compute/skus"
SKUS_VERSION = "2021-07-01"


@dataclass(frozen=True)
class Sku:
    """A size in a region: `restricted` if this subscription may not have it there at all, `closed_zones` where it is
    only some zones."""

    name: str
    size: Size
    zones: tuple[str, ...]
    restricted: bool
    closed_zones: tuple[str, ...]
    spot: bool


def read_sku(item: Mapping[str, Any], region: str) -> Sku | None:
    """An item of `Microsoft.Compute/skus`, None for what is no size of machines."""
    if item.get("resourceType") != "virtualMachines" or not text(item.get("name")):
        return None
    told = {text(each.get("name")): str(each.get("value")) for each in items(item.get("capabilities"))}
    zones = sorted(zone for each in items(item.get("locationInfo")) for zone in texts(each.get("zones")))
    restrictions = items(item.get("restrictions"))
    closed = sorted({zone for each in restrictions if each.get("type") == "Zone" for zone in _closed(each, region)})
    return Sku(
        str(item["name"]),
        _size(item, told),
        tuple(zone for zone in zones if zone not in closed),
        any(each.get("type") == "Location" for each in restrictions) or bool(zones and not set(zones) - set(closed)),
        tuple(closed),
        told.get("LowPriorityCapable", "True") == "True",
    )


def _size(item: Mapping[str, Any], told: Mapping[str, str]) -> Size:
    """Constrained sizes have fewer vCPUs available than are counted; the fewer ones are what a person gets."""
    return describe(
        "azure",
        str(item["name"]),
        cpus=int(number(told.get("vCPUsAvailable") or told.get("vCPUs"))),
        memory=number(told.get("MemoryGB")),
        cards=number(told.get("GPUs")),
        architecture="arm64" if told.get("CpuArchitectureType", "x64").lower() == "arm64" else "x86_64",
        family=text(item.get("family")),
        generations=tuple(told["HyperVGenerations"].split(",")) if told.get("HyperVGenerations") else (),
        spot=told.get("LowPriorityCapable", "True") == "True",
    )


def _closed(restriction: Mapping[str, Any], region: str) -> list[str]:
    info = mapping(restriction.get("restrictionInfo"))
    places = [each.lower() for each in texts(info.get("locations")) or [region]]
    return texts(info.get("zones")) if region in places else []
