"""Making a machine: the place first, its parts side by side, the machine, then what can follow while it starts.

Each step looks before it makes, under names that follow from the order, so that an order which was interrupted anywhere
is gone on with by running it again.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from ez.errors import CloudError
from ez.events import Notice, Sink
from ez.models import Workspace
from ez.providers.azure import bodies
from ez.providers.azure.calls import ask, done, tell
from ez.providers.azure.client import Arm, plain
from ez.providers.azure.errors import Attempt, Reason, about, explain, translated
from ez.providers.azure.identity import let_stop_itself
from ez.providers.azure.listing import machine, one_machine
from ez.providers.azure.names import Names, names
from ez.providers.azure.place import ensure_group, ensure_subnet
from ez.providers.azure.removing import remove_attempt
from ez.providers.base import Machine, Order
from ez.providers.tags import CREATE_ID, tags_of
from ez.providers.together import side_by_side

CARD = "Microsoft.Network/networkInterfaces"
ADDRESS = "Microsoft.Network/publicIPAddresses"
SECURITY = "Microsoft.Network/networkSecurityGroups"
DISK = "Microsoft.Compute/disks"

_LOOKS = 1800
_PLACE_GONE = frozenset(
    ("resourcegroupnotfound", "resourcegroupbeingdeleted", "invalidresourcereference", "resourcenotfound", "notfound")
)
_THERE = ("PreconditionFailed", "PropertyChangeNotAllowed")
_ENDED = frozenset(("succeeded", "failed", "canceled"))


@dataclass(frozen=True)
class Making:
    """One order on its way."""

    arm: Arm
    workspace: Workspace
    order: Order
    names: Names
    attempt: Attempt
    sink: Sink

    @property
    def tags(self) -> dict[str, str]:
        return tags_of(self.order, self.workspace)


def create(arm: Arm, workspace: Workspace, order: Order, sink: Sink) -> Machine:
    """Make the machine of the order, or go on with it. Raises CapacityError, CloudError; what this attempt made is
    removed then, as far as Azure lets go of it."""
    size = order.offer.size
    attempt = Attempt(f"create `{order.name}`", size.name, size.family, order.offer.region, order.zone, order.spot)
    making = Making(
        arm, workspace, order, names(workspace.name, order.name, order.create_id, arm.subscription), attempt, sink
    )
    bodies.machine(order, making.names, {}, card="", address="")
    present = _present(making)
    try:
        made = _await(making, present) if present else _make(making)
    except CloudError as error:
        if error.code != "Unreachable":
            remove_attempt(arm, workspace.name, making.names, order.create_id, sink)
        raise
    return _finish(making, made)


def _present(making: Making) -> dict[str, Any] | None:
    """The machine of this order; another one of the name is none of ours to change."""
    present = one_machine(making.arm, making.workspace.name, making.order.name, making.attempt)
    if present and (present.get("tags") or {}).get(CREATE_ID) != making.order.create_id:
        raise CloudError(
            f"cannot {making.attempt.doing}: a machine of that name is in the workspace `{making.workspace.name}`",
            "choose another name",
            code="NameTaken",
        )
    return present


def _make(making: Making) -> dict[str, Any]:
    """Whoever deletes the last machine of the workspace at this moment takes the place away: it is made again then."""
    for last in (False, False, True):
        try:
            card, address = _parts(making)
            return _start_making(making, card, address)
        except CloudError as error:
            if last or error.code.lower() not in _PLACE_GONE:
                raise
    raise AssertionError("the last try returns or raises")


def _parts(making: Making) -> tuple[str, str]:
    """The network card's id, and the address: the public one, or a private machine's own in its network."""
    order, arm = making.order, making.arm
    ensure_group(arm, making.workspace, order, making.attempt, making.sink)
    tell(making.sink, f"making the network parts of {order.name} in {making.attempt.place}")
    subnet, security, address = side_by_side(
        [
            partial(ensure_subnet, arm, making.workspace, order, making.attempt, making.sink),
            partial(_security, making),
            partial(_address, making),
        ]
    )
    public = "" if order.private else arm.id(making.names.group, ADDRESS, making.names.address)
    own = _card(making, subnet, security, public)
    return arm.id(making.names.group, CARD, making.names.card), address or own


def _security(making: Making) -> str:
    body = bodies.security(making.order, making.tags)
    groups = making.arm.network.network_security_groups
    _done(making, lambda: groups.begin_create_or_update(making.names.group, making.names.security, body))
    return making.arm.id(making.names.group, SECURITY, making.names.security)


def _address(making: Making) -> str:
    if making.order.private:
        return ""
    body = bodies.address(making.order, making.names, making.tags)
    addresses = making.arm.network.public_ip_addresses
    made = _done(making, lambda: addresses.begin_create_or_update(making.names.group, making.names.address, body))
    return str((made.get("properties") or {}).get("ipAddress") or "")


def _card(making: Making, subnet: str, security: str, address: str) -> str:
    """Its address in the network, which stays as long as the card does."""
    body = bodies.card(making.order, making.tags, subnet=subnet, security=security, address=address)
    cards = making.arm.network.network_interfaces
    made = _done(making, lambda: cards.begin_create_or_update(making.names.group, making.names.card, body))
    first: Mapping[str, Any] = next(iter((made.get("properties") or {}).get("ipConfigurations") or ()), {})
    return str((first.get("properties") or {}).get("privateIPAddress") or "")


def _start_making(making: Making, card: str, address: str) -> dict[str, Any]:
    """The call from which on it costs. `If-None-Match: *` has Azure refuse a second machine of the name; where that one
    is this order's own (an answer was lost on the way), it is waited for."""
    from azure.core import MatchConditions

    order, names = making.order, making.names
    body = bodies.machine(order, names, making.tags, card=card, address=address)
    machines = making.arm.compute.virtual_machines
    tell(making.sink, f"making {order.offer.size.name} in {making.attempt.place}")
    try:
        poller = ask(
            making.arm,
            making.attempt,
            lambda: machines.begin_create_or_update(
                names.group, names.machine, body, match_condition=MatchConditions.IfMissing
            ),
            making.sink,
        )
        with translated(making.attempt):
            return _usable(making, plain(poller.result()))
    except CloudError as error:
        if error.code not in _THERE and not about(error.code).get("alive"):
            raise
        present = _present(making)
        if present is None:
            raise
        return _await(making, present)


