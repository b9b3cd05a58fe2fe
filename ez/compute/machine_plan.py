"""A plan for a machine in a cloud, which costs and changes nothing: what is wanted, what will be tried first, and what
speaks against other attempts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import islice

from ez.compute.attempts import Attempt, fatal, hindrance
from ez.compute.context import CloudContext
from ez.compute.ensure import THIS_COMPUTER
from ez.compute.fence import Term, due
from ez.compute.sizes.choose import Choice, alternatives, choose
from ez.compute.sizes.need import SizeNeed
from ez.errors import CapacityError, CloudError, UsageError
from ez.events import step
from ez.models import Workspace
from ez.names import check_name
from ez.providers.base import Checks, Fence, Finding, Machine, Offer, Provider, Spot
from ez.state import Refusal

_CHECKED = 12
"""Offers that are asked about before the first attempt; those after them are hardly ever reached."""


@dataclass(frozen=True)
class Wanted:
    """What a person asks for. `image` is the provider's word for one, empty for its own; `seconds` is after how long
    the machine is no longer wanted, 0 for never; `idle_minutes` 0 for never."""

    name: str
    need: SizeNeed
    image: str = ""
    idle_minutes: int = 30
    seconds: float = 0
    private: bool = False


@dataclass(frozen=True)
class Plan:
    """What will be attempted first, and what was found to speak against others. `source` is the address that may come
    in, `skipped` says which attempts that would have come first are left out, and why. At `fence` (Unix seconds) the
    cloud's own clock stops the machine if nothing happens before, 0 for never."""

    wanted: Wanted
    workspace: Workspace
    choice: Choice
    offer: Offer
    zone: str
    source: str
    findings: tuple[Finding, ...]
    skipped: tuple[str, ...]
    quota_left: int | None
    login: tuple[str, str] = field(repr=False)
    fence: float = 0.0

    @property
    def notes(self) -> tuple[str, ...]:
        """What was found and keeps nobody from making it."""
        return tuple(finding.words for finding in self.findings if not finding.blocks)

    @property
    def price(self) -> float | None:
        return price_of(self.offer, spot=self.wanted.need.spot)


def sizes_for(wanted: Wanted, cloud: CloudContext) -> Choice:
    """The sizes that do, best first; nobody is asked. Raises UsageError where no cloud is set up or nothing fits."""
    workspace = workspace_for(wanted, cloud)
    need = wanted.need
    if not need.regions and workspace.regions:
        need = replace(need, regions=workspace.regions)
    return choose(need, cloud.offers(workspace.provider), refusals_in(workspace, cloud), now=cloud.clock())


def workspace_for(wanted: Wanted, cloud: CloudContext) -> Workspace:
    check_name("computer", wanted.name)
    if wanted.name in THIS_COMPUTER:
        raise UsageError(f"`{wanted.name}` is this computer", "choose another name")
    workspace = cloud.workspace(wanted.need.provider)
    if not workspace.provider:
        raise UsageError(f"no cloud is set up to make `{wanted.name}` in", "ez init, or name one with -p azure")
    return workspace


def plan(wanted: Wanted, choice: Choice, offer: Offer, cloud: CloudContext) -> Plan:
    """Ask side by side for all that could make the attempt fail: sign-in, registration, quota, restrictions, name.

    Raises UsageError for a name that is taken, SignInError, CloudError for what no other size or region can mend,
    CapacityError where nothing is left to try.
    """
    workspace = workspace_for(wanted, cloud)
    spot = wanted.need.spot
    provider = cloud.make(workspace.provider, cloud.state, workspace)
    _check_index(wanted.name, cloud)
    asked = list(dict.fromkeys(attempt.offer for attempt in islice(in_order(choice, offer), 4 * _CHECKED)))[:_CHECKED]
    with step(cloud.sink, "check", f"Check {wanted.name}") as report, ThreadPoolExecutor(5) as pool:
        checking = pool.submit(_findings, provider, asked, wanted)
        named = pool.submit(provider.machine, wanted.name)
        coming = pool.submit(cloud.address, provider) if not wanted.private else None
        login = pool.submit(cloud.login)
        as_spot = pool.submit(_spot_price, provider, offer)
        findings = checking.result()
        if hopeless := fatal(findings):
            raise CloudError(hopeless.words, hopeless.next, code=hopeless.code)
        _check_cloud(named.result(), wanted.name, workspace.owner, cloud)
        source = coming.result() if coming else ""
        first, skipped = _first(choice, offer, spot, findings, cloud, workspace)
        if first.offer == offer:
            first = replace(first, offer=replace(offer, spot_price=as_spot.result()))
            _check_price(first.offer, wanted.need)
        report.detail = first.words
    return Plan(
        wanted=wanted,
        workspace=workspace,
        choice=choice,
        offer=first.offer,
        zone=first.zone,
        source=source,
        findings=tuple(findings),
        skipped=tuple(skipped),
        quota_left=provider.quota_left(first.offer, spot=spot) if isinstance(provider, Checks) else None,
        login=login.result(),
        fence=_fence(provider, wanted, workspace, cloud.clock()),
    )


