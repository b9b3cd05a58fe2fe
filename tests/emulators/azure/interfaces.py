"""Microsoft.Network: security groups and their rules, public addresses, network interfaces."""

from __future__ import annotations

import ipaddress
import uuid
from typing import TYPE_CHECKING, Any

from .catalogue import ADDRESS_PRICE
from .network import ADDRESS, GROUP, INTERFACE, RULE, SUBNET, child_routes, give_up_addresses, kind_routes, put_children
from .network_use import configurations
from .store import Resource
from .wire import ArmError, Call, bad, conflict

if TYPE_CHECKING:
    from .cloud import Cloud

_SEVERAL = ("sourcePortRanges", "destinationPortRanges", "sourceAddressPrefixes", "destinationAddressPrefixes")
_DEFAULT_RULES = (
    ("AllowVnetInBound", 65000, "Inbound", "Allow", "VirtualNetwork", "VirtualNetwork"),
    ("AllowAzureLoadBalancerInBound", 65001, "Inbound", "Allow", "AzureLoadBalancer", "*"),
    ("DenyAllInBound", 65500, "Inbound", "Deny", "*", "*"),
    ("AllowVnetOutBound", 65000, "Outbound", "Allow", "VirtualNetwork", "VirtualNetwork"),
    ("AllowInternetOutBound", 65001, "Outbound", "Allow", "*", "Internet"),
    ("DenyAllOutBound", 65500, "Outbound", "Deny", "*", "*"),
)


def fill_group(cloud: Cloud, call: Call, resource: Resource) -> None:
    rules = (call.body.get("properties") or {}).get("securityRules")
    resource.properties = {
        "resourceGuid": resource.properties.get("resourceGuid", str(uuid.uuid4())),
        "securityRules": [],
        "defaultSecurityRules": [_default_rule(resource.id, *one) for one in _DEFAULT_RULES],
    }
    if rules is not None:
        _check_priorities([(one.get("name", ""), one.get("properties") or {}) for one in rules])
        put_children(cloud, call, resource, RULE, rules, rule_properties)


def _default_rule(
    group: str, name: str, priority: int, way: str, access: str, source: str, target: str
) -> dict[str, Any]:
    properties = {
        "provisioningState": "Succeeded", "description": f"{access} {way.lower()} traffic", "protocol": "*",
        "sourcePortRange": "*", "destinationPortRange": "*", "sourceAddressPrefix": source,
        "destinationAddressPrefix": target, "access": access, "priority": priority, "direction": way,
        **{several: [] for several in _SEVERAL},
    }  # fmt: skip
    kind = f"{GROUP}/defaultSecurityRules"
    return {"name": name, "id": f"{group}/defaultSecurityRules/{name}", "type": kind, "properties": properties}


def rule_properties(cloud: Cloud, call: Call, group: Resource, given: dict[str, Any]) -> dict[str, Any]:
    priority = given.get("priority", 0)
    if not isinstance(priority, int) or not 100 <= priority <= 4096:
        raise bad(f"Security rule has invalid priority {priority}: 100 to 4096.", code="SecurityRuleInvalidPriority")
    for name in ("direction", "access", "protocol"):
        if not given.get(name):
            raise bad(f"Security rule has no {name}.", code="SecurityRuleParameterMissing")
    for name in ("sourceAddressPrefix", "destinationAddressPrefix"):
        _check_prefix(given.get(name) or "*")
    usual: dict[str, Any] = {"sourcePortRange": "*", "destinationAddressPrefix": "*"}
    return {**usual, **{name: [] for name in _SEVERAL}, **given, "provisioningState": "Succeeded"}


def _check_prefix(prefix: str) -> None:
    if prefix[:1].isdigit():
        try:
            ipaddress.ip_network(prefix)
        except ValueError as exc:
            raise bad(f"Security rule has invalid Address prefix. Value provided: {prefix}",
                      code="SecurityRuleInvalidAddressPrefix") from exc  # fmt: skip


def _check_priorities(rules: list[tuple[str, dict[str, Any]]]) -> None:
    seen: dict[tuple[Any, Any], str] = {}
    for name, properties in rules:
        key = (properties.get("direction"), properties.get("priority"))
        if key in seen:
            raise bad(f"Security rule {name} conflicts with rule {seen[key]}. Rules cannot have the same Priority and "
                      "Direction.", code="SecurityRuleConflict")  # fmt: skip
        seen[key] = name


