"""The sizes and prices that ez goes by: those that a cloud was asked for with `--refresh`, else the shipped ones.

What was asked for lies in the user's cache directory as `sizes-PROVIDER.json`, region by region with its day. The file
is only a cache: one that cannot be read is told of and left aside.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from ez.errors import EzError
from ez.events import Notice, Sink
from ez.providers.base import Offer, Priced, Size
from ez.providers.catalogue import shipped
from ez.ssh.files import write_atomic

_Row = tuple[str, float | None, float | None, str, tuple[str, ...]]
"""A size's name, price, spot price, the day of them, and zones."""


@dataclass(frozen=True)
class _File:
    version: Literal[1]
    provider: str
    sizes: list[Size]
    regions: dict[str, list[_Row]]


@dataclass(frozen=True)
class Refreshed:
    """What a refresh brought: the number of sizes with a price, by region."""

    provider: str
    day: str
    regions: tuple[tuple[str, int], ...]


def load(provider: str, cache: Path, sink: Sink) -> tuple[Offer, ...]:
    """All offers that are known of that provider, without asking it. Regions that were asked for are as they were then.

    A damaged file is told of once and not used.
    """
    asked = _read(provider, cache, sink)
    fresh = {offer.region for offer in asked}
    return (*asked, *(offer for offer in shipped(provider).offers if offer.region not in fresh))


def refresh(source: Priced, provider: str, regions: Sequence[str], cache: Path, sink: Sink, *, day: str) -> Refreshed:
    """Ask the cloud for the sizes and prices of `regions` of today, `day` (`2026-11-22`), and keep them.

    Other regions that were asked for before stay as they are. Raises CloudError, SignInError, and EzError where the
    cloud has told nothing or the file cannot be written; nothing is changed then.
    """
    offers = source.offers(regions, sink)
    if not offers:
        raise EzError(f"the cloud told no sizes of {', '.join(regions)}", "ez compute sizes --region REGION --refresh")
    told = {offer.region for offer in offers}
    others = [offer for offer in _read(provider, cache, _nobody) if offer.region not in told]
    _write(cache / _name(provider), [*others, *offers], provider, day)
    counts = {region: sum(1 for o in offers if o.region == region and o.price is not None) for region in sorted(told)}
    return Refreshed(provider, day, tuple(counts.items()))


def _name(provider: str) -> str:
    return f"sizes-{provider}.json"


def _read(provider: str, cache: Path, sink: Sink) -> tuple[Offer, ...]:
    path = cache / _name(provider)
    if not path.exists():
        return ()
    import msgspec

    try:
        file = msgspec.json.decode(path.read_bytes(), type=_File)
        if file.provider != provider:
            raise ValueError(f"it is of {file.provider}")
        return tuple(_offers(file))
    except (OSError, ValueError, KeyError) as error:
        shown = error.strerror if isinstance(error, OSError) else "damaged"
        text = f"the prices that were asked for cannot be read: `{path}` ({shown}); the shipped ones are used"
        sink(Notice(f"{text}; ez compute sizes --refresh", "warning"))
        return ()


def _offers(file: _File) -> Iterator[Offer]:
    """Raises KeyError or ValueError for a file that `_write` did not make."""
    sizes = {size.name: size for size in file.sizes}
    for region, rows in file.regions.items():
        for name, price, spot_price, day, zones in rows:
            if min(price or 0, spot_price or 0) < 0 or sizes[name].cpus < 1:
                raise ValueError(f"not a price: {name}")
            yield Offer(sizes[name], region, price, spot_price, day, zones)


def _write(path: Path, offers: Iterable[Offer], provider: str, day: str) -> None:
    """The file appears whole or not at all."""
    import msgspec

    file = _File(1, provider, [], {})
    for offer in offers:
        row = (offer.size.name, offer.price, offer.spot_price, offer.dated or day, offer.zones)
        file.regions.setdefault(offer.region, []).append(row)
        file.sizes.append(offer.size)
    file = replace(file, sizes=list(dict.fromkeys(file.sizes)))
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_atomic(path, msgspec.json.encode(file), 0o600)
    except OSError as error:
        raise EzError(f"prices cannot be kept: `{path}`: {error.strerror}", f"ls -ld {path.parent}") from error


def _nobody(_event: object) -> None:
    """Whoever wants the warning has had it."""