def _fence(provider: Provider, wanted: Wanted, workspace: Workspace, now: float) -> float:
    if not isinstance(provider, Fence):
        return 0
    term = Term(wanted.idle_minutes, now + wanted.seconds if wanted.seconds else 0)
    return due(term, workspace.stop_daily, now, by_default=provider.by_default)


def _spot_price(provider: Provider, offer: Offer) -> float | None:
    """Where the catalogue has none: it moves from hour to hour."""
    if offer.spot_price is not None or not isinstance(provider, Spot):
        return offer.spot_price
    try:
        return provider.spot_price(offer)
    except CloudError:
        return None


def _check_price(offer: Offer, need: SizeNeed) -> None:
    """Once more, where the catalogue knew none."""
    price = price_of(offer, spot=need.spot)
    if need.max_price and price is not None and price > need.max_price:
        what = f"`{offer.size.name}` in {offer.region} costs {price:g} USD an hour{' as spot' if need.spot else ''}"
        raise UsageError(f"{what}, more than {need.max_price:g}", f"--max-price {price:g}, or another size with --size")


def price_of(offer: Offer, *, spot: bool) -> float | None:
    return offer.spot_price if spot else offer.price


def refusals_in(workspace: Workspace, cloud: CloudContext) -> tuple[Refusal, ...]:
    """Where there was no room or no quota lately."""
    return tuple(cloud.state.machines.refusals(workspace.provider, workspace.account))


def _check_index(name: str, cloud: CloudContext) -> None:
    known, record = cloud.state.computer(name), cloud.state.machines.named(name)
    if known is not None and record is None:
        raise UsageError(f"`{name}` is another computer ({known.provider})", "choose another name")


def _check_cloud(machine: Machine | None, name: str, owner: str, cloud: CloudContext) -> None:
    """A name is one machine's in the whole workspace."""
    if machine is None:
        return
    ours = {record.create_id for record in cloud.state.machines.all("ordered", "here", "leaving", "dead")}
    if machine.create_id not in ours:
        whose = f" of {machine.owner}" if machine.owner else ""
        what = f"`{name}` is there already: {machine.size} in {machine.region}{whose}"
        mine = machine.owner == owner
        raise UsageError(what, "ez compute ls takes it in, since it is yours" if mine else "choose another name")


def _findings(provider: Provider, offers: Sequence[Offer], wanted: Wanted) -> list[Finding]:
    return provider.check(offers, spot=wanted.need.spot, image=wanted.image) if isinstance(provider, Checks) else []


def in_order(choice: Choice, offer: Offer) -> Iterator[Attempt]:
    seen = set[tuple[str, str, str]]()
    for attempt in (Attempt(*other) for other in alternatives(choice, offer)):
        key = (attempt.offer.size.name, attempt.offer.region, attempt.zone)
        if key not in seen:
            seen.add(key)
            yield attempt


def _first(
    choice: Choice,
    offer: Offer,
    spot: bool,
    findings: Sequence[Finding],
    cloud: CloudContext,
    workspace: Workspace,
) -> tuple[Attempt, list[str]]:
    skipped: dict[tuple[str, str, str], str] = {}
    refusals = refusals_in(workspace, cloud)
    for attempt in in_order(choice, offer):
        why = hindrance(attempt, spot=spot, findings=findings, refusals=refusals)
        if not why:
            return attempt, list(skipped.values())
        # What holds for a region need not be said of each of its zones.
        key = (attempt.offer.size.name, attempt.offer.region, why)
        skipped.setdefault(key, f"{attempt.words}: {why}")
    raise nothing_left(list(skipped.values()), findings)


def nothing_left(reasons: Sequence[str], findings: Sequence[Finding]) -> CapacityError:
    hints = [finding.next for finding in findings if finding.next and finding.blocks]
    hint = hints[0] if hints else "allow more regions with --region"
    if len(reasons) == 1:
        return CapacityError(f"it cannot be had: {reasons[0]}", hint)
    return CapacityError("it cannot be had anywhere:\n" + "\n".join(f"  {reason}" for reason in reasons), hint)