def fill_rule(cloud: Cloud, call: Call, resource: Resource) -> None:
    group = cloud.store.find(resource.parent)
    if group is None:
        raise ArmError(
            404, "ParentResourceNotFound", f"Can not perform requested operation on nested resource: {resource.parent}"
        )
    given = call.body.get("properties") or {}
    others = [one for one in cloud.store.of_kind(RULE, group.id) if one is not resource]
    _check_priorities([*((one.name, one.properties) for one in others), (resource.name, given)])
    resource.properties = rule_properties(cloud, call, group, given)


def fill_address(cloud: Cloud, call: Call, resource: Resource) -> None:
    given = call.body.get("properties") or {}
    sku = call.body.get("sku") or {"name": "Basic"}
    if sku.get("name", "Basic") == "Basic":
        raise bad("Cannot create more than 0 IPv4 Basic SKU public IP addresses for this subscription in this region.",
                  code="IPv4BasicSkuPublicIpCountLimitReached")  # fmt: skip
    if given.get("publicIPAllocationMethod", "Dynamic") != "Static":
        raise bad("Standard sku publicIp must have AllocationMethod set to Static.",
                  code="StandardSkuPublicIPAddressesMustUseStaticAllocation")  # fmt: skip
    _check_count(cloud, resource)
    resource.top |= {"sku": {"name": sku["name"], "tier": sku.get("tier", "Regional")}}
    if call.body.get("zones"):
        resource.top["zones"] = call.body["zones"]
    kept = resource.properties
    resource.properties = {
        **({"ipConfiguration": kept["ipConfiguration"]} if "ipConfiguration" in kept else {}),
        "resourceGuid": kept.get("resourceGuid", str(uuid.uuid4())),
        "ipAddress": kept.get("ipAddress") or new_address(cloud),
        "publicIPAddressVersion": given.get("publicIPAddressVersion", "IPv4"),
        "publicIPAllocationMethod": "Static",
        "idleTimeoutInMinutes": given.get("idleTimeoutInMinutes", 4),
        "ipTags": [],
    }
    if label := (given.get("dnsSettings") or {}).get("domainNameLabel"):
        resource.properties["dnsSettings"] = _dns(cloud, resource, label)
    if delete_option := given.get("deleteOption"):
        resource.properties["deleteOption"] = delete_option
    cloud.ledger.charge(resource.id, "address", ADDRESS_PRICE, cloud.now())


def _check_count(cloud: Cloud, resource: Resource) -> None:
    there = [one for one in cloud.store.of_kind(ADDRESS) if one.location == resource.location and one is not resource]
    if len(there) >= cloud.limits.addresses:
        raise bad(f"Cannot create more than {cloud.limits.addresses} public IP addresses for this subscription in this "
                  "region.", code="PublicIPCountLimitReached")  # fmt: skip


def _dns(cloud: Cloud, resource: Resource, label: str) -> dict[str, str]:
    name = f"{label}.{resource.location}.cloudapp.azure.com"
    for other in cloud.store.of_kind(ADDRESS):
        if other is not resource and (other.properties.get("dnsSettings") or {}).get("fqdn") == name:
            raise bad(f"DNS record {name} is already used by another public IP.", code="DnsRecordInUse")
    return {"domainNameLabel": label, "fqdn": name}


def new_address(cloud: Cloud) -> str:
    """An address of the documentation's networks (of 240/4 when they are used up), or one where a computer can be."""
    if cloud.computers:
        return cloud.computers.take_address()
    taken = {one.properties.get("ipAddress") for one in cloud.store.of_kind(ADDRESS)}
    for network in ("203.0.113.0/24", "198.51.100.0/24", "240.0.0.0/8"):
        for address in ipaddress.ip_network(network).hosts():
            if str(address) not in taken:
                return str(address)
    raise bad("No address is left.", code="PublicIPCountLimitReached")


