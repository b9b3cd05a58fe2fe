"""What a person or an environment wants of a machine that is yet to be made, as it is written: `--gpu A100:2`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from ez.compute.need import GpuNeed
from ez.errors import UsageError
from ez.names import shown

DISK = 128
"""GiB of the system disk where nothing is said: images with a driver need 64 of them."""

_NUMBER = re.compile(r"(\d{1,5}(?:\.\d{1,3})?)\s*(?:([gt])(?:i?b)?)?", re.ASCII | re.IGNORECASE)
_LEAST = re.compile(r">=\s*(?P<memory>[^:]+)", re.ASCII)
_CARD = re.compile(r"[A-Za-z][A-Za-z0-9 _.-]{0,38}[A-Za-z0-9]", re.ASCII)
_COUNT = re.compile(r"(\d{1,2})(?:/(\d{1,2})|(\.\d{1,3}))?", re.ASCII)
_SIZE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{1,63}", re.ASCII)
_REGION = re.compile(r"[a-z0-9][a-z0-9-]{1,40}", re.ASCII)
_GPU_FORM = "write it as --gpu T4, --gpu A100:2 or --gpu '>=24GB'"


@dataclass(frozen=True)
class Cards:
    """`name` is a model, `A100` for an A100 of any memory, empty for NVIDIA's of any model. `count` is how many at the
    least, or the part of one; `memory` the GiB that each has at the least."""

    name: str = ""
    count: float = 1
    memory: float = 0


@dataclass(frozen=True)
class SizeNeed:
    """What a size has to have, 0 and empty for whatever it has. `memory` and `disk` are in GiB, `max_price` in US
    dollars an hour. `regions` are those allowed, the first one preferred. `cuda` is what an environment wants of the
    cards' driver; sizes whose card cannot do that are left out."""

    cpus: int = 0
    memory: float = 0
    cards: Cards | None = None
    disk: int = DISK
    spot: bool = False
    max_price: float = 0
    regions: tuple[str, ...] = ()
    size: str = ""
    provider: str = ""
    cuda: GpuNeed | None = field(default=None)

    @property
    def is_open(self) -> bool:
        """Whether nothing is said of what the machine is to have."""
        return not (self.cpus or self.memory or self.cards or self.size)


def parse_need(
    *,
    cpus: int | None = None,
    memory: str | None = None,
    gpu: str | None = None,
    disk: str | None = None,
    spot: bool = False,
    max_price: float | None = None,
    regions: Sequence[str] = (),
    size: str | None = None,
    provider: str | None = None,
    cuda: GpuNeed | None = None,
) -> SizeNeed:
    """The words of a command line. Raises UsageError naming the option that cannot be understood."""
    if cpus is not None and not 1 <= cpus <= 2_000:
        raise UsageError(f"not a number of CPUs: `{cpus}`", "use a number from 1 to 2000, as --cpus 8")
    if max_price is not None and not 0 < max_price < 10_000:
        raise UsageError(f"not a price: `{max_price}`", "write it in US dollars an hour, as --max-price 1.5")
    if size is not None and not _SIZE.fullmatch(size):
        raise UsageError(f"not the name of a size: `{shown(size)}`", "ez compute sizes")
    return SizeNeed(
        cpus=cpus or 0,
        memory=parse_gib(memory, "--memory") if memory is not None else 0,
        cards=parse_cards(gpu) if gpu is not None else None,
        disk=_disk(disk),
        spot=spot,
        max_price=max_price or 0,
        regions=tuple(dict.fromkeys(parse_region(region) for region in regions)),
        size=size or "",
        provider=provider or "",
        cuda=cuda,
    )


def parse_cards(text: str) -> Cards:
    """`T4`, `A100:2`, `A100-80GB`, `A10:1/3`, `>=16GB`, `>=24GB:2`, `2` (two of any kind). Raises UsageError."""
    words = text.strip()
    if _COUNT.fullmatch(words):
        return Cards(count=_count(words, text))
    what, _, count = words.partition(":")
    number, what = _count(count or "1", text), what.strip()
    if least := _LEAST.fullmatch(what):
        return Cards(count=number, memory=parse_gib(least["memory"].strip(), "--gpu"))
    if not _CARD.fullmatch(what):
        raise UsageError(f"not a graphics card: `{shown(text)}`", _GPU_FORM)
    return Cards("" if what.lower() == "any" else what, number)


def parse_gib(text: str, option: str) -> float:
    """GiB: `64`, `64GB` and `64GiB` are the same, as clouds count; `1.5TB` is 1,536. Raises UsageError."""
    found = _NUMBER.fullmatch(text.strip())
    amount = float(found[1]) * (1024 if (found[2] or "").lower() == "t" else 1) if found else 0
    if not amount:
        raise UsageError(f"not an amount of memory for {option}: `{shown(text)}`", "write it as 64 or 64GB")
    return amount


def parse_region(text: str) -> str:
    """`East US` and `eastus` are the same. Raises UsageError."""
    region = text.strip().lower().replace(" ", "")
    if not _REGION.fullmatch(region):
        raise UsageError(f"not a region: `{shown(text)}`", "write it as --region eastus")
    return region


def _count(count: str, text: str) -> float:
    found = _COUNT.fullmatch(count.strip())
    if found is None or (found[2] and not int(found[2])):
        raise UsageError(f"not a number of graphics cards: `{shown(text)}`", _GPU_FORM)
    number = int(found[1]) / int(found[2]) if found[2] else float(found[1] + (found[3] or ""))
    if not number:
        raise UsageError(f"not a number of graphics cards: `{shown(text)}`", _GPU_FORM)
    return number


def _disk(text: str | None) -> int:
    if text is None:
        return DISK
    amount = parse_gib(text, "--disk")
    if not 30 <= amount <= 32_767 or amount != int(amount):
        raise UsageError(f"not the size of a disk: `{shown(text)}`", "write it in GB from 30 to 32767, as --disk 256")
    return int(amount)
