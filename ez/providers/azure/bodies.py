"""What is asked of Azure, in the shape of the wire: pure functions of an order."""

from __future__ import annotations

import base64
import ipaddress
import re
from collections.abc import Mapping
from typing import Any

from ez.errors import UsageError
from ez.names import shown
from ez.providers.azure.images import generation, image_of, reference
from ez.providers.azure.names import ADDRESS, Names
from ez.providers.base import Order, Size

SUBNET = "machines"
RULE = "ssh"

_RESERVED = frozenset(
    (
        "admin", "administrator", "root", "user", "user1", "user2", "user3", "user4", "user5", "test", "test1", "test2",
        "test3", "guest", "owner", "sys", "sql", "support", "backup", "console", "actuser", "adm", "aspnet", "david",
        "john", "server", "a", "1", "123",
    )
)  # fmt: skip
"""Names that Azure does not give to the first user (K)."""

_KEYS = ("ssh-ed25519 ", "ssh-rsa ")
_PREMIUM = re.compile(r"Standard_(?:[A-Z]*S\d|[A-Z]+\d+(?:-\d+)?[a-z]*s)", re.ASCII)
"""Sizes with fast disks: an `s` among the letters after the number (learn.microsoft.com, VM naming conventions)."""

_WITHOUT_TRUST = re.compile(r"Standard_(?:N[CDV]\d+r?s?(?:_v[23])?|ND96a(?:sr_v4|msr_A100_v4))", re.ASCII)
"""Sizes without Trusted Launch (learn.microsoft.com/azure/virtual-machines/trusted-launch); none of arm64 has it."""


def network(region: str, tags: Mapping[str, str]) -> dict[str, Any]:
    """The workspace's network in a region. Since api-version 2025-07-01 subnets have no way out unless they say so, and
    a machine without a public address would wait for its packages forever."""
    subnet = {"addressPrefix": "10.89.0.0/20", "defaultOutboundAccess": True}
    return {
        "location": region,
        "tags": {**tags},
        "properties": {
            "addressSpace": {"addressPrefixes": ["10.89.0.0/16"]},
            "subnets": [{"name": SUBNET, "properties": subnet}],
        },
    }


def security(order: Order, tags: Mapping[str, str]) -> dict[str, Any]:
    """The machine's own door: closed but for port 22 from one address."""
    rules = [rule(order.source)] if order.source else []
    return {"location": order.offer.region, "tags": {**tags}, "properties": {"securityRules": rules}}


def rule(source: str) -> dict[str, Any]:
    """Port 22 from `source` (`203.0.113.7/32`, or the address alone). Raises UsageError for any other text."""
    try:
        allowed = ipaddress.ip_network(source)
    except ValueError:
        raise UsageError(f"not an address: `{shown(source)}`", "write it as `203.0.113.7/32`") from None
    properties = {
        "priority": 1000,
        "direction": "Inbound",
        "access": "Allow",
        "protocol": "Tcp",
        "sourceAddressPrefix": str(allowed),
        "sourcePortRange": "*",
        "destinationAddressPrefix": "*",
        "destinationPortRange": "22",
    }
    return {"name": RULE, "properties": properties}


def address(order: Order, names: Names, tags: Mapping[str, str]) -> dict[str, Any]:
    """A static public address: it stays the same when the machine is stopped, and is paid for then too."""
    properties = {
        "publicIPAllocationMethod": "Static",
        "publicIPAddressVersion": "IPv4",
        "dnsSettings": {"domainNameLabel": names.label},
    }
    body = {"location": order.offer.region, "tags": {**tags}, "sku": {"name": "Standard"}, "properties": properties}
    return {**body, "zones": [order.zone]} if order.zone else body


def card(order: Order, tags: Mapping[str, str], *, subnet: str, security: str, address: str) -> dict[str, Any]:
    """The network card; `address` is the id of the public one, empty for none."""
    inner: dict[str, Any] = {"subnet": {"id": subnet}, "privateIPAllocationMethod": "Dynamic"}
    if address:
        inner["publicIPAddress"] = {"id": address, "properties": {"deleteOption": "Delete"}}
    first = {"name": "first", "properties": inner}
    properties = {"ipConfigurations": [first], "networkSecurityGroup": {"id": security}}
    return {"location": order.offer.region, "tags": {**tags}, "properties": properties}


def machine(order: Order, names: Names, tags: Mapping[str, str], *, card: str, address: str) -> dict[str, Any]:
    """The machine, with all that goes when it goes. Raises UsageError for an order that Azure would refuse anyway."""
    size = order.offer.size
    primary = {"id": card, "properties": {"primary": True, "deleteOption": "Delete"}}
    properties = {
        "hardwareProfile": {"vmSize": size.name},
        "storageProfile": {"imageReference": reference(image_of(order.image, size)), "osDisk": _disk(order, names)},
        "securityProfile": _trust(order),
        "osProfile": _system(order),
        "networkProfile": {"networkInterfaces": [primary]},
        "diagnosticsProfile": {"bootDiagnostics": {"enabled": True}},
        **_priority(order),
    }
    body = {
        "location": order.offer.region,
        "tags": {**tags, **({ADDRESS: address} if address else {})},
        "identity": {"type": "SystemAssigned"},
        "properties": properties,
    }
    return {**body, "zones": [order.zone]} if order.zone else body


def disk_kind(size: Size) -> str:
    return "Premium_LRS" if _PREMIUM.match(size.name) else "StandardSSD_LRS"


def _disk(order: Order, names: Names) -> dict[str, Any]:
    return {
        "name": names.disk,
        "createOption": "FromImage",
        "diskSizeGB": order.disk,
        "caching": "ReadWrite",
        "managedDisk": {"storageAccountType": disk_kind(order.offer.size)},
        "deleteOption": "Delete",
    }


def _trust(order: Order) -> dict[str, Any]:
    """Trusted Launch wherever the size has it, Secure Boot alone can be left out; of one's own image nobody knows."""
    size = order.offer.size
    if (
        order.image.startswith("/")
        or _WITHOUT_TRUST.fullmatch(size.name)
        or generation(size) == "V1"
        or size.architecture != "x86_64"
    ):
        return {"securityType": "Standard"}
    settings = {"secureBootEnabled": order.secure_boot, "vTpmEnabled": True}
    return {"securityType": "TrustedLaunch", "uefiSettings": settings}


def _system(order: Order) -> dict[str, Any]:
    if order.user in _RESERVED:
        raise UsageError(f"Azure keeps the user name `{order.user}` for itself", "choose another `user`")
    if not order.public_key.startswith(_KEYS):
        raise UsageError("Azure takes ed25519 and RSA keys only", "choose another key: `ssh-keygen -t ed25519`")
    keys = [{"path": f"/home/{order.user}/.ssh/authorized_keys", "keyData": order.public_key.strip()}]
    return {
        "computerName": order.name,
        "adminUsername": order.user,
        "customData": base64.b64encode(order.user_data.encode()).decode(),
        "linuxConfiguration": {
            "disablePasswordAuthentication": True,
            "provisionVMAgent": True,
            "ssh": {"publicKeys": keys},
        },
    }


def _priority(order: Order) -> dict[str, Any]:
    """Spot pays at most the full price, or what was said; evicted, it keeps its disk."""
    if not order.spot:
        return {}
    price = order.max_price or -1
    return {"priority": "Spot", "evictionPolicy": "Deallocate", "billingProfile": {"maxPrice": price}}
