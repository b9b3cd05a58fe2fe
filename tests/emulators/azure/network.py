"""Microsoft.Network: what all of its kinds have in common, and virtual networks with their subnets."""

from __future__ import annotations

import ipaddress
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .groups import check_location
from .routing import Route
from .store import Resource
from .wire import ArmError, Call, Reply, bad, conflict, not_found

if TYPE_CHECKING:
    from .cloud import Cloud

NETWORK, SUBNET = "Microsoft.Network/virtualNetworks", "Microsoft.Network/virtualNetworks/subnets"
GROUP, RULE = "Microsoft.Network/networkSecurityGroups", "Microsoft.Network/networkSecurityGroups/securityRules"
ADDRESS, INTERFACE = "Microsoft.Network/publicIPAddresses", "Microsoft.Network/networkInterfaces"
PRIVATE_SINCE = "2025-07-01"
"""From this api-version on new subnets have no way out of their own (cloud.md 2.4)."""

Fill = Callable[["Cloud", Call, Resource], None]


def root(kind: str) -> str:
    return "/subscriptions/{subscription}/resourceGroups/{group}/providers/" + f"{kind}/{{name}}"


def identity_of(call: Call, kind: str, *names: str) -> str:
    namespace, *kinds = kind.split("/")
    path = "".join(f"/{one}/{name}" for one, name in zip(kinds, names, strict=True))
    return f"/subscriptions/{call['subscription']}/resourceGroups/{call['group']}/providers/{namespace}{path}"


def put(cloud: Cloud, call: Call, kind: str, fill: Fill, *, wait: float = 1, at_once: bool = False) -> Reply:
    """Make or replace a resource of the network: 201 or 200, `Updating` until its operation has ended."""
    group = cloud.group(call)
    parts = [call["name"]] if "child" not in call.parameters else [call["name"], call["child"]]
    identity = identity_of(call, kind, *parts)
    found = cloud.store.find(identity)
    check_match(call, found)
    if found is not None and found.is_busy:
        raise conflict(
            "AnotherOperationInProgress",
            f"Another operation on this or dependent resource is in progress. To retrieve status of the operation use "
            f"uri: {call.base}{identity}.",
        )
    if len(parts) == 1:
        check_location(call)
    resource = found or Resource(identity, kind, call.location, cloud.now())
    resource.location = resource.location or group.location if len(parts) == 1 else ""
    if len(parts) == 1 and call.body.get("tags") is not None:
        resource.top["tags"] = call.body["tags"]
    fill(cloud, call, resource)
    cloud.store.put(resource)
    return begin_write(cloud, call, resource, 201 if found is None else 200, wait=wait, at_once=at_once)


def begin_write(
    cloud: Cloud, call: Call, resource: Resource, status: int, *, wait: float = 1, at_once: bool = False
) -> Reply:
    touch(resource)
    if at_once and cloud.late is None:
        return Reply(status, view(cloud, resource))
    resource.state = "Updating"

    def finish(at: float) -> None:
        resource.state = "Succeeded"
        touch(resource)
        tell_doors(cloud)

    def failed(at: float, error: ArmError) -> None:
        resource.state = "Failed"

    operation = cloud.begin(resource, "network", 3, finish=finish, failed=failed, first=wait, poll=0)
    return Reply(status, view(cloud, resource), cloud.operations.headers(call, operation))


def tell_doors(cloud: Cloud) -> None:
    """Rules may have changed: computers are open or closed now."""
    if cloud.computers:
        cloud.computers.doors_changed(cloud)


def give_up_addresses(cloud: Cloud, interface: Resource, configurations: list[dict[str, Any]]) -> None:
    """Public addresses that an interface had, and of `configurations` none has, belong to nobody now."""
    wanted = {str((one["properties"].get("publicIPAddress") or {}).get("id", "")).lower() for one in configurations}
    for one in interface.properties.get("ipConfigurations", []):
        address = cloud.store.find(str((one["properties"].get("publicIPAddress") or {}).get("id", "")))
        if address is not None and address.id.lower() not in wanted:
            address.properties.pop("ipConfiguration", None)


def touch(resource: Resource) -> None:
    resource.etag = f'W/"{uuid.uuid4()}"'


def check_match(call: Call, found: Resource | None) -> None:
    wanted, none = call.headers.get("if-match"), call.headers.get("if-none-match")
    if (wanted and wanted != "*" and (found is None or wanted != found.etag)) or (none == "*" and found):
        raise ArmError(412, "PreconditionFailed", "Precondition failed: the resource has another etag.")


