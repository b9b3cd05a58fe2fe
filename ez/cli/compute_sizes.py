"""`ez compute sizes`, and the menu of sizes that `ez compute create` asks with."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

import typer

from ez.cli.options import JsonOption
from ez.cli.output import print_json, print_table, say
from ez.cli.session import Session, choose_number, require_answer, session
from ez.errors import UsageError

if TYPE_CHECKING:
    from ez.compute.sizes.choose import Choice, LeftOut
    from ez.compute.sizes.quote import Quote
    from ez.providers.base import Offer

CpusOption = Annotated[int | None, typer.Option("--cpus", metavar="N", help="CPUs, at the least.")]
MemoryOption = Annotated[str | None, typer.Option("--memory", metavar="GB", help="Memory, at the least.")]
GpuOption = Annotated[
    str | None, typer.Option("--gpu", metavar="CARD", help="Graphics cards: T4, A100:2, '>=24GB', '>=16GB:2'.")
]
SizeOption = Annotated[str | None, typer.Option("--size", "-s", metavar="SIZE", help="A size by the cloud's own name.")]
ProviderOption = Annotated[str | None, typer.Option("--provider", "-p", metavar="CLOUD", help="azure or aws.")]
RegionOption = Annotated[
    list[str] | None, typer.Option("--region", metavar="REGION", help="A region that is allowed; repeatable.")
]
SpotOption = Annotated[bool, typer.Option("--spot", help="Cheaper, and stopped whenever the cloud wants it back.")]
MaxPriceOption = Annotated[
    float | None, typer.Option("--max-price", metavar="USD", help="What an hour may cost, in US dollars.")
]
DiskOption = Annotated[str | None, typer.Option("--disk", metavar="GB", help="The system disk (default: 128).")]

_ROWS = 15


@dataclass(frozen=True)
class ShownSizes:
    """What `ez compute sizes --json` prints: what fits, the cheapest first, and what does not although it is cheap."""

    sizes: tuple[Quote, ...]
    left_out: tuple[LeftOut, ...]
    notes: tuple[str, ...]


def sizes(
    gpu: GpuOption = None,
    cpus: CpusOption = None,
    memory: MemoryOption = None,
    size: SizeOption = None,
    provider: ProviderOption = None,
    region: RegionOption = None,
    spot: SpotOption = False,
    max_price: MaxPriceOption = None,
    disk: DiskOption = None,
    everything: Annotated[bool, typer.Option("--all", help="Every size that fits, in every region.")] = False,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Ask the cloud for its sizes and prices of today.")
    ] = False,
    json_output: JsonOption = False,
) -> None:
    """List sizes of machines that fit, the cheapest first; from the catalogue that ez has, without asking a cloud."""
    from ez.compute.sizes.choose import choose
    from ez.compute.sizes.need import parse_need
    from ez.providers.catalogue import CATALOGUES

    need = parse_need(
        cpus=cpus, memory=memory, gpu=gpu, disk=disk, spot=spot, max_price=max_price, regions=region or (), size=size,
        provider=provider,
    )  # fmt: skip
    with session("compute-sizes", json_output=json_output, log=refresh) as run:
        workspace = run.settings.workspace(need.provider)
        need = replace(need, provider=workspace.provider, regions=need.regions or workspace.regions)
        clouds = (need.provider,) if need.provider else CATALOGUES
        if refresh:
            _refresh(run, need.provider, need.regions)
        choice = choose(need, [offer for cloud in clouds for offer in offers(run, cloud)], now=time.time())
        run.stop_progress()
        if json_output:
            _print_json(choice, everything)
        else:
            _print(choice, everything)


def offers(run: Session, provider: str) -> Sequence[Offer]:
    """The sizes and prices that are known of a cloud, without asking it."""
    from ez.compute.sizes.store import load

    return load(provider, run.settings.directories.cache, run.sink)


def pick(choice: Choice) -> Offer:
    """Ask on the terminal which of the sizes that fit it shall be. Raises UsageError where there is no terminal."""
    from ez.compute.sizes.choose import menu

    rows = menu(choice)
    if not rows:
        raise choice.refusal()
    require_answer("which size?", flag="what it needs (--gpu T4, --cpus 8), or --size")
    table = _table(rows, several=False)
    widths = [max(len(row[index]) for row in table) for index in range(len(table[0]))]
    for number, row in enumerate(table):
        cells = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        say(f"{number or '':>3}  {cells}".rstrip())
    for note in choice.notes:
        say(note)
    return rows[choose_number("which one?", len(rows))]


def quote_rows(quote: Quote) -> list[tuple[str, str]]:
    """The plan of a machine's cost, as labels and words."""
    from ez.compute.sizes.words import money, size_words
    from ez.providers.base import Size

    size = Size(
        quote.provider, quote.size, quote.cpus, quote.memory, quote.gpu, quote.gpu_count, quote.gpu_memory
    )  # fmt: skip
    about = f" (prices of {quote.price_of})" if quote.price_of else f" (as of {quote.dated})" if quote.dated else ""
    spot = f"as spot {money(quote.spot_price)}" if quote.sold_as_spot else "not sold as spot"
    if quote.spot:
        price = f"{money(quote.spot_price)} an hour as spot; on demand {money(quote.price)}"
    else:
        price = f"{money(quote.price)} an hour; {spot}"
    rows = [
        ("size", f"{quote.size}: {size_words(size)}"),
        ("region", f"{quote.region} ({quote.provider})"),
        ("price", f"{price}{about}"),
        ("typical day", f"{money(quote.day)} (8 hours of work, stopped for the rest)"),
        ("while stopped", _kept(quote.provider, quote.disk, private=not quote.address_month)),
    ]
    if quote.quota_left is not None:
        rows.append(("quota left", f"{quote.quota_left} CPUs of its kind"))
    return [*rows, *(("note", note) for note in quote.notes)]