def fill_interface(cloud: Cloud, call: Call, resource: Resource) -> None:
    given = call.body.get("properties") or {}
    wanted = given.get("ipConfigurations") or []
    if not wanted:
        raise bad(
            f"Network interface {resource.name} has no IP configuration.", code="NetworkInterfaceMustHaveOneIpConfig"
        )
    kept = resource.properties
    resource.properties = {
        "resourceGuid": kept.get("resourceGuid", str(uuid.uuid4())),
        "macAddress": kept.get("macAddress", ""),
        "enableAcceleratedNetworking": bool(given.get("enableAcceleratedNetworking")),
        "enableIPForwarding": bool(given.get("enableIPForwarding")),
        "dnsSettings": {"dnsServers": [], "appliedDnsServers": []},
        "nicType": "Standard",
        "vnetEncryptionSupported": False,
        "disableTcpStateTracking": False,
        "hostedWorkloads": [],
        "tapConfigurations": [],
        "auxiliaryMode": "None",
        "ipConfigurations": [_configuration(cloud, resource, one, kept) for one in wanted],
    }
    give_up_addresses(cloud, Resource(resource.id, "", "", 0, properties=kept), resource.properties["ipConfigurations"])
    if "virtualMachine" in kept:
        resource.properties["virtualMachine"] = kept["virtualMachine"]
    if group := given.get("networkSecurityGroup"):
        _require(cloud, group["id"], GROUP)
        resource.properties["networkSecurityGroup"] = {"id": group["id"]}


def _configuration(cloud: Cloud, resource: Resource, given: dict[str, Any], kept: dict[str, Any]) -> dict[str, Any]:
    wanted = given.get("properties") or {}
    subnet = _require(cloud, (wanted.get("subnet") or {}).get("id", ""), SUBNET)
    before = next((one for one in kept.get("ipConfigurations", []) if one["name"] == given["name"]), None)
    address = before["properties"]["privateIPAddress"] if before else _private_address(cloud, subnet)
    properties: dict[str, Any] = {
        "provisioningState": "Succeeded",
        "privateIPAddress": address,
        "privateIPAllocationMethod": "Dynamic",
        "subnet": {"id": subnet.id},
        "primary": wanted.get("primary", True),
        "privateIPAddressVersion": "IPv4",
    }
    if public := wanted.get("publicIPAddress"):
        found = _require(cloud, public["id"], ADDRESS)
        _check_free(resource, found)
        found.properties["ipConfiguration"] = {"id": f"{resource.id}/ipConfigurations/{given['name']}"}
        properties["publicIPAddress"] = {"id": found.id}
        if public.get("properties", {}).get("deleteOption"):
            found.properties["deleteOption"] = public["properties"]["deleteOption"]
    identity = f"{resource.id}/ipConfigurations/{given['name']}"
    kind = f"{INTERFACE}/ipConfigurations"
    return {"name": given["name"], "id": identity, "etag": resource.etag, "type": kind, "properties": properties}


def _check_free(resource: Resource, address: Resource) -> None:
    user = str((address.properties.get("ipConfiguration") or {}).get("id", ""))
    if user and not user.lower().startswith(f"{resource.id.lower()}/"):
        raise bad(f"Resource {user} is already using Public IP address {address.id}.", code="PublicIPAddressInUse")


def _require(cloud: Cloud, identity: str, kind: str) -> Resource:
    found = cloud.store.find(identity)
    if found is None or found.kind != kind:
        raise bad(f"Resource {identity} referenced by resource was not found. Please make sure that the referenced "
                  f"resource "
                  "exists, and that both resources are in the same region.",
                  code="InvalidResourceReference")  # fmt: skip
    if found.is_busy and found.state == "Updating":
        raise ArmError(
            429,
            "ReferencedResourceNotProvisioned",
            f"Cannot proceed with operation because resource {identity} used by resource is not in Succeeded state. "
            f"Resource "
            "is in Updating state and the last operation that updated/is updating the resource is PutOperation.",
        )
    return found


def _private_address(cloud: Cloud, subnet: Resource) -> str:
    """The next one of the subnet; the first four are Azure's. No two in this cloud are the same."""
    taken = {one["properties"]["privateIPAddress"] for _, one in configurations(cloud)}
    for number, address in enumerate(ipaddress.ip_network(subnet.properties["addressPrefix"]).hosts()):
        if number >= 3 and str(address) not in taken:
            return str(address)
    raise conflict("SubnetIsFull", f"Subnet {subnet.name} does not have enough capacity for 1 IP addresses.")


ROUTES = (
    *kind_routes(GROUP, fill_group, "networkSecurityGroups"),
    *child_routes(RULE, fill_rule, "securityRules"),
    *kind_routes(ADDRESS, fill_address, "publicIPAddresses"),
    *kind_routes(INTERFACE, fill_interface, "networkInterfaces", at_once=True),
)
