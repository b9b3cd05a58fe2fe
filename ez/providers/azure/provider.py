"""The provider `azure`: what `ez.providers.base` promises, done by the small files beside it.

What asks the cloud is imported where it is used, since a listing from the index makes this provider too.
"""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ez.events import Sink
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
    from ez.providers.azure.checks import Usages
    from ez.providers.azure.client import Arm, Connection
    from ez.providers.azure.credential import Ask

_RECORD = "azure-sign-in.json"


class Azure(
    Provider, Accounts, Checks, Restartable, Resizable, Door, Fence, Lasting, Spot, SelfStopping, Cleanable, Priced
):
    """Machines of one workspace on Azure. Any thread may use it.

    `ask` shows one sentence to a person at a terminal: with it a sign-in in the browser is tried last. `pause` are
    the seconds between two looks at work that goes on, where Azure does not say how long to wait. `home` is where az
    keeps its subscriptions.
    """

    key = "azure"
    ask: Ask | None = None
    pause: float | None = None
    home = Path("~")

    def machines(self) -> builtins.list[Machine]:
        from ez.providers.azure import account, listing

        subscriptions = account.visible(self._connection, self.workspace)
        return listing.all_machines([self._connection.arm(each) for each in subscriptions])

    def machine(self, name: str) -> Machine | None:
        from ez.providers.azure import listing
        from ez.providers.azure.errors import Attempt

        found = listing.one_machine(self._arm, self.workspace.name, name, Attempt(f"look at `{name}`"))
        return listing.machine(found) if found else None

    def sizes(self) -> Sequence[Size]:
        from ez.providers import catalogue

        return catalogue.sizes(self.key)

    def create(self, order: Order, sink: Sink) -> Machine:
        from ez.providers.azure import making

        return making.create(self._arm, self.workspace, order, sink)

    def start(self, name: str, sink: Sink) -> Machine:
        from ez.providers.azure import power

        return power.start(self._arm, self.workspace, name, sink)

    def stop(self, name: str, sink: Sink) -> Machine:
        from ez.providers.azure import power

        return power.stop(self._arm, self.workspace, name, sink)

    def delete(self, name: str, sink: Sink) -> None:
        from ez.providers.azure import removing

        known = self.state.machines.named(name)
        mine = known if known and known.provider == self.key else None
        create_id, fenced = (mine.create_id, bool(mine.fenced)) if mine else ("", False)
        removing.delete(self._arm, self.workspace, name, create_id, sink, fenced=fenced)

    def restart(self, name: str, sink: Sink) -> Machine:
        from ez.providers.azure import power

        return power.restart(self._arm, self.workspace, name, sink)

    def resize(self, name: str, size: Size, sink: Sink) -> Machine:
        from ez.providers.azure import power

        return power.resize(self._arm, self.workspace, name, size, sink)

    def standing(self) -> Standing:
        from ez.providers.azure.standing import standing

        return standing(self._arm, self.workspace)

    def check(self, orders: Sequence[Offer], *, spot: bool, image: str) -> builtins.list[Finding]:
        from ez.providers.azure import checks

        found, known = checks.check(self._arm, orders, spot=spot, image=image)
        self._usages.update(known)
        return found

    def quota_left(self, offer: Offer, *, spot: bool) -> int | None:
        """How many vCPUs of that size are left, as the last `check` of the region saw it; None where it did not."""
        from ez.providers.azure import checks

        known = self._usages.get(offer.region)
        return checks.left(offer.size, known, spot=spot) if known else None

    def admit(self, name: str, source: str) -> None:
        from ez.providers.azure import guard

        guard.admit(self._arm, self.workspace, name, source)

    def caller(self) -> str:
        from ez.providers.azure.errors import Attempt, translated

        with translated(Attempt("ask for your own address")):
            return self._connection.caller()

    def fence(self, name: str, at: str, *, yields: bool = False) -> None:
        from ez.providers.azure import guard

        guard.fence(self._arm, self.workspace, name, at, yields=yields)

    def last_until(self, name: str, until: float) -> None:
        from ez.providers.azure import guard

        guard.last_until(self._arm, self.workspace, name, until)

    def spot_price(self, offer: Offer) -> float | None:
        from ez.providers.azure import offers

        return offers.spot_price(self._arm, offer)

    def cannot_stop_itself(self, name: str) -> str:
        from ez.providers.azure import identity
        from ez.providers.azure.errors import Attempt
        from ez.providers.azure.owners import own_machine

        attempt = Attempt(f"look whether `{name}` may stop itself")
        return identity.cannot_stop_itself(self._arm, own_machine(self._arm, self.workspace, name, attempt), attempt)

    def leftovers(self, owned: frozenset[str]) -> builtins.list[Leftover]:
        from ez.providers.azure import leftovers

        return leftovers.leftovers(self._arm, self.workspace, owned)

    def remove(self, leftover: Leftover, sink: Sink) -> None:
        from ez.providers.azure import leftovers

        leftovers.remove(self._arm, self.workspace, leftover, sink)

    def offers(self, regions: Sequence[str], sink: Sink) -> builtins.list[Offer]:
        from ez.providers.azure import offers

        return offers.offers(self._arm, regions, sink)

    @cached_property
    def _connection(self) -> Connection:
        from ez.providers.azure.client import Connection

        made = Connection(self.workspace, self.state.path.with_name(_RECORD))
        made.ask = self.ask
        made.pause = made.pause if self.pause is None else self.pause
        return made

    @cached_property
    def _arm(self) -> Arm:
        from ez.providers.azure import account

        subscription = account.chosen(self._connection, self.workspace, self.home.expanduser())
        return self._connection.arm(subscription)

    @cached_property
    def _usages(self) -> dict[str, Usages]:
        return {}
