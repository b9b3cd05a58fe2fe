"""Azure Resource Manager's own: tenants, subscriptions, resource groups, the registration of resource providers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .catalogue import regions
from .clock import stamp
from .routing import Route
from .store import Resource
from .wire import ArmError, Call, Reply, group_not_found

if TYPE_CHECKING:
    from .cloud import Cloud

KIND = "Microsoft.Resources/resourceGroups"
_GROUP = "/subscriptions/{subscription}/resourcegroups/{group}"
_PROVIDER = "/subscriptions/{subscription}/providers/{namespace}"
_REGISTERS_IN = 20
_DELETES_IN = 60


def group_id(subscription: str, group: str) -> str:
    return f"/subscriptions/{subscription}/resourceGroups/{group}"


def put_group(cloud: Cloud, call: Call) -> Reply:
    found = cloud.store.find(group_id(call["subscription"], call["group"]))
    if found is not None:
        cloud.group(call)
        if call.location != found.location:
            message = (
                f"Invalid resource group location '{call.location}'. The Resource group already exists in "
                f"location '{found.location}'."
            )
            raise ArmError(409, "InvalidResourceGroupLocation", message)
        found.top["tags"] = call.body.get("tags") or {}
        return Reply(200, found.view())
    check_location(call, "LocationNotAvailableForResourceGroup")
    if not 0 < len(call["group"]) <= 90:
        raise ArmError(400, "InvalidResourceGroup", "The provided resource group name has to be 1 to 90 characters.")
    made = Resource(group_id(call["subscription"], call["group"]), KIND, call.location, cloud.now())
    if call.body.get("tags"):
        made.top["tags"] = call.body["tags"]
    return Reply(201, cloud.store.put(made).view())


def patch_group(cloud: Cloud, call: Call) -> Reply:
    found = cloud.group(call)
    found.top["tags"] = call.body.get("tags") or {}
    return Reply(200, found.view())


def get_group(cloud: Cloud, call: Call) -> Reply:
    found = cloud.store.find(group_id(call["subscription"], call["group"]))
    if call.method == "HEAD":
        return Reply(204 if found else 404)
    if found is None:
        raise group_not_found(call["group"])
    return Reply(200, found.view())


def list_groups(cloud: Cloud, call: Call) -> Reply:
    found = cloud.visible(KIND, f"/subscriptions/{call['subscription']}")
    return cloud.page(call, [one for one in found if _has_tag(one, call.query.get("$filter", ""))], Resource.view)


def delete_group(cloud: Cloud, call: Call) -> Reply:
    """It is gone with all that is in it a minute later; only a Location tells when."""
    group = cloud.group(call)
    group.state = "Deleting"
    inside = cloud.store.children(group.id)
    job = _destroy_computers(cloud, inside)

    def finish(at: float) -> None:
        for one in cloud.store.children(group.id):
            cloud.ledger.stop(one.id, at)
            cloud.store.drop(one)
        cloud.store.drop(group)

    def failed(at: float, error: ArmError) -> None:
        group.state = "Succeeded"

    operation = cloud.begin(
        group, "location", _DELETES_IN, finish=finish, failed=failed, job=job, first=15, poll=15, namespace=""
    )
    return Reply(202, None, cloud.operations.headers(call, operation))


def _destroy_computers(cloud: Cloud, inside: list[Resource]) -> Any:
    from .machine import Machine

    machines = [one for one in inside if isinstance(one, Machine)]
    for one in machines:
        one.state = "Deleting"
    return cloud.computers.destroy(machines) if cloud.computers else None


def list_resources(cloud: Cloud, call: Call) -> Reply:
    """Everything in a group or a subscription, without its properties."""
    under = f"/subscriptions/{call['subscription']}"
    if "group" in call.parameters:
        under = cloud.group(call).id
    wanted = call.query.get("$filter", "")
    found = [one for one in cloud.store.children(under) if one.kind != KIND and one.kind.count("/") == 1]
    brief = _dated if "createdTime" in call.query.get("$expand", "") else _brief
    return cloud.page(call, [one for one in found if _has_tag(one, wanted) and _is_kind(one, wanted)], brief)


def _brief(resource: Resource) -> dict[str, Any]:
    return {key: value for key, value in resource.view().items() if key not in ("properties", "etag")}


def _dated(resource: Resource) -> dict[str, Any]:
    return {**_brief(resource), "createdTime": stamp(resource.made)}


def _has_tag(resource: Resource, wanted: str) -> bool:
    """`tagName eq 'a' and tagValue eq 'b'`, the one filter on tags that there is."""
    words = wanted.split("'")
    if "tagName" not in wanted:
        return True
    name = words[1]
    return resource.tags.get(name) == words[3] if "tagValue" in wanted else name in resource.tags


def _is_kind(resource: Resource, wanted: str) -> bool:
    if "resourceType eq" not in wanted:
        return True
    return resource.kind.lower() == wanted.split("'")[1].lower()


def operation_result(cloud: Cloud, call: Call) -> Reply:
    return cloud.operations.answer(call, call["operation"], monitor=True)


def check_location(call: Call, code: str = "LocationNotAvailableForResourceType") -> None:
    if not call.body.get("location"):
        raise ArmError(400, "LocationRequired", "The location property is required for this definition.")
    if call.location not in regions():
        listed = ",".join(regions())
        message = (
            f"The provided location '{call.body['location']}' is not available. List of available regions is "
            f"'{listed}'."
        )
        raise ArmError(400, code, message)


def get_provider(cloud: Cloud, call: Call) -> Reply:
    return Reply(200, _provider(cloud, call["subscription"], call["namespace"]))


def list_providers(cloud: Cloud, call: Call) -> Reply:
    return cloud.page(call, [_provider(cloud, call["subscription"], name) for name in _TYPES])


def register(cloud: Cloud, call: Call) -> Reply:
    """It is `Registering` for a while, which GET tells."""
    key = (call["subscription"].lower(), call["namespace"].lower())
    if cloud.registration(*key) != "Registered":
        cloud.registrations[key] = "Registering"
        until = cloud.now() + cloud.clock.takes(_REGISTERS_IN)
        cloud.at(until, lambda at: cloud.registrations.__setitem__(key, "Registered"))
    return get_provider(cloud, call)


def unregister(cloud: Cloud, call: Call) -> Reply:
    cloud.registrations[call["subscription"].lower(), call["namespace"].lower()] = "NotRegistered"
    return get_provider(cloud, call)


_TYPES = {
    "Microsoft.Authorization": ("roleAssignments", "roleDefinitions"),
    "Microsoft.Compute": ("virtualMachines", "disks", "locations"),
    "Microsoft.DevTestLab": ("schedules",),
    "Microsoft.ManagedIdentity": ("userAssignedIdentities",),
    "Microsoft.Network": ("virtualNetworks", "networkSecurityGroups", "publicIPAddresses", "networkInterfaces"),
    "Microsoft.Resources": ("resourceGroups", "deployments"),
    "Microsoft.Storage": ("storageAccounts",),
}
_VERSIONS = ["2026-04-01", "2025-04-01", "2024-11-01", "2024-07-01", "2023-01-01", "2022-12-01", "2018-09-15"]


def _provider(cloud: Cloud, subscription: str, namespace: str) -> dict[str, Any]:
    name = next((one for one in _TYPES if one.lower() == namespace.lower()), namespace)
    where = [region.display for region in regions().values()]
    kinds = [{"resourceType": kind, "locations": where, "apiVersions": _VERSIONS} for kind in _TYPES.get(name, ())]
    return {
        "id": f"/subscriptions/{subscription}/providers/{name}",
        "namespace": name,
        "resourceTypes": kinds,
        "registrationState": cloud.registration(subscription, namespace),
        "registrationPolicy": "RegistrationRequired",
    }


def list_subscriptions(cloud: Cloud, call: Call) -> Reply:
    return Reply(200, {"value": [_subscription(cloud, one) for one in cloud.subscriptions]})


def get_subscription(cloud: Cloud, call: Call) -> Reply:
    return Reply(200, _subscription(cloud, call["subscription"].lower()))


def _subscription(cloud: Cloud, identity: str) -> dict[str, Any]:
    return {
        "id": f"/subscriptions/{identity}",
        "authorizationSource": "RoleBased",
        "managedByTenants": [],
        "subscriptionId": identity,
        "tenantId": cloud.directory.tenant,
        "displayName": cloud.subscriptions[identity],
        "state": "Enabled",
        "subscriptionPolicies": {
            "locationPlacementId": "Public_2014-09-01",
            "quotaId": "PayAsYouGo_2014-09-01",
            "spendingLimit": "Off",
        },
    }


def list_tenants(cloud: Cloud, call: Call) -> Reply:
    tenant = cloud.directory.tenant
    found = {"id": f"/tenants/{tenant}", "tenantId": tenant, "tenantCategory": "Home", "displayName": "Rehearsal"}
    return Reply(200, {"value": [found]})


def list_locations(cloud: Cloud, call: Call) -> Reply:
    found = [
        {
            "id": f"/subscriptions/{call['subscription']}/locations/{region.name}",
            "name": region.name,
            "type": "Region",
            "displayName": region.display,
            "regionalDisplayName": region.display,
            "metadata": {"regionType": "Physical", "regionCategory": "Recommended"},
            "availabilityZoneMappings": [{"logicalZone": zone} for zone in region.zones],
        }
        for region in regions().values()
    ]
    return Reply(200, {"value": found})


def endpoints(cloud: Cloud, call: Call) -> Reply:
    """Which addresses this cloud has: what the Azure CLI asks when it is told of a new one."""
    audiences = ["https://management.core.windows.net/", "https://management.azure.com/"]
    found = {
        "name": "Rehearsal",
        "authentication": {
            "loginEndpoint": call.base, "audiences": audiences, "tenant": cloud.directory.tenant,
            "identityProvider": "AAD",        },
        "resourceManager": call.base,
        "portal": call.base,
        "graphAudience": "https://graph.windows.net/",
        "microsoftGraphResourceId": "https://graph.microsoft.com/",
        "vmImageAliasDoc": f"{call.base}/aliases.json",
        "suffixes": {"storage": "core.windows.net"},
    }  # fmt: skip
    return Reply(200, found)


ROUTES = (
    Route("cloud.endpoints", "GET", "/metadata/endpoints", endpoints, open=True),
    Route("tenants.list", "GET", "/tenants", list_tenants),
    Route("subscriptions.list", "GET", "/subscriptions", list_subscriptions),
    Route("subscriptions.get", "GET", "/subscriptions/{subscription}", get_subscription),
    Route("subscriptions.locations", "GET", "/subscriptions/{subscription}/locations", list_locations),
    Route("resourceGroups.create", "PUT", _GROUP, put_group),
    Route("resourceGroups.update", "PATCH", _GROUP, patch_group),
    Route("resourceGroups.get", "GET", _GROUP, get_group),
    Route("resourceGroups.exists", "HEAD", _GROUP, get_group),
    Route("resourceGroups.delete", "DELETE", _GROUP, delete_group),
    Route("resourceGroups.list", "GET", "/subscriptions/{subscription}/resourcegroups", list_groups),
    Route("resources.list", "GET", "/subscriptions/{subscription}/resources", list_resources),
    Route("resources.listByGroup", "GET", f"{_GROUP}/resources", list_resources),
    Route("operations.group", "GET", "/subscriptions/{subscription}/operationresults/{operation}", operation_result),
    Route("providers.list", "GET", "/subscriptions/{subscription}/providers", list_providers),
    Route("providers.get", "GET", _PROVIDER, get_provider),
    Route("providers.register", "POST", f"{_PROVIDER}/register", register),
    Route("providers.unregister", "POST", f"{_PROVIDER}/unregister", unregister),
)
