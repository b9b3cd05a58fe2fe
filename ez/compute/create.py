"""Make a machine in a cloud by a plan: attempts until one succeeds, and everything noted before and after each."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ez.compute.attempts import Attempt, because, hindrance, refusal_of
from ez.compute.context import CloudContext
from ez.compute.machine_plan import Plan, Wanted, in_order, nothing_left, price_of, refusals_in
from ez.compute.order import order
from ez.compute.sizes.choose import choose
from ez.compute.unfinished import settle, sweep
from ez.errors import CapacityError, EzError, UsageError
from ez.events import Notice, step
from ez.state import MachineRecord


@dataclass(frozen=True)
class Made:
    """A machine that runs. `attempts` were made for it; it was there already with none."""

    record: MachineRecord
    attempts: int


def make(plan: Plan, cloud: CloudContext) -> Made:
    """Attempt until one succeeds: other zones, other allowed regions, other sizes that do; each reason is told.

    A machine that is there already, since another ez made it or one was killed over it, is given back. Raises
    CapacityError when nothing is left to try, CloudError for what another attempt cannot mend.
    """
    with cloud.alone(plan.wanted.name):
        found = settle(plan.wanted.name, cloud)
        if found is not None:
            return Made(found, 0)
        sweep(cloud)
        try:
            made = _attempt(plan, cloud)
        except EzError:
            sweep(cloud)
            raise
        if made.attempts > 1:
            sweep(cloud)
        return made


def already(wanted: Wanted, cloud: CloudContext) -> MachineRecord | None:
    """The machine of that name where there is one that is as wanted, also one that an ez was killed over.

    Raises UsageError for one that is not as wanted.
    """
    if cloud.state.machines.named(wanted.name) is None:
        return None
    with cloud.alone(wanted.name):
        record = settle(wanted.name, cloud)
    if record is not None and not _does(record, wanted, cloud):
        what = f"`{wanted.name}` is there and not as wanted: {record.size} in {record.region}"
        raise UsageError(what, f"ez compute resize {wanted.name}, or choose another name")
    return record


def _does(record: MachineRecord, wanted: Wanted, cloud: CloudContext) -> bool:
    if wanted.need.provider not in ("", record.provider):
        return False
    if wanted.need.size:
        return wanted.need.size.lower() == record.size.lower()
    if wanted.need.is_open:
        return True
    need = replace(wanted.need, regions=(), max_price=0, spot=False)
    offers = [one for one in cloud.offers(record.provider) if one.size.name.lower() == record.size.lower()]
    return bool(choose(need, offers).ranked)


def _attempt(plan: Plan, cloud: CloudContext) -> Made:
    spot, reasons, tried = plan.wanted.need.spot, dict[tuple[str, str, str], str](), 0
    with step(cloud.sink, "create", f"Create {plan.wanted.name}") as report:
        for attempt in in_order(plan.choice, plan.offer):
            refusals = refusals_in(plan.workspace, cloud)
            why = hindrance(attempt, spot=spot, findings=plan.findings, refusals=refusals)
            if why:
                reasons.setdefault((attempt.offer.size.name, attempt.offer.region, why), f"{attempt.words}: {why}")
                continue
            _agree(plan, attempt, cloud)
            tried += 1
            try:
                record = order(plan, attempt, cloud)
                report.detail = attempt.words
                return Made(record, tried)
            except CapacityError as error:
                reason = f"{attempt.words}: {because(error)}"
                reasons[attempt.offer.size.name, attempt.offer.region, because(error)] = reason
                cloud.sink(Notice(f"{reason}; looking elsewhere", "warning"))
                refusal = refusal_of(error, attempt, plan.workspace, spot=spot, now=cloud.clock())
                cloud.state.machines.refuse(refusal)
        raise nothing_left(list(reasons.values()), plan.findings)


def _agree(plan: Plan, attempt: Attempt, cloud: CloudContext) -> None:
    """What costs more than what was agreed to is asked about."""
    agreed, price = plan.price, price_of(attempt.offer, spot=plan.wanted.need.spot)
    if attempt.offer != plan.offer and agreed is not None and (price is None or price > agreed):
        cost = "a price that nobody knows" if price is None else f"{price:.3f} USD an hour"
        cloud.confirm(f"{attempt.words} costs {cost} instead of {agreed:.3f}. Take it?")
