"""The provider `aws`: what `ez.providers.base` promises, done with EC2.

What asks the cloud is imported where it is used, since a listing from the index makes this provider too.
"""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from ez.errors import UsageError
from ez.events import Sink
from ez.names import shown
from ez.providers.base import (
    Accounts,
    Checks,
    Cleanable,
    Door,
    Fence,
    Finding,
    Lasting,
    Leftover,
    Machine,
    Offer,
    Order,
    Priced,
    Provider,
    Resizable,
    Restartable,
    SelfStopping,
    Size,
    Spot,
    Standing,
)

if TYPE_CHECKING:
    from ez.providers.aws.account import Account
    from ez.providers.aws.machines import Instance
    from ez.providers.aws.quota import Counted, Quota


class Aws(
    Provider, Accounts, Checks, Restartable, Resizable, Door, Lasting, Fence, Spot, SelfStopping, Cleanable, Priced
):
    """Machines that ez makes on EC2; the truth about them are their tags.

    A machine of another person is left alone (UsageError): `workspace.owner` has to be its owner. A machine that is
    asked for by name and is not there is a CloudError `NotFound`, but for `delete`.
    """

    key = "aws"
    by_default = False
    """Its schedules need a role, which few people may make; a machine that turns itself off is not paid for here."""

    @cached_property
    def account(self) -> Account:
        from ez.providers.aws.account import Account

        return Account(self.workspace)

    @cached_property
    def _quotas(self) -> dict[Counted, Quota]:
        return {}

    def machine(self, name: str) -> Machine | None:
        from ez.providers.aws.machines import machine

        found = self._found(name)
        return machine(found[1], found[0]) if found else None

    def machines(self) -> builtins.list[Machine]:
        from ez.providers.aws.machines import alive, machine

        found = self.account.everywhere(lambda region: alive(self.account, region))
        return [machine(one, region) for region, instances in found.items() for one in instances]

    def sizes(self) -> Sequence[Size]:
        from ez.providers.catalogue import sizes

        return sizes(self.key)

    def standing(self) -> Standing:
        from ez.providers.aws.standing import standing

        return standing(self.account)

    def check(self, orders: Sequence[Offer], *, spot: bool, image: str) -> builtins.list[Finding]:
        from ez.providers.aws.checks import findings

        return findings(self.account, orders, spot=spot, image=image, quotas=self._quotas)

    def quota_left(self, offer: Offer, *, spot: bool) -> int | None:
        """How many processors of that size's class are left, as the last `check` saw it; None where it did not."""
        from ez.providers.aws.quota import family_of

        found = self._quotas.get((offer.region, family_of(offer.size.name), spot))
        return max(0, int(found.limit) - found.used) if found else None

    def create(self, order: Order, sink: Sink) -> Machine:
        from ez.providers.aws.launch import create

        return create(self.account, order, sink)

    def start(self, name: str, sink: Sink) -> Machine:
        from ez.providers.aws import machines, power

        region, found = self._own(name, "started")
        what, attempt = f"cannot start `{name}`", power.attempt_of(found, region)
        return machines.machine(power.start(self.account, region, found, what, attempt), region)

    def stop(self, name: str, sink: Sink) -> Machine:
        from ez.providers.aws import machines, power

        region, found = self._own(name, "stopped")
        return machines.machine(power.stop(self.account, region, found, f"cannot stop `{name}`"), region)

    def restart(self, name: str, sink: Sink) -> Machine:
        from ez.providers.aws import machines, power

        region, found = self._own(name, "restarted")
        return machines.machine(power.restart(self.account, region, found, f"cannot restart `{name}`"), region)

    def resize(self, name: str, size: Size, sink: Sink) -> Machine:
        from ez.providers.aws import machines, power

        region, found = self._own(name, "resized")
        resized = power.resize(self.account, region, found, size, f"cannot resize `{name}`", sink)
        return machines.machine(resized, region)

    def delete(self, name: str, sink: Sink) -> None:
        from ez.providers.aws.cleanup import sweep
        from ez.providers.aws.fence import remove_role

        found = self._found(name)
        if found is not None:
            self._check_owner(name, found[1], "deleted")
        account, owner = self.account, self.workspace.owner
        swept = account.everywhere(lambda region: sweep(account, region, sink, computer=name, owner=owner)).values()
        if any(each.schedules for each in swept) and not any(each.machines for each in swept):
            remove_role(account)

    def admit(self, name: str, source: str) -> None:
        from ez.providers.aws import network
        from ez.providers.aws.machines import marks

        region, found = self._own(name, "opened to another address")
        for group in network.groups(self.account, region, marks(found).create_id):
            network.admit(self.account, region, group, source)

    def fence(self, name: str, at: str, *, yields: bool = False) -> None:
        from ez.providers.aws.fence import fence
        from ez.providers.aws.machines import marks

        region, found = self._own(name, "given a daily stop")
        fence(self.account, region, found["InstanceId"], marks(found).create_id, at)

    def last_until(self, name: str, until: float) -> None:
        from ez.providers.tags import EXPIRES, timestamp

        region, found = self._own(name, "kept")
        with self.account.translated(f"cannot move the end of `{name}`"):
            tags = [{"Key": EXPIRES, "Value": timestamp(until)}]
            self.account.ec2(region).create_tags(Resources=[found["InstanceId"]], Tags=tags)

    def caller(self) -> str:
        """AWS does not say; a rehearsal's cloud is on this computer."""
        from ez.providers.endpoint import is_loopback

        return "127.0.0.1" if is_loopback(self.workspace.endpoint) else ""

    def spot_price(self, offer: Offer) -> float | None:
        from ez.providers.aws.prices import spot_price

        return spot_price(self.account, offer)

    def cannot_stop_itself(self, name: str) -> str:
        from ez.providers.aws.power import cannot_stop_itself

        region, found = self._own(name, "looked at")
        return cannot_stop_itself(self.account, region, found)

    def leftovers(self, owned: frozenset[str]) -> builtins.list[Leftover]:
        from ez.providers.aws.leftovers import leftovers

        found = self.account.everywhere(lambda region: leftovers(self.account, region, owned))
        return [leftover for each in found.values() for leftover in each]

    def remove(self, leftover: Leftover, sink: Sink) -> None:
        from ez.providers.aws.cleanup import remove

        if leftover.owner not in ("", self.workspace.owner):
            raise UsageError(f"the {leftover.kind} `{leftover.id}` is {shown(leftover.owner)}'s", "ask them")
        remove(self.account, leftover.region, leftover.kind, leftover.id)

    def offers(self, regions: Sequence[str], sink: Sink) -> builtins.list[Offer]:
        from ez.providers.aws.prices import offers

        return offers(self.account, regions, sink)

    def _found(self, name: str) -> tuple[str, Instance] | None:
        """The workspace's machine of that name, and its region; of several the one that is not just ending."""
        from ez.providers.aws.machines import alive, state_of

        account, workspace = self.account, self.workspace.name
        found = account.everywhere(lambda region: alive(account, region, workspace=workspace, computer=name))
        instances = [(region, one) for region, each in found.items() for one in each]
        instances.sort(key=lambda pair: (state_of(pair[1]) == "shutting-down", pair[1]["InstanceId"]))
        return instances[0] if instances else None

    def _own(self, name: str, verb: str) -> tuple[str, Instance]:
        from ez.providers.aws.errors import not_found
        from ez.providers.aws.machines import state_of

        found = self._found(name)
        if found is None or state_of(found[1]) == "shutting-down":
            raise not_found(name)
        self._check_owner(name, found[1], verb)
        return found

    def _check_owner(self, name: str, found: Instance, verb: str) -> None:
        from ez.providers.aws.machines import marks

        owner = marks(found).owner
        if owner != self.workspace.owner:
            whose = shown(owner or "nobody")
            raise UsageError(f"`{name}` is {whose}'s: it is not {verb}", "ask them, or use another name")
