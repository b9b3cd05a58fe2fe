"""Which sizes fit what is wanted, the cheapest first, and why others do not; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ez.compute.sizes.misses import NEVER, Miss, is_called, is_retired, misses
from ez.compute.sizes.need import Cards, SizeNeed
from ez.compute.sizes.words import article, is_burstable, need_words, price_words, series, size_words
from ez.errors import UsageError
from ez.names import shown
from ez.providers.base import Offer, Size
from ez.providers.catalogue import is_region, spread

if TYPE_CHECKING:
    from ez.state import Refusal

LEAST = SizeNeed(cpus=2, memory=8)
"""What a machine has where nothing is asked for: an editor's server alone wants 2 GB."""

DEARER = 1.5
"""How many times the price that a person agreed to another size may cost, where there is no room for that one."""

_MENU = 10
_LEFT_OUT = 6
_NEAR = 5
_NAMED = 3
_FAR = 1.0
_OPEN_CPUS = (4, 8, 16)

Judged = tuple[Offer, tuple[Miss, ...]]
"""An offer and all that speaks against it."""


@dataclass(frozen=True)
class LeftOut:
    """A series of sizes of which none fits, by the one that comes nearest; `why` it does not."""

    series: str
    size: str
    region: str
    price: float | None
    why: str


@dataclass(frozen=True)
class Choice:
    """`ranked` fit, the cheapest first. `left_out` are those that one might have expected among the first of them.
    Where nothing fits, `nearest` comes nearest, each with why it does not fit; or there is nothing, `why` and `hint`
    say of what was named. `notes` are sentences for the person."""

    need: SizeNeed
    ranked: tuple[Offer, ...]
    left_out: tuple[LeftOut, ...] = ()
    notes: tuple[str, ...] = ()
    nearest: tuple[tuple[Offer, str], ...] = ()
    why: str = ""
    hint: str = ""

    @property
    def best(self) -> Offer:
        """Raises UsageError with what comes nearest where nothing fits."""
        if not self.ranked:
            raise self.refusal()
        return self.preferred(self.ranked[0])

    def preferred(self, offer: Offer) -> Offer:
        """The same size in the first of the allowed regions that has it and does not ask for much more."""
        limit = (_expected(offer, self.need) or 0) * DEARER
        same = [one for one in self.ranked if one.size == offer.size and _is_within(_expected(one, self.need), limit)]
        return min(same, key=lambda one: _region(one, self.need), default=offer)

    def refusal(self) -> UsageError:
        """That nothing fits, what comes nearest, and why that does not."""
        if not self.nearest:
            why = f": {self.why}" if self.why else ""
            return UsageError(f"no size fits: {need_words(self.need)}{why}", self.hint or "ez compute sizes --all")
        offer, why = self.nearest[0]
        what = f"no size fits: {need_words(self.need)}; `{offer.size.name}` comes nearest ({why})"
        return UsageError(what, self._flags(offer))

    def _flags(self, offer: Offer) -> str:
        """What to write for that offer instead."""
        need, price = self.need, _paid(offer, self.need)
        flags = [f"--size {offer.size.name}"]
        if need.regions and offer.region not in need.regions:
            flags.append(f"--region {offer.region}")
        if need.max_price and price is not None and price > need.max_price:
            flags.append(f"--max-price {price:g}")
        spot = need.spot and offer.size.spot
        if need.spot and not spot:
            flags.append("without --spot")
        return f"{' '.join(flags)} ({size_words(offer.size)}, {price_words(offer, spot=spot)} an hour)"


def choose(need: SizeNeed, offers: Iterable[Offer], refusals: Sequence[Refusal] = (), *, now: float = 0) -> Choice:
    """What of the offers fits. `refusals` are those that still count; `now` is Unix seconds, 0 for a day on which
    everything retired is gone.

    Raises UsageError for a size or a card that is not among the offers.
    """
    every = tuple(spread(offers, need.regions))
    known = [offer for offer in every if need.provider in ("", offer.size.provider)]
    _check_regions(need, known)
    if need.size:
        known = _of_size(need.size, known)
    if need.is_open:
        known = [offer for offer in known if offer.size.cpus >= LEAST.cpus and offer.size.memory >= LEAST.memory]
    if need.cards and need.cards.name:
        _check_card(need.cards.name, known)
    instead = {key: _instead(need, known, key, now) for key in {offer.size.provider for offer in known}}
    judged = [(offer, misses(offer, instead[offer.size.provider], refusals, now)) for offer in known]
    ranked = tuple(sorted((offer for offer, found in judged if not found), key=lambda offer: _rank(offer, need)))
    notes = _notes(need, instead, known, ranked)
    choice = Choice(need, ranked, _left_out(judged, ranked, need), notes)
    return choice if ranked else _with_nearest(choice, every, judged, refusals, now)


