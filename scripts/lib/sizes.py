"""The page of sizes: the answers to the cases that choosing is tested with, and the catalogues that ez brings."""

from collections.abc import Iterator

from ez.compute.sizes.words import gpu_words, is_burstable, money, part_words, series
from ez.providers.base import Offer
from ez.providers.catalogue import CATALOGUES, address_month, disk_month, shipped
from scripts.lib.markdown import MADE, table
from scripts.lib.sizes_cases import Case, cases

_HEAD = """# Sizes of machines

`ez compute sizes` lists the sizes that fit what is asked for, the cheapest first, and `ez compute create` takes the
first of them or asks. Both go by a catalogue that ez brings, so they answer at once and without a network;
`ez compute sizes --refresh` asks the cloud for its sizes, zones and prices of today.

What can be asked for:

- `--cpus 8`, `--memory 64`: at the least; memory is in GB, which clouds count in 1,024s.
- `--gpu T4`, `--gpu A100:2`: a card by its model, and how many. An A100 may have 40 or 80 GB, `A100-80GB` may not.
- `--gpu '>=16GB'`, `--gpu '>=24GB:2'`: NVIDIA's cards of any model with so much memory each. `--gpu A10:1/3`: a part.
- `--spot`, `--max-price 1.50`, `--region eastus` (repeatable, the first one is preferred), `--size NAME`, `-p azure`.

Some kinds nobody gets who has not named them by `--size`: arm64, for which not all packages are made, and burstable
sizes of more than two CPUs. Sizes that their cloud has given up are never taken.

Every answer below is a test of ez.
"""
_KEYS = {"first": "best", "left_out": "left out", "says": "ez says", "attempts": "tried in turn"}
_PRICES = """## What ez ships with

US dollars an hour, Linux, without tax; `~` before a price of spot, which is old or moves, and `?` where nobody knows.
The range is from the smallest size of a series to the largest.
"""
_KEPT = """## What a stopped machine costs

US dollars a month of 730 hours. A stopped machine is deallocated: only its disk and its public address are paid for.
"""
_COUNTED = """## How cost is counted

All of it by the second. The machine itself is paid for while it is starting, running, stopping or stopped but not
deallocated; its disk and its address from when they are made until they are deleted. Prices are those of the catalogue
on the day the machine was made, or was given another size; discounts of a contract are not known to ez.
"""


def page() -> str:
    every = cases()
    topics = dict.fromkeys(case.topic for case in every)
    parts = [MADE + _HEAD]
    for topic in topics:
        rows = [(case.about, case.wanted, _answer(case)) for case in every if case.topic == topic]
        parts += [f"## {topic}\n", *table(("", "asked for", "answer"), rows, code=0)]
    parts.append(_PRICES)
    for key in CATALOGUES:
        catalogue = shipped(key)
        parts += [f"### {key}, {catalogue.dated}\n", *table(_COLUMNS, list(_series(catalogue.offers)), code=1)]
        parts += [*(f"- {source}" for source in catalogue.sources), ""]
    kept = [(key, *(money(disk_month(key, gib)) for gib in _DISKS), money(address_month(key))) for key in CATALOGUES]
    parts += [_KEPT, *table(("", *(f"disk of {gib} GB" for gib in _DISKS), "address"), kept, code=0), _COUNTED]
    return "\n".join(parts)


_COLUMNS = ("series", "CPUs", "memory", "cards", "price", "spot", "")
_DISKS = (64, 128, 256, 512)


def _answer(case: Case) -> str:
    expected = case.expected
    if "error" in expected:
        return f"{expected['error']} ({expected['hint']})"
    said = []
    for key, words in _KEYS.items():
        values = expected.get(key)
        if key == "left_out" and values:
            said.append(f"{words}: {'; '.join(f'{name} ({why})' for name, why in values.items())}")
        elif values:
            said.append(f"{words}: {', '.join(values)}")
    return ". ".join(said)


def _series(offers: tuple[Offer, ...]) -> Iterator[tuple[str, ...]]:
    """A row for each series, where most of its sizes have a price."""
    found: dict[str, list[Offer]] = {}
    for offer in sorted(offers, key=lambda offer: offer.price is None):
        rows = found.setdefault(series(offer.size), [])
        if all(offer.size != other.size for other in rows):
            rows.append(offer)
    for name, rows in found.items():
        sizes = [offer.size for offer in rows]
        cards = {size.gpu for size in sizes if size.gpu}
        counts = sorted({size.gpu_count for size in sizes if size.gpu})
        shown = gpu_words(sizes[0]) if len(counts) == 1 else " or ".join(sorted(cards))
        if len(counts) > 1:
            shown = f"{', '.join(part_words(n) if n < 1 else f'{n:g}' for n in counts)} x {shown}"
        first = sizes[0]
        note = f"retired {first.retired}" if first.retired else "burstable" if is_burstable(first) else ""
        yield (
            name,
            _span([size.cpus for size in sizes]),
            f"{_span([size.memory for size in sizes])} GB",
            shown,
            _money([offer.price for offer in rows]),
            _money([offer.spot_price for offer in rows], "~"),
            note or ("arm64" if first.architecture == "arm64" else ""),
        )


def _span(values: list[int] | list[float]) -> str:
    low, high = min(values), max(values)
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def _money(prices: list[float | None], mark: str = "") -> str:
    known = [price for price in prices if price is not None]
    if not known:
        return "?"
    low, high = money(min(known)), money(max(known))
    return f"{mark}{low}" if low == high else f"{mark}{low} to {mark}{high}"
