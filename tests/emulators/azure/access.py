"""Who may do what: role definitions and assignments, and identities that machines can be given."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING, Any

from .groups import check_location
from .network import identity_of
from .routing import Route
from .store import Resource
from .wire import ArmError, Call, Reply, bad, conflict, not_found

if TYPE_CHECKING:
    from .cloud import Cloud

ASSIGNMENT = "Microsoft.Authorization/roleAssignments"
IDENTITY = "Microsoft.ManagedIdentity/userAssignedIdentities"
_ROLES = "providers/Microsoft.Authorization/roleDefinitions"
_ASSIGNMENTS = "providers/Microsoft.Authorization/roleAssignments"

BUILT_IN = {
    "8e3af657-a8ff-443c-a75c-2fe8c4bcb635": ("Owner", ["*"], []),
    "b24988ac-6180-42a0-ab88-20f7382dd24c": (
        "Contributor", ["*"], ["Microsoft.Authorization/*/Delete", "Microsoft.Authorization/*/Write"],
    ),
    "acdd72a7-3385-48ef-bd42-f606fba81ae7": ("Reader", ["*/read"], []),
    "9980e02c-c2be-4d73-94e8-173b1dc7cf3c": (
        "Virtual Machine Contributor",
        [
            "Microsoft.Compute/virtualMachines/*", "Microsoft.Compute/locations/*",
            "Microsoft.Network/networkInterfaces/*",
        ],
        [],
    ),
    "40c5ff49-9181-41f8-ae61-143b0e78555e": (
        "Desktop Virtualization Power On Off Contributor",
        [
            "Microsoft.Compute/virtualMachines/read", "Microsoft.Compute/virtualMachines/instanceView/read",
            "Microsoft.Compute/virtualMachines/start/action", "Microsoft.Compute/virtualMachines/powerOff/action",
            "Microsoft.Compute/virtualMachines/restart/action", "Microsoft.Compute/virtualMachines/deallocate/action",
        ],
        [],
    ),
}  # fmt: skip


def built_in() -> dict[str, dict[str, Any]]:
    return {
        guid: {
            "roleName": name,
            "type": "BuiltInRole",
            "description": name,
            "assignableScopes": ["/"],
            "permissions": [{"actions": actions, "notActions": refused, "dataActions": [], "notDataActions": []}],
        }
        for guid, (name, actions, refused) in BUILT_IN.items()
    }


def _scope(call: Call) -> str:
    return re.split("/providers/Microsoft.Authorization/role", call.path, flags=re.IGNORECASE)[0]


def _role(call: Call, guid: str, properties: dict[str, Any]) -> dict[str, Any]:
    scope = "" if properties["type"] == "BuiltInRole" else f"/subscriptions/{call['subscription']}"
    identity = f"{scope}/{_ROLES}/{guid}"
    return {"id": identity, "name": guid, "type": "Microsoft.Authorization/roleDefinitions", "properties": properties}


def put_role(cloud: Cloud, call: Call) -> Reply:
    guid = call["role"].lower()
    given = call.body.get("properties") or {}
    names = {one["roleName"] for key, one in cloud.roles.items() if key != guid}
    if given.get("roleName") in names:
        raise conflict(
            "RoleDefinitionWithSameNameExists", f"A custom role with the name {given['roleName']} already exists."
        )
    permissions = [
        {"actions": [], "notActions": [], "dataActions": [], "notDataActions": [], **one}
        for one in given.get("permissions") or []
    ]
    cloud.roles[guid] = {"assignableScopes": [_scope(call)], **given, "type": "CustomRole", "permissions": permissions}
    return Reply(201, _role(call, guid, cloud.roles[guid]))


def get_role(cloud: Cloud, call: Call) -> Reply:
    guid = call["role"].lower()
    if guid not in cloud.roles:
        raise ArmError(
            404, "RoleDefinitionDoesNotExist", f"The specified role definition with ID '{guid}' does not exist."
        )
    return Reply(200, _role(call, guid, cloud.roles[guid]))


def list_roles(cloud: Cloud, call: Call) -> Reply:
    found = re.search(r"roleName eq '([^']*)'", call.query.get("$filter", ""))
    wanted = found.group(1).lower() if found else None
    rows = [(guid, one) for guid, one in cloud.roles.items() if wanted in (None, one["roleName"].lower())]
    return Reply(200, {"value": [_role(call, guid, one) for guid, one in rows]})


def delete_role(cloud: Cloud, call: Call) -> Reply:
    guid = call["role"].lower()
    if any(one.properties["roleDefinitionId"].lower().endswith(guid) for one in cloud.store.of_kind(ASSIGNMENT)):
        raise bad("There are existing role assignments referencing role.", code="RoleDefinitionHasAssignments")
    found = cloud.roles.pop(guid, None)
    return Reply(204) if found is None else Reply(200, _role(call, guid, found))


def put_assignment(cloud: Cloud, call: Call) -> Reply:
    """201, 409 where that person already has that role there."""
    given = call.body.get("properties") or {}
    role = str(given.get("roleDefinitionId", ""))
    if role.rpartition("/")[2].lower() not in cloud.roles:
        raise bad(f"The specified role definition with ID '{role}' does not exist.", code="RoleDefinitionDoesNotExist")
    principal = str(given.get("principalId", ""))
    if not given.get("principalType") and not _is_known(cloud, principal):
        raise bad(
            f"Principal {principal} does not exist in the directory {cloud.directory.tenant}.", code="PrincipalNotFound"
        )
    scope = _scope(call)
    for one in cloud.store.of_kind(ASSIGNMENT):
        same = one.properties["principalId"] == principal and one.properties["scope"].lower() == scope.lower()
        if same and one.properties["roleDefinitionId"].rpartition("/")[2] == role.rpartition("/")[2]:
            if one.name.lower() == call["assignment"].lower():
                return Reply(200, _assignment(one))
            raise conflict("RoleAssignmentExists", "The role assignment already exists.")
    made = Resource(call.path, ASSIGNMENT, "", cloud.now())
    made.properties = {"principalType": "ServicePrincipal", **given, "scope": scope, "condition": None}
    return Reply(201, _assignment(cloud.store.put(made)))


def _is_known(cloud: Cloud, principal: str) -> bool:
    return principal in cloud.directory.owners


def _assignment(resource: Resource) -> dict[str, Any]:
    return {"id": resource.id, "name": resource.name, "type": ASSIGNMENT, "properties": resource.properties}


def get_assignment(cloud: Cloud, call: Call) -> Reply:
    found = cloud.store.find(call.path)
    if found is None:
        raise ArmError(404, "RoleAssignmentNotFound", f"The role assignment '{call['assignment']}' is not found.")
    return Reply(200, _assignment(found))


def delete_assignment(cloud: Cloud, call: Call) -> Reply:
    found = cloud.store.find(call.path)
    if found is None:
        return Reply(204)
    cloud.store.drop(found)
    return Reply(200, _assignment(found))


def list_assignments(cloud: Cloud, call: Call) -> Reply:
    """Those of a scope and below, with `principalId eq 'x'` of one principal."""
    found = re.search(r"(?:principalId eq|assignedTo\()\s*'([^']*)'", call.query.get("$filter", ""))
    rows = cloud.store.of_kind(ASSIGNMENT, _scope(call))
    return Reply(
        200,
        {"value": [_assignment(one) for one in rows if not found or one.properties["principalId"] == found.group(1)]},
    )


def put_identity(cloud: Cloud, call: Call) -> Reply:
    cloud.group(call)
    check_location(call)
    identity = identity_of(call, IDENTITY, call["name"])
    found = cloud.store.find(identity)
    made = found or Resource(identity, IDENTITY, call.location, cloud.now())
    if found is None:
        made.properties = {
            "tenantId": cloud.directory.tenant,
            "principalId": str(uuid.uuid4()),
            "clientId": str(uuid.uuid4()),
        }
    made.top["tags"] = call.body.get("tags") or {}
    return Reply(200 if found else 201, _identity(cloud.store.put(made)))


def _identity(resource: Resource) -> dict[str, Any]:
    found = resource.view()
    found["properties"].pop("provisioningState")
    return found


def get_identity(cloud: Cloud, call: Call) -> Reply:
    cloud.group(call)
    found = cloud.store.find(identity_of(call, IDENTITY, call["name"]))
    if found is None:
        raise not_found(call.path)
    return Reply(200, _identity(found))


def list_identities(cloud: Cloud, call: Call) -> Reply:
    under = cloud.group(call).id if "group" in call.parameters else f"/subscriptions/{call['subscription']}"
    return cloud.page(call, cloud.visible(IDENTITY, under), _identity)


def delete_identity(cloud: Cloud, call: Call) -> Reply:
    cloud.group(call)
    found = cloud.store.find(identity_of(call, IDENTITY, call["name"]))
    if found is None:
        return Reply(204)
    cloud.store.drop(found)
    return Reply(200)


def _scoped() -> tuple[Route, ...]:
    """Roles hang below a subscription, a group, or a resource of one."""
    scopes = [
        "/subscriptions/{subscription}",
        "/subscriptions/{subscription}/resourceGroups/{group}",
        "/subscriptions/{subscription}/resourceGroups/{group}/providers/{namespace}/{kind}/{name}",
    ]
    found = []
    for scope in scopes:
        one, every = f"{scope}/{_ASSIGNMENTS}/{{assignment}}", f"{scope}/{_ASSIGNMENTS}"
        role, roles = f"{scope}/{_ROLES}/{{role}}", f"{scope}/{_ROLES}"
        found += [
            Route("roleAssignments.create", "PUT", one, put_assignment),
            Route("roleAssignments.get", "GET", one, get_assignment),
            Route("roleAssignments.delete", "DELETE", one, delete_assignment),
            Route("roleAssignments.list", "GET", every, list_assignments),
            Route("roleDefinitions.create", "PUT", role, put_role),
            Route("roleDefinitions.get", "GET", role, get_role),
            Route("roleDefinitions.delete", "DELETE", role, delete_role),
            Route("roleDefinitions.list", "GET", roles, list_roles),
        ]
    return tuple(found)


_IDENTITIES = "/subscriptions/{subscription}/resourceGroups/{group}/providers/" + IDENTITY

ROUTES = (
    *_scoped(),
    Route("identities.create", "PUT", f"{_IDENTITIES}/{{name}}", put_identity),
    Route("identities.get", "GET", f"{_IDENTITIES}/{{name}}", get_identity),
    Route("identities.delete", "DELETE", f"{_IDENTITIES}/{{name}}", delete_identity),
    Route("identities.list", "GET", _IDENTITIES, list_identities),
    Route("identities.listAll", "GET", "/subscriptions/{subscription}/providers/" + IDENTITY, list_identities),
)
