"""Taking away: everything with certain tags in a region, and the network when its last machine went."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from ez.errors import CloudError
from ez.events import Output, Sink
from ez.providers.aws import fence, network
from ez.providers.aws.account import Account, filters, tagged
from ez.providers.aws.machines import Instance, alive, instance, state_of, tags_on
from ez.providers.aws.waiting import done_already, settled, wait_for
from ez.providers.tags import Marks, marks_of

_ENDS_WITHIN = 600.0
_GROUP = "security group"
_HELD = ("DependencyViolation", "VolumeInUse", "InvalidNetworkInterface.InUse", "InvalidIPAddress.InUse")


@dataclass(frozen=True)
class Thing:
    """A thing of ez in a region that no instance holds. `size` is GiB of a disk, `created` Unix seconds, 0 unknown."""

    kind: str
    id: str
    marks: Marks
    size: int = 0
    created: float = 0


@dataclass(frozen=True)
class Swept:
    """Of a region: whether the workspace had schedules there, and whether it still has a machine there then."""

    schedules: bool = False
    machines: bool = False


def sweep(account: Account, region: str, sink: Sink, **marks: str) -> Swept:
    """Remove all that has these tags, and this workspace's: requests for spot machines, machines, schedules, disks,
    cards, addresses, security groups; then the workspace's network, if nothing is in it. Raises CloudError."""
    marks["workspace"] = account.workspace.name
    with account.translated(f"cannot remove everything in {region}"):
        found = alive(account, region, **marks)
        ended = [one["InstanceId"] for one in found]
        _end_spot_requests(account, region, found, marks)
        for id in ended:
            sink(Output("machine", f"ends {id}"))
            with done_already():
                account.ec2(region).terminate_instances(InstanceIds=[id])
        for id in ended:
            wait_for(partial(_is_ended, account, region, id), account, f"cannot end `{id}`", within=_ENDS_WITHIN)
        for thing in things(account, region, **marks):
            sink(Output("machine", f"removes {thing.kind} {thing.id}"))
            remove(account, region, thing.kind, thing.id)
        swept = _sweep_schedules(account, region, [marks_of(tags_on(one)).create_id for one in found])
        network.remove_networks(account, region)
    return swept


def _sweep_schedules(account: Account, region: str, create_ids: Sequence[str]) -> Swept:
    """Those of machines that are gone, and their group with the last one of the workspace."""
    if not fence.has_group(account, region):
        return Swept()
    fence.forget(account, region, create_ids)
    machines = alive(account, region, workspace=account.workspace.name)
    if not machines:
        fence.remove_group(account, region)
    return Swept(True, bool(machines))


def loose(account: Account, region: str, **marks: str) -> list[Thing]:
    """The `things` that nothing uses."""
    found = things(account, region, **marks)
    groups = [thing.id for thing in found if thing.kind == _GROUP]
    if not groups:
        return found
    with account.translated(f"cannot list what is left in {region}"):
        asked = filters(group_id=groups)
        cards = account.ec2(region).describe_network_interfaces(Filters=asked)["NetworkInterfaces"]
    held = {group["GroupId"] for card in cards for group in card.get("Groups", ())}
    return [thing for thing in found if thing.id not in held]


def things(account: Account, region: str, **marks: str) -> list[Thing]:
    """What has these tags and is attached to no instance, in the order in which it can be removed; and security groups,
    of which a card may still be in use that is about to go."""
    ec2, asked = account.ec2(region), tagged(**marks)
    with account.translated(f"cannot list what is left in {region}"):
        addresses = ec2.describe_addresses(Filters=asked)["Addresses"]
        cards = ec2.describe_network_interfaces(Filters=asked)["NetworkInterfaces"]
        disks = ec2.describe_volumes(Filters=asked)["Volumes"]
        groups = ec2.describe_security_groups(Filters=asked)["SecurityGroups"]
    return [
        *_things("address", "AllocationId", [one for one in addresses if not one.get("AssociationId")]),
        *_things("network card", "NetworkInterfaceId", [one for one in cards if one["Status"] == "available"]),
        *_things("disk", "VolumeId", [one for one in disks if one["State"] == "available"]),
        *_things(_GROUP, "GroupId", groups),
    ]


def remove(account: Account, region: str, kind: str, id: str) -> None:
    """Remove one thing of `loose`, or a network; one that is gone is success. Raises CloudError."""
    ec2 = account.ec2(region)
    if kind == "network":
        with account.translated(f"cannot remove the network `{id}`"):
            if not network.remove_network(account, region, id):
                raise CloudError(f"somebody still uses the network `{id}`", "ez compute ls --all", code="InUse")
        return
    removals: dict[str, Any] = {
        "address": lambda: ec2.release_address(AllocationId=id),
        "network card": lambda: ec2.delete_network_interface(NetworkInterfaceId=id),
        "disk": lambda: ec2.delete_volume(VolumeId=id),
        _GROUP: lambda: ec2.delete_security_group(GroupId=id),
        "gateway": lambda: ec2.delete_internet_gateway(InternetGatewayId=id),
        "schedule": lambda: fence.forget(account, region, [id]),
        "spot request": lambda: ec2.cancel_spot_instance_requests(SpotInstanceRequestIds=[id]),
    }
    with account.translated(f"cannot remove the {kind} `{id}`"), done_already():
        settled(removals[kind], account, *_HELD)


def spot_requests(account: Account, region: str, **marks: str) -> Iterator[dict[str, Any]]:
    """Requests that could still bring a machine to life."""
    asked = [*filters(state=("open", "active", "disabled")), *tagged(**marks)]
    with account.translated(f"cannot list the requests for spot machines of {region}"):
        answer = account.ec2(region).describe_spot_instance_requests(Filters=asked)
    yield from answer["SpotInstanceRequests"]


def _end_spot_requests(account: Account, region: str, machines: list[Instance], marks: dict[str, str]) -> None:
    """First: a request that stays would start another machine for the one that ended."""
    ids = {request["SpotInstanceRequestId"] for request in spot_requests(account, region, **marks)}
    ids |= {found["SpotInstanceRequestId"] for found in machines if found.get("SpotInstanceRequestId")}
    for id in sorted(ids):
        remove(account, region, "spot request", id)


def _is_ended(account: Account, region: str, id: str) -> bool | None:
    found = instance(account, region, id)
    return True if found is None or state_of(found) == "terminated" else None


def _things(kind: str, id: str, found: list[dict[str, Any]]) -> Iterator[Thing]:
    for thing in found:
        made = thing.get("CreateTime")
        yield Thing(kind, thing[id], marks_of(tags_on(thing)), thing.get("Size", 0), made.timestamp() if made else 0.0)
