"""Sizes, needs and money as people read them."""

from __future__ import annotations

from ez.compute.sizes.need import Cards, SizeNeed
from ez.providers.base import Offer, Size


def gpu_words(size: Size) -> str:
    """`T4 16 GB`, `2 x A100-80GB`, `1/3 of an A10, 8 GB`; empty without a card."""
    if not size.gpu:
        return ""
    memory = f" {size.gpu_memory:g} GB" if size.gpu_memory and f"{size.gpu_memory:g}GB" not in size.gpu else ""
    if size.gpu_count < 1:
        return f"{part_words(size.gpu_count)} of {article(size.gpu)} {size.gpu},{memory}".rstrip(",")
    return f"{size.gpu}{memory}" if size.gpu_count == 1 else f"{size.gpu_count:g} x {size.gpu}{memory}"


def part_words(count: float) -> str:
    """`1/3` for 0.333."""
    below = next((number for number in range(1, 13) if abs(count * number - round(count * number)) < 0.01), 100)
    return f"{round(count * below)}/{below}"


def article(word: str) -> str:
    return "an" if word[:1].upper() in "AEHLM" or word[:3].upper() == "RTX" else "a"


def size_words(size: Size) -> str:
    """`4 CPUs, 28 GB, T4 16 GB`."""
    return ", ".join(filter(None, (f"{size.cpus} CPUs", f"{size.memory:g} GB", gpu_words(size))))


def need_words(need: SizeNeed) -> str:
    """`8 CPUs, 64 GB, 2 x A100, at most $4.00, in eastus or westus3`."""
    cards = need.cards
    what = [
        f"`{need.size}`" if need.size else "",
        f"{need.cpus} CPUs" if need.cpus else "",
        f"{need.memory:g} GB" if need.memory else "",
        cards_words(cards) if cards else "",
        "as spot" if need.spot else "",
        f"at most ${need.max_price:g} an hour" if need.max_price else "",
        f"in {' or '.join(need.regions)}" if need.regions else "",
        f"for {need.cuda.reason}" if need.cuda and need.cuda.cuda and need.cuda.reason else "",
    ]
    return ", ".join(filter(None, what)) or "any"


def cards_words(cards: Cards) -> str:
    memory = f" with {cards.memory:g} GB" if cards.memory else ""
    if cards.count == 1:
        return f"{cards.name or 'a card'}{memory}"
    times = f"{part_words(cards.count)} of" if cards.count < 1 else f"{cards.count:g} x"
    return f"{times} {cards.name or 'cards'}{memory}"


def money(amount: float | None) -> str:
    """Dollars: cents from a dollar on, a tenth of a cent below; `?` where nobody knows."""
    if amount is None:
        return "?"
    return f"${amount:,.2f}" if amount >= 1 else f"${amount:.3f}"


def price_words(offer: Offer, *, spot: bool = False) -> str:
    """The price of an hour; `~` before one that is another region's, or an old one of spot."""
    price = offer.spot_price if spot else offer.price
    return f"~{money(price)}" if price is not None and (offer.price_of or spot) else money(price)


def series(size: Size) -> str:
    """What sizes that differ in their number of CPUs have in common: `NCas_T4_v3`, `g4dn`."""
    if size.provider == "aws":
        return size.name.partition(".")[0]
    name = size.name.removeprefix("Standard_")
    first = next((index for index, mark in enumerate(name) if mark.isdigit()), len(name))
    rest = name[first:].lstrip("0123456789")
    return f"{name[:first]}{rest}"


def is_nvidia(size: Size) -> bool:
    """Whether it has cards that CUDA runs on, as far as ez knows."""
    return bool(size.gpu) and not size.gpu.startswith(("Radeon", "MI3"))


def is_burstable(size: Size) -> bool:
    """Whether it has all of its CPUs only for a while, by the names that the clouds give such sizes."""
    return size.name.startswith("Standard_B") or (size.provider == "aws" and size.name.startswith("t"))