def get(cloud: Cloud, call: Call, kind: str) -> Reply:
    resource = require(cloud, call, kind)
    return Reply(200, view(cloud, resource), {"ETag": resource.etag})


def require(cloud: Cloud, call: Call, kind: str) -> Resource:
    cloud.group(call)
    parts = [call["name"]] if "child" not in call.parameters else [call["name"], call["child"]]
    found = cloud.store.find(identity_of(call, kind, *parts))
    if found is None:
        raise not_found(call.path)
    return found


def patch(cloud: Cloud, call: Call, kind: str) -> Reply:
    """Tags, the one thing that can be changed so."""
    resource = require(cloud, call, kind)
    resource.top["tags"] = call.body.get("tags") or {}
    touch(resource)
    return Reply(200, view(cloud, resource))


def listed(cloud: Cloud, call: Call, kind: str) -> Reply:
    under = f"/subscriptions/{call['subscription']}"
    if "name" in call.parameters:
        under = require(cloud, call, kind.rpartition("/")[0]).id
    elif "group" in call.parameters:
        under = cloud.group(call).id
    return cloud.page(call, cloud.visible(kind, under), lambda one: view(cloud, one))


def delete(cloud: Cloud, call: Call, kind: str) -> Reply:
    """204 where it is not there; 400 where something uses it, in the words of Azure."""
    cloud.group(call)
    parts = [call["name"]] if "child" not in call.parameters else [call["name"], call["child"]]
    found = cloud.store.find(identity_of(call, kind, *parts))
    if found is None:
        return Reply(204)
    from .network_use import check_unused

    check_unused(cloud, found)
    found.state = "Deleting"

    def finish(at: float) -> None:
        remove(cloud, found, at)

    def failed(at: float, error: ArmError) -> None:
        found.state = "Succeeded"

    operation = cloud.begin(found, "network", 3, finish=finish, failed=failed, first=1, purpose="delete")
    return Reply(202, None, cloud.operations.headers(call, operation))


def remove(cloud: Cloud, resource: Resource, at: float) -> None:
    if resource.kind == INTERFACE:
        give_up_addresses(cloud, resource, [])
    for one in [resource, *cloud.store.children(resource.id)]:
        cloud.ledger.stop(one.id, at)
        cloud.store.drop(one, at + cloud.settings.lag if cloud.settings.lag else 0)
        tell_doors(cloud)
        if one.kind == ADDRESS and cloud.computers:
            cloud.computers.give_back(str(one.properties.get("ipAddress", "")))


def view(cloud: Cloud, resource: Resource) -> dict[str, Any]:
    from .network_use import attachments

    found = resource.view()
    found["etag"] = resource.etag
    found["properties"] = {**found["properties"], **attachments(cloud, resource)}
    for kind, name in ((SUBNET, "subnets"), (RULE, "securityRules")):
        if resource.kind == kind.rpartition("/")[0]:
            found["properties"][name] = [view(cloud, one) for one in cloud.store.of_kind(kind, resource.id)]
    return found


def fill_network(cloud: Cloud, call: Call, resource: Resource) -> None:
    properties = call.body.get("properties") or {}
    prefixes = (properties.get("addressSpace") or {}).get("addressPrefixes") or []
    if not prefixes:
        raise bad("Address space of the virtual network cannot be empty.", code="InvalidRequestFormat")
    resource.properties = {"addressSpace": {"addressPrefixes": prefixes}, "enableDdosProtection": False}
    resource.properties |= {"resourceGuid": str(uuid.uuid4()), "virtualNetworkPeerings": []}
    resource.properties["privateEndpointVNetPolicies"] = "Disabled"
    if "subnets" in properties:
        put_children(cloud, call, resource, SUBNET, properties["subnets"], subnet_properties)


def put_children(
    cloud: Cloud,
    call: Call,
    resource: Resource,
    kind: str,
    wanted: list[dict[str, Any]],
    properties_of: Callable[[Cloud, Call, Resource, dict[str, Any]], dict[str, Any]],
) -> None:
    """The children that a body lists replace those that are there."""
    from .network_use import check_unused

    names = {one["name"].lower() for one in wanted}
    for child in cloud.store.of_kind(kind, resource.id):
        if child.name.lower() not in names:
            check_unused(cloud, child)
            cloud.store.drop(child)
    for one in wanted:
        identity = f"{resource.id}/{kind.rpartition('/')[2]}/{one['name']}"
        child = cloud.store.find(identity) or Resource(identity, kind, "", cloud.now())
        child.properties = properties_of(cloud, call, resource, one.get("properties") or {})
        touch(child)
        cloud.store.put(child)