def _await(making: Making, present: Mapping[str, Any]) -> dict[str, Any]:
    """A machine that an earlier run began to make, once Azure is through with it."""
    tell(making.sink, f"waiting for {making.order.name}, which is being made already")
    found: Mapping[str, Any] | None = present
    for _ in range(_LOOKS):
        if found and _state(found) in _ENDED:
            return _usable(making, found)
        time.sleep(making.arm.pause)
        found = one_machine(making.arm, making.workspace.name, making.order.name, making.attempt)
        if found is None:
            raise explain(Reason("NotFound"), making.attempt)
    raise explain(Reason("ServerTimeout"), making.attempt)


def _usable(making: Making, model: Mapping[str, Any]) -> dict[str, Any]:
    """The model, unless it says that making it failed for a reason that leaves nothing to use."""
    if _state(model) == "succeeded":
        return {**model}
    whole = one_machine(making.arm, making.workspace.name, making.order.name, making.attempt) or model
    code = machine(whole).error or "Failed"
    error = explain(Reason(code), making.attempt)
    if not about(code).get("alive"):
        raise error
    making.sink(Notice(error.message, "warning"))
    return {**whole}


def _finish(making: Making, model: Mapping[str, Any]) -> Machine:
    """What can follow while the machine starts: its disk says whose it is, and it may stop itself."""
    side_by_side([partial(_mark_disk, making), partial(let_stop_itself, making.arm, model, making.sink)])
    found = one_machine(making.arm, making.workspace.name, making.order.name, making.attempt)
    if found is None:
        raise explain(Reason("NotFound"), making.attempt)
    return machine(found)


def _mark_disk(making: Making) -> None:
    """Its name says it too, so that nothing is lost where this cannot be done."""
    disks, names = making.arm.compute.disks, making.names
    with suppress(CloudError):
        done(making.arm, making.attempt, lambda: disks.begin_update(names.group, names.disk, {"tags": making.tags}))


def _done(making: Making, begin: Any) -> dict[str, Any]:
    return done(making.arm, making.attempt, begin, making.sink)


def _state(model: Mapping[str, Any]) -> str:
    return str((model.get("properties") or {}).get("provisioningState") or "").lower()
