"""NVIDIA's cards by their PCI ids, from `cards.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any

from ez.compute.nvidia.found import NVIDIA, Gpu

Version = tuple[int, int]


@dataclass(frozen=True)
class Card:
    """What a card wants of a driver.

    `modules` is the kind of kernel module: `closed` (the proprietary one only), `either`, `open` (that one only).
    `first` and `last` are driver branches, `last` 0 where there is none; `cuda` and `last_cuda` are the first and the
    last CUDA whose compilers know it, None where there is none. `capability` is `8.6`, empty if unknown. `fabric`:
    several of them need the fabric manager. `known` is False for a card that is newer than the table.
    """

    name: str
    generation: str
    capability: str
    modules: str
    first: int
    last: int
    cuda: Version | None
    last_cuda: Version | None
    fabric: bool = False
    known: bool = True

    @property
    def title(self) -> str:
        return f"{self.name} ({self.generation})" if self.known and self.generation not in self.name else self.name


@dataclass(frozen=True)
class Shared:
    """A part of a card, as a cloud gives it out. `url` is the installer of the GRID driver `version`, empty without
    one; `modules` the kind of kernel module that it has."""

    version: str
    modules: str
    url: str


@dataclass(frozen=True)
class Quirk:
    """`options` is a line of modprobe.d(5) for some cards; `modules` the kind they get with it, empty for any."""

    modules: str
    options: str


def card(gpu: Gpu) -> Card:
    """The card that a PCI device is. One that the tables do not have counts as newer than all of them."""
    return card_of(gpu.device)


def called(gpu: Gpu) -> str:
    """What people call a display controller, AMD's too."""
    return card(gpu).title if gpu.vendor == NVIDIA else f"AMD card {gpu.device}"


def card_of(device: str) -> Card:
    """The same, by the PCI device id: four hexadecimal digits."""
    own: Mapping[str, Any] = next((row for row in _tables()["card"] if row["device"] == device), {})
    for row in _tables()["generation"]:
        if any(_within(device, span) for span in row["devices"]):
            return _card({**row, "name": f"{row['name']} card", **own}, row["name"])
    return replace(
        _card({**_tables()["unknown"], "name": f"card 10de:{device}, which is newer than this ez"}, ""), known=False
    )


def generations() -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The generations, oldest first, with the ranges of their PCI device ids."""
    return tuple((row["name"], tuple(row["devices"])) for row in _tables()["generation"])


def named(generation: str) -> tuple[str, ...]:
    """The cards of a generation that have names, each once."""
    rows = (row for row in _tables()["card"] if card_of(row["device"]).generation == generation)
    return tuple(dict.fromkeys(row["name"] for row in rows))


def cards(gpus: tuple[Gpu, ...]) -> tuple[Gpu, ...]:
    """NVIDIA's among the graphics cards, without those that are lent to virtual machines."""
    return tuple(gpu for gpu in gpus if gpu.vendor == NVIDIA and gpu.driver != "vfio-pci")


def shared(gpu: Gpu, cloud: str) -> Shared | None:
    """How that cloud gives out parts of the card, None where it gives the whole card."""
    for row in _tables()["shared"]:
        subsystems = tuple(row.get("subsystems", ()))
        if row["cloud"] == cloud and gpu.device in row["devices"] and (not subsystems or gpu.subsystem in subsystems):
            return Shared(row["version"], row["modules"], row["url"])
    return None


def quirks(gpus: tuple[Gpu, ...], cloud: str) -> tuple[Quirk, ...]:
    """What has to be done differently for these cards in that cloud."""
    there = {gpu.device for gpu in gpus}
    return tuple(
        Quirk(row.get("modules", ""), row["options"])
        for row in _tables()["quirk"]
        if there & set(row["devices"]) and row.get("cloud", cloud) == cloud
    )


def version(text: str) -> Version | None:
    """`12.4` or `12.4.1` as a pair, None for an empty text."""
    major, _, rest = text.partition(".")
    return (int(major), int(rest.partition(".")[0] or 0)) if text else None


@cache
def _tables() -> dict[str, Any]:
    return tomllib.loads(files("ez.compute.nvidia").joinpath("cards.toml").read_text("utf-8"))


def _within(device: str, span: str) -> bool:
    first, _, last = span.partition("-")
    return int(first, 16) <= int(device, 16) <= int(last, 16)


def _card(row: Mapping[str, Any], generation: str) -> Card:
    first_cuda, last_cuda = (version(text) for text in row["cuda"])
    return Card(
        name=row["name"],
        generation=generation,
        capability=row["capability"],
        modules=row["modules"],
        first=row["first"],
        last=row["last"],
        cuda=first_cuda,
        last_cuda=last_cuda,
        fabric=row.get("fabric", False),
    )