def subnet_properties(cloud: Cloud, call: Call, network: Resource, given: dict[str, Any]) -> dict[str, Any]:
    prefix = given.get("addressPrefix") or (given.get("addressPrefixes") or [""])[0]
    spaces = [ipaddress.ip_network(one) for one in network.properties["addressSpace"]["addressPrefixes"]]
    try:
        inside = any(ipaddress.ip_network(prefix).subnet_of(space) for space in spaces)  # type: ignore[arg-type]
    except ValueError as exc:
        raise bad(f"Address prefix {prefix} is not valid.", code="InvalidCIDRNotation") from exc
    if not inside:
        raise bad(f"Subnet with address prefix {prefix} is not within the network.", code="NetcfgInvalidSubnet")
    found = {"addressPrefix": prefix, "delegations": [], "privateEndpointNetworkPolicies": "Disabled"}
    found["privateLinkServiceNetworkPolicies"] = "Enabled"
    found["defaultOutboundAccess"] = given.get("defaultOutboundAccess", call.version < PRIVATE_SINCE)
    if group := given.get("networkSecurityGroup"):
        if cloud.store.find(group["id"]) is None:
            raise bad(f"Resource {group['id']} referenced by resource was not found.", code="InvalidResourceReference")
        found["networkSecurityGroup"] = {"id": group["id"]}
    return found


def fill_subnet(cloud: Cloud, call: Call, resource: Resource) -> None:
    network = cloud.store.find(resource.parent)
    if network is None:
        raise ArmError(
            404, "ParentResourceNotFound", f"Can not perform requested operation on nested resource. {resource.parent}"
        )
    resource.properties = subnet_properties(cloud, call, network, call.body.get("properties") or {})


def kind_routes(kind: str, fill: Fill, short: str, *, wait: float = 1, at_once: bool = False) -> tuple[Route, ...]:
    """Create, get, update, delete and both lists of a kind."""
    path, everywhere = root(kind), "/subscriptions/{subscription}/providers/" + kind
    return (
        Route(
            f"{short}.create", "PUT", path, lambda cloud, call: put(cloud, call, kind, fill, wait=wait, at_once=at_once)
        ),
        Route(f"{short}.get", "GET", path, lambda cloud, call: get(cloud, call, kind)),
        Route(f"{short}.update", "PATCH", path, lambda cloud, call: patch(cloud, call, kind)),
        Route(f"{short}.delete", "DELETE", path, lambda cloud, call: delete(cloud, call, kind)),
        Route(f"{short}.list", "GET", path.rpartition("/")[0], lambda cloud, call: listed(cloud, call, kind)),
        Route(f"{short}.listAll", "GET", everywhere, lambda cloud, call: listed(cloud, call, kind)),
    )


def child_routes(kind: str, fill: Fill, short: str, *, wait: float = 1) -> tuple[Route, ...]:
    path = root(kind.rpartition("/")[0]) + f"/{kind.rpartition('/')[2]}" + "/{child}"
    return (
        Route(f"{short}.create", "PUT", path, lambda cloud, call: put(cloud, call, kind, fill, wait=wait)),
        Route(f"{short}.get", "GET", path, lambda cloud, call: get(cloud, call, kind)),
        Route(f"{short}.delete", "DELETE", path, lambda cloud, call: delete(cloud, call, kind)),
        Route(f"{short}.list", "GET", path.rpartition("/")[0], lambda cloud, call: listed(cloud, call, kind)),
    )


def operation_status(cloud: Cloud, call: Call) -> Reply:
    return cloud.operations.answer(call, call["operation"], monitor=False)


def operation_result(cloud: Cloud, call: Call) -> Reply:
    return cloud.operations.answer(call, call["operation"], monitor=True)


_WHERE = "/subscriptions/{subscription}/providers/Microsoft.Network/locations/{location}"

ROUTES = (
    *kind_routes(NETWORK, fill_network, "virtualNetworks", wait=3),
    *child_routes(SUBNET, fill_subnet, "subnets", wait=3),
    Route("operations.network", "GET", f"{_WHERE}/operations/{{operation}}", operation_status),
    Route("operations.networkResult", "GET", f"{_WHERE}/operationResults/{{operation}}", operation_result),
)