def alternatives(choice: Choice, first: Offer) -> Iterator[tuple[Offer, str]]:
    """What to try in turn, `first` to begin with: the offer and a zone, empty for wherever the cloud has room. Its own
    zones come before further regions, and those before other sizes, of which none is much dearer than agreed."""
    need = choice.need
    limit = need.max_price or (_expected(first, need) or 0) * DEARER
    own = [offer for offer in choice.ranked if offer.size == first.size and offer != first]
    others = [o for o in choice.ranked if o.size != first.size and _is_within(_expected(o, need), limit)]
    for offer in (first, *sorted(own, key=lambda offer: _region(offer, need)), *others):
        yield offer, ""
        yield from ((offer, zone) for zone in offer.zones)


def menu(choice: Choice) -> tuple[Offer, ...]:
    """The cheapest size of each kind of machine, so that a few rows show what there is to choose from."""
    kinds: dict[object, Offer] = {}
    for offer in choice.ranked:
        kind = _open_kind(offer.size) if choice.need.is_open else _kind(offer.size)
        if kind is not None:
            kinds.setdefault(kind, offer)
    return tuple(choice.preferred(offer) for offer in kinds.values())[:_MENU]


def _check_regions(need: SizeNeed, offers: Sequence[Offer]) -> None:
    """A region of another cloud, or what can be none, is told at once."""
    clouds = sorted({offer.size.provider for offer in offers})
    for region in need.regions if clouds else ():
        if not any(is_region(cloud, region) for cloud in clouds):
            what = f"not a region of {' or '.join(clouds)}: `{shown(region)}`"
            raise UsageError(what, "write it as the cloud does: westeurope of azure, eu-west-1 of aws")


def _of_size(name: str, offers: Sequence[Offer]) -> list[Offer]:
    found = [offer for offer in offers if offer.size.name.lower() == name.lower()]
    if not found:
        import difflib

        names = sorted({offer.size.name for offer in offers})
        close = difflib.get_close_matches(name, names, 1, 0.7)
        hint = f"--size {close[0]}" if close else "ez compute sizes --refresh asks the cloud for its sizes of today"
        raise UsageError(f"no size of that name is known: `{shown(name)}`", hint)
    return found


def _check_card(name: str, offers: Sequence[Offer]) -> None:
    cards = sorted({offer.size.gpu for offer in offers if offer.size.gpu})
    if cards and not any(is_called(card, name) for card in cards):
        raise UsageError(f"no size has such a card: `{shown(name)}`", f"cards that can be had: {', '.join(cards)}")


def _instead(need: SizeNeed, offers: Sequence[Offer], provider: str, now: float) -> SizeNeed:
    """The need without the name of a card whose sizes are retired: any card with as much memory then."""
    if need.cards is None or not need.cards.name:
        return need
    named = [o for o in offers if o.size.provider == provider and o.size.gpu and is_called(o.size.gpu, need.cards.name)]
    gone = [offer for offer in named if is_retired(offer.size, now)]
    price = min((offer.price or NEVER for offer in gone), default=0)
    if not gone or any(not is_retired(o.size, now) and (o.price or NEVER) <= 2 * price for o in named):
        return need
    memory = max(need.cards.memory, min(offer.size.gpu_memory for offer in gone))
    return replace(need, cards=Cards("", max(1, need.cards.count), memory))


def _notes(
    need: SizeNeed, instead: Mapping[str, SizeNeed], offers: Sequence[Offer], ranked: Sequence[Offer]
) -> tuple[str, ...]:
    said = []
    if need.is_open:
        said.append(f"nothing is asked for: sizes with {LEAST.cpus} CPUs and {LEAST.memory:g} GB or more")
    replaced = [key for key, other in instead.items() if other is not need]
    if need.cards and replaced:
        name = need.cards.name
        day = max(offer.size.retired for offer in offers if offer.size.retired and is_called(offer.size.gpu, name))
        cards = [offer.size.gpu for offer in ranked if offer.size.provider in replaced and offer.size.gpu_count >= 1]
        names = ", ".join(list(dict.fromkeys(cards))[:_NAMED])
        others = f"; instead: {names}" if names else ""
        said.append(f"sizes with {article(name)} {name} were retired on {day}{others}")
    if where := sorted({offer.price_of for offer in ranked if offer.price_of}):
        said.append(f"`~`: prices of {' and '.join(where)}; ez compute sizes --refresh asks for those of your regions")
    return tuple(said)


