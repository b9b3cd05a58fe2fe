"""What of the network uses what: what is shown of it, and what it keeps from being deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .network import ADDRESS, GROUP, INTERFACE, NETWORK, SUBNET
from .store import Resource
from .wire import bad

if TYPE_CHECKING:
    from .cloud import Cloud

RESERVED = 180
"""For how many seconds an interface stays with a machine that could not be made."""


def configurations(cloud: Cloud) -> list[tuple[Resource, dict[str, Any]]]:
    """All interfaces with each of their configurations."""
    found = cloud.store.of_kind(INTERFACE)
    return [(one, configuration) for one in found for configuration in one.properties.get("ipConfigurations", [])]


def same(one: Any, other: str) -> bool:
    return str((one or {}).get("id", "")).lower() == other.lower()


def attachments(cloud: Cloud, resource: Resource) -> dict[str, Any]:
    """What a resource shows of the others that use it."""
    if resource.kind == SUBNET:
        found = [one for _, one in configurations(cloud) if same(one["properties"].get("subnet"), resource.id)]
        return {"ipConfigurations": [{"id": one["id"]} for one in found]} if found else {}
    if resource.kind == GROUP:
        return _guarded(cloud, resource)
    return {}


def _guarded(cloud: Cloud, group: Resource) -> dict[str, Any]:
    found = {}
    for name, kind in (("networkInterfaces", INTERFACE), ("subnets", SUBNET)):
        users = [one for one in cloud.store.of_kind(kind) if same(one.properties.get("networkSecurityGroup"), group.id)]
        if users:
            found[name] = [{"id": one.id} for one in users]
    return found


def check_unused(cloud: Cloud, resource: Resource) -> None:
    """400 where something uses it."""
    check = {INTERFACE: _interface, ADDRESS: _address, GROUP: _group, SUBNET: _subnet, NETWORK: _network}.get(
        resource.kind
    )
    if check is not None:
        check(cloud, resource)


def _interface(cloud: Cloud, resource: Resource) -> None:
    if machine := resource.properties.get("virtualMachine"):
        raise bad(
            f"Network Interface {resource.id} is used by existing resource {machine['id']}. In order to delete the "
            f"network "
            "interface, it must be dissociated from the resource. To learn more, see aka.ms/deletenic.",
            code="NicInUse",
        )
    if resource.reserved_until > cloud.now():
        raise bad(
            f"Nic(s) in request is reserved for another Virtual Machine for {RESERVED} seconds. Please provide another "
            f"nic(s) or retry after {RESERVED} seconds.",
            code="NicReservedForAnotherVm",
        )


def _address(cloud: Cloud, resource: Resource) -> None:
    if used := resource.properties.get("ipConfiguration"):
        raise bad(
            f"Public IP address {resource.id} can not be deleted since it is still allocated to resource "
            f"{used['id']}. In order to delete the public IP, disassociate/detach the Public IP "
            f"address "
            "from the resource. To learn how to do this, see aka.ms/deletepublicip.",
            code="PublicIPAddressCannotBeDeleted",
        )


def _group(cloud: Cloud, resource: Resource) -> None:
    used = [one["id"] for users in attachments(cloud, resource).values() for one in users]
    if used:
        raise bad(
            f"Network security group {resource.id} cannot be deleted because it is in use by the following resources: "
            f"{', '.join(used)}. In order to delete the Network security group, remove the association with the "
            "resource(s). To learn how to do this, see aka.ms/deletensg.",
            code="InUseNetworkSecurityGroupCannotBeDeleted",
        )


def _subnet(cloud: Cloud, resource: Resource) -> None:
    if used := attachments(cloud, resource):
        raise bad(
            f"Subnet {resource.name} is in use by {used['ipConfigurations'][0]['id']} and cannot be deleted. In "
            f"order to "
            "delete the subnet, delete all the resources within the subnet. See aka.ms/deletesubnet.",
            code="InUseSubnetCannotBeDeleted",
        )


def _network(cloud: Cloud, resource: Resource) -> None:
    for subnet in cloud.store.of_kind(SUBNET, resource.id):
        _subnet(cloud, subnet)