def _refresh(run: Session, cloud: str, regions: Sequence[str]) -> None:
    from ez.compute.sizes.store import refresh
    from ez.events import step
    from ez.providers.base import Priced
    from ez.providers.catalogue import is_region, shipped
    from ez.providers.registry import provider

    if not cloud:
        raise UsageError("which cloud is to be asked?", "ez compute sizes --refresh -p azure")
    source = provider(cloud, run.state, run.settings.workspace(cloud))
    if not isinstance(source, Priced):
        raise UsageError(f"{cloud} publishes no prices", "leave out --refresh")
    own = [region for region in regions if is_region(cloud, region)] or [shipped(cloud).offers[0].region]
    with step(run.sink, f"sizes-{cloud}", f"Ask {cloud} for sizes and prices of {', '.join(own)}") as report:
        done = refresh(source, cloud, own, run.settings.directories.cache, run.sink, day=_today())
        report.detail = ", ".join(f"{count} in {region}" for region, count in done.regions)


def _print_json(choice: Choice, everything: bool) -> None:
    from ez.compute.sizes.quote import quote

    shown = _rows(choice, everything)
    need = choice.need
    quotes = tuple(quote(offer, disk=need.disk, spot=need.spot) for offer in shown)
    print_json(ShownSizes(quotes, choice.left_out, choice.notes))


def _print(choice: Choice, everything: bool) -> None:
    if not choice.ranked:
        _say_left_out(choice)
        raise choice.refusal()
    shown = _rows(choice, everything)
    head, *rows = _table(shown, several=len({offer.size.provider for offer in shown}) > 1)
    print_table(head, rows)
    if more := len({offer.size.name for offer in choice.ranked}) - len({offer.size.name for offer in shown}):
        say(f"and {more} more sizes: --all")
    _say_left_out(choice)
    for note in (*choice.notes, *_days(shown)):
        say(note)
    for provider in dict.fromkeys(offer.size.provider for offer in shown):
        say(f"{provider}, while stopped: {_kept(provider, choice.need.disk)}")


def _kept(provider: str, disk: int, *, private: bool = False) -> str:
    """What a stopped machine still costs, in words."""
    from ez.compute.sizes.words import money
    from ez.providers.catalogue import address_month, disk_month, keeps_address

    private = private or not keeps_address(provider)
    prices = (disk_month(provider, disk), 0.0 if private else address_month(provider))
    total = None if None in prices else sum(price or 0 for price in prices)
    words = f"{money(total)} a month: disk of {disk} GB {money(prices[0])}"
    return words if private else f"{words}, address {money(prices[1])}"


def _rows(choice: Choice, everything: bool) -> tuple[Offer, ...]:
    """The first of them, each size once, where the cheapest is."""
    if everything:
        return choice.ranked
    first: dict[str, Offer] = {}
    for offer in choice.ranked:
        first.setdefault(offer.size.name, offer)
    return tuple(first.values())[:_ROWS]


def _table(shown: Sequence[Offer], *, several: bool) -> list[tuple[str, ...]]:
    from ez.compute.sizes.words import gpu_words, is_burstable, price_words

    rows: list[tuple[str, ...]] = [
        (*(("CLOUD",) if several else ()), "SIZE", "CPUS", "MEMORY", "GPU", "REGION", "PRICE/H", "SPOT/H", "")
    ]
    for offer in shown:
        size = offer.size
        rows.append(
            (
                *((size.provider,) if several else ()),
                size.name,
                str(size.cpus),
                f"{size.memory:g} GB",
                gpu_words(size) or "-",
                offer.region,
                price_words(offer),
                price_words(offer, spot=True) if size.spot else "-",
                "burstable" if is_burstable(size) else "" if size.architecture == "x86_64" else size.architecture,
            )
        )
    return rows


def _say_left_out(choice: Choice) -> None:
    from ez.compute.sizes.words import money

    for row in choice.left_out:
        say(f"left out: {row.series} ({row.size}, {money(row.price)}): {row.why}")


def _days(shown: Sequence[Offer]) -> list[str]:
    """How old the prices are."""
    known = sorted({offer.dated for offer in shown if offer.dated})
    if not known:
        return []
    span = known[0] if len(known) == 1 else f"{known[0]} to {known[-1]}"
    newer = "" if known[0] == _today() else "; ez compute sizes --refresh asks for those of today"
    return [f"prices without tax, as of {span}{newer}"]


def _today() -> str:
    return time.strftime("%Y-%m-%d", time.gmtime())