def _left_out(judged: Sequence[Judged], ranked: Sequence[Offer], need: SizeNeed) -> tuple[LeftOut, ...]:
    """Of each series without a size that fits the nearest one, where it would have been among the first."""
    fitting = {(offer.size.provider, series(offer.size)) for offer in ranked}
    limit = _paid(ranked[min(_NEAR, len(ranked)) - 1], need) if ranked else None
    best: dict[tuple[str, str], Judged] = {}
    for offer, found in sorted(judged, key=lambda each: (_shortage(each[1]), _rank(each[0], need))):
        key = (offer.size.provider, series(offer.size))
        is_meant = bool(offer.size.gpu) == bool(need.cards) and not need.is_open
        is_near = all(miss.weight <= _FAR or miss.weight == NEVER for miss in found)
        if found and is_meant and is_near and key not in fitting and _is_within(_paid(offer, need), limit):
            best.setdefault(key, (offer, found))
    rows = sorted(best.values(), key=lambda each: _rank(each[0], need))[:_LEFT_OUT]
    return tuple(
        LeftOut(series(offer.size), offer.size.name, offer.region, _paid(offer, need), _why(found))
        for offer, found in rows
    )


def _with_nearest(
    choice: Choice, every: Sequence[Offer], judged: Sequence[Judged], refusals: Sequence[Refusal], now: float
) -> Choice:
    """What comes nearest of what was named; or else what is no less, where nothing that was named can be had."""
    need = choice.need
    meant = [(offer, found) for offer, found in judged if _is_named(offer, need)]
    meant.sort(key=lambda each: (_distance(each[1]), _rank(each[0], need)))
    near = {offer.size.name: (offer, _why(found)) for offer, found in reversed(meant) if _could_do(found, need)}
    if near:
        return replace(choice, nearest=tuple(near.values())[::-1][:_NAMED])
    if not meant or not (need.size or (need.cards and need.cards.name)):
        return choice
    offer, found = meant[0]
    why = _why(found)
    other = choose(_no_less(offer.size, need), every, refusals, now=now)
    if other.ranked:
        return replace(choice, nearest=tuple((one, f"`{offer.size.name}`: {why}") for one in other.ranked[:_NAMED]))
    return replace(choice, why=why, hint=next((miss.hint for miss in found if miss.hint), ""))


def _is_named(offer: Offer, need: SizeNeed) -> bool:
    return not need.cards or not need.cards.name or is_called(offer.size.gpu, need.cards.name)


def _could_do(found: Sequence[Miss], need: SizeNeed) -> bool:
    """A size that was named by its own name lacks nothing but the place or the price where it could do."""
    return _distance(found) < NEVER and (not need.size or all(miss.sale for miss in found))


def _no_less(size: Size, need: SizeNeed) -> SizeNeed:
    if size.gpu:
        cards = Cards("", size.gpu_count, size.gpu_memory)
        return replace(need, size="", provider=size.provider, cards=cards)
    cpus, memory = max(need.cpus, size.cpus), max(need.memory, size.memory)
    return replace(need, size="", provider=size.provider, cpus=cpus, memory=memory)


def _why(found: Sequence[Miss]) -> str:
    return "; ".join(miss.words for miss in sorted(found, key=lambda miss: -miss.weight)[:2])


def _shortage(found: Sequence[Miss]) -> float:
    """How much more would be needed, apart from what can never do."""
    return sum(miss.weight for miss in found if miss.weight < NEVER)


def _distance(found: Sequence[Miss]) -> float:
    return sum(miss.weight for miss in found)


def _paid(offer: Offer, need: SizeNeed) -> float | None:
    return offer.spot_price if need.spot else offer.price


def _expected(offer: Offer, need: SizeNeed) -> float | None:
    """What it costs at the most: the full price, where nobody knows that of spot."""
    paid = _paid(offer, need)
    return offer.price if paid is None else paid


def _rank(offer: Offer, need: SizeNeed) -> tuple[object, ...]:
    """By price; those whose spot price nobody knows by their full one, after all others."""
    price = _expected(offer, need)
    amount = float("inf") if price is None else round(price, 4)
    is_unknown = _paid(offer, need) is None
    return (is_unknown, amount, _region(offer, need), -offer.size.memory, offer.size.name, offer.region)


def _region(offer: Offer, need: SizeNeed) -> int:
    return need.regions.index(offer.region) if offer.region in need.regions else len(need.regions)


def _is_within(price: float | None, limit: float | None) -> bool:
    return limit is None or (price is not None and price <= limit)


def _kind(size: Size) -> object:
    return (size.provider, size.gpu, size.gpu_count) if size.gpu else (size.provider, size.cpus, size.memory)


def _open_kind(size: Size) -> object:
    """One of each card, and a few numbers of CPUs; None for what a first choice need not show."""
    if size.gpu:
        return (size.provider, size.gpu) if size.gpu_count == 1 else None
    is_shown = size.cpus in _OPEN_CPUS and size.memory >= 2 * size.cpus and not is_burstable(size)
    return (size.provider, size.cpus) if is_shown else None
