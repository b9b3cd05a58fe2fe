"""Where a workspace's machines are: its group, and a network in each region, made when the first machine needs them and
given up when the last one goes."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from typing import Any

from ez.errors import CapacityError, CloudError
from ez.events import Sink
from ez.models import Workspace
from ez.providers.azure import bodies
from ez.providers.azure.calls import ask, done, find, gone, gone_by, listed, tell
from ez.providers.azure.client import Arm
from ez.providers.azure.errors import Attempt
from ez.providers.azure.identity import forget_role
from ez.providers.azure.listing import in_group
from ez.providers.azure.names import group_name, network_name
from ez.providers.base import Order
from ez.providers.tags import WORKSPACE
from ez.providers.together import side_by_side
from ez.providers.wire import mapping, text

NETWORK = "Microsoft.Network/virtualNetworks"

_VERSION = "2025-04-01"


def ensure_group(arm: Arm, workspace: Workspace, order: Order, attempt: Attempt, sink: Sink) -> None:
    """A group stays where it was made first; its machines may be anywhere."""
    name = group_name(workspace.name)
    groups = arm.resources.resource_groups
    if find(arm, attempt, lambda: groups.get(name)) is None:
        tell(sink, f"making the resource group {name}")
        body = {"location": order.offer.region, "tags": {WORKSPACE: workspace.name}}
        ask(arm, attempt, lambda: groups.create_or_update(name, body), sink)


def ensure_subnet(arm: Arm, workspace: Workspace, order: Order, attempt: Attempt, sink: Sink) -> str:
    """The id of the subnet for a machine in the order's region. Raises CapacityError where the workspace's network is
    in another region."""
    if workspace.network:
        return _given_subnet(arm, workspace.network, order, attempt)
    group, name = group_name(workspace.name), network_name(order.offer.region)
    networks = arm.network.virtual_networks
    present = find(arm, attempt, lambda: networks.get(group, name))
    if present is None:
        tell(sink, f"making the network {name}")
        body = bodies.network(order.offer.region, {WORKSPACE: workspace.name})
        done(arm, attempt, lambda: networks.begin_create_or_update(group, name, body), sink)
    return f"{arm.id(group, NETWORK, name)}/subnets/{bodies.SUBNET}"


def give_up(arm: Arm, workspace: Workspace, attempt: Attempt, removed: Collection[str], sink: Sink) -> None:
    """Remove the networks that no machine uses, and the group once nothing is in it; Azure itself refuses a network
    that is in use. What ez did not make stays, and so does its group. `removed` are ids that a list may still have."""
    group = group_name(workspace.name)
    networks = [str(each["id"]) for each in contents(arm, group, attempt) if _is_shared(each, workspace)]
    unused = side_by_side([partial(_remove_unused, arm, attempt, id) for id in networks])
    removed = {*removed, *(id for id, went in zip(networks, unused, strict=True) if went)}
    if is_empty(arm, workspace, attempt, removed):
        tell(sink, f"removing the resource group {group}, in which nothing is left")
        remove_group(arm, workspace, attempt)


def contents(arm: Arm, group: str, attempt: Attempt) -> list[dict[str, Any]]:
    """All resources of a group with their tags, none where there is no such group. They are deleted by their ids: one
    of another group is none of it, whatever a list says."""
    path, query = f"resourceGroups/{group}/resources", {"$expand": "createdTime"}
    found = listed(arm, attempt, lambda: arm.pages(path, _VERSION, query)) or []
    inside = f"{arm.id(group)}/".lower()
    return [each for each in found if text(each.get("name")) and text(each.get("id")).lower().startswith(inside)]


def is_empty(arm: Arm, workspace: Workspace, attempt: Attempt, removed: Collection[str] = ()) -> bool:
    """Whether nothing is in the workspace's group but what was just removed. Either list may be behind."""
    group, gone = group_name(workspace.name), {id.lower() for id in removed}
    machines = in_group(arm, group, attempt)
    if machines is None:
        return False
    return all(str(each["id"]).lower() in gone for each in (*machines, *contents(arm, group, attempt)))


def remove_group(arm: Arm, workspace: Workspace, attempt: Attempt) -> None:
    """Remove the workspace's group, which is empty, if ez made it."""
    name = group_name(workspace.name)
    groups = arm.resources.resource_groups
    present = find(arm, attempt, lambda: groups.get(name))
    if present and (present.get("tags") or {}).get(WORKSPACE) == workspace.name:
        forget_role(arm, name)
        gone_by(arm, attempt, lambda: groups.begin_delete(name))


def _given_subnet(arm: Arm, network: str, order: Order, attempt: Attempt) -> str:
    group, _, name = network.partition("/")
    present = find(arm, attempt, lambda: arm.network.virtual_networks.get(group, name))
    subnets = ((present or {}).get("properties") or {}).get("subnets") or []
    if present is None or not subnets:
        raise CloudError(
            f"cannot {attempt.doing}: no network with a subnet: `{network}`",
            "set `network` of the workspace to GROUP/NAME of one, or leave it out",
            code="NotFound",
        )
    region = str(present.get("location", "")).replace(" ", "").lower()
    if region != order.offer.region:
        raise CapacityError(
            f"cannot {attempt.doing}: the workspace's network is in {region}, not in {order.offer.region}",
            f"choose `--region {region}`",
            code="NetworkElsewhere",
            blocks=(order.offer.region, "", "", None),
            minutes=30,
        )
    chosen = next((each for each in subnets if each["name"] in (bodies.SUBNET, "default")), subnets[0])
    return str(chosen["id"])


def _remove_unused(arm: Arm, attempt: Attempt, id: str) -> bool:
    try:
        gone(arm, attempt, id)
    except CloudError as error:
        if not error.code.lower().startswith("inuse"):
            raise
        return False
    return True


def _is_shared(resource: dict[str, Any], workspace: Workspace) -> bool:
    mine = mapping(resource.get("tags")).get(WORKSPACE) == workspace.name
    return mine and str(resource.get("type", "")).lower() == NETWORK.lower()
