"""Microsoft.Storage: accounts and their keys."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import TYPE_CHECKING, Any

from .clock import stamp
from .groups import check_location
from .network import identity_of
from .routing import Route
from .store import Resource
from .wire import ArmError, Call, Reply, bad, conflict, not_found

if TYPE_CHECKING:
    from .cloud import Cloud

KIND = "Microsoft.Storage/storageAccounts"
_ROOT = "/subscriptions/{subscription}/resourceGroups/{group}/providers/" + KIND
_ACCOUNT = f"{_ROOT}/{{name}}"
_EVERYWHERE = "/subscriptions/{subscription}/providers/Microsoft.Storage"


def put(cloud: Cloud, call: Call) -> Reply:
    """202 with nothing but a Location; 200 where it is there."""
    cloud.group(call)
    check_location(call)
    _check_name(call["name"])
    found = cloud.store.find(identity_of(call, KIND, call["name"]))
    if found is not None:
        return Reply(200, found.view())
    if _is_taken(cloud, call["name"]):
        raise conflict("StorageAccountAlreadyTaken", f"The storage account named {call['name']} is already taken.")
    account = _made(cloud, call)
    account.state = "Creating"
    cloud.store.put(account)

    def finish(at: float) -> None:
        account.state = "Succeeded"
        operation.output = account.view()

    def failed(at: float, error: ArmError) -> None:
        cloud.store.drop(account)

    operation = cloud.begin(account, "location", 18, finish=finish, failed=failed, first=17, poll=17)
    return Reply(202, None, cloud.operations.headers(call, operation))


def _made(cloud: Cloud, call: Call) -> Resource:
    account = Resource(identity_of(call, KIND, call["name"]), KIND, call.location, cloud.now())
    sku = (call.body.get("sku") or {}).get("name", "Standard_LRS")
    account.top = {"sku": {"name": sku, "tier": sku.split("_")[0]}, "kind": call.body.get("kind", "StorageV2")}
    account.top["tags"] = call.body.get("tags") or {}
    kinds = ("blob", "file", "queue", "table")
    account.properties = {
        "minimumTlsVersion": "TLS1_0", "allowBlobPublicAccess": False, "supportsHttpsTrafficOnly": True,
        "keyCreationTime": {key: stamp(account.made) for key in ("key1", "key2")}, "privateEndpointConnections": [],
        "networkAcls": {"bypass": "AzureServices", "virtualNetworkRules": [], "ipRules": [], "defaultAction": "Allow"},
        "encryption": {"services": {kind: _encrypted(account.made) for kind in ("file", "blob")},
                       "keySource": "Microsoft.Storage"},
        "accessTier": "Hot", "creationTime": stamp(account.made), "primaryLocation": account.location,
        "statusOfPrimary": "available",
        "primaryEndpoints": {kind: f"https://{call['name']}.{kind}.core.windows.net/" for kind in kinds},
        **(call.body.get("properties") or {}),
    }  # fmt: skip
    return account


def _encrypted(since: float) -> dict[str, Any]:
    return {"keyType": "Account", "enabled": True, "lastEnabledTime": stamp(since)}


def _check_name(name: str) -> None:
    if not re.fullmatch("[a-z0-9]{3,24}", name):
        raise bad(f"{name} is not a valid storage account name. Storage account name must be between 3 and 24 "
                  f"characters in "
                  "length and use numbers and lower-case letters only.", code="AccountNameInvalid")  # fmt: skip


def _is_taken(cloud: Cloud, name: str) -> bool:
    return any(one.name == name for one in cloud.store.of_kind(KIND)) or name in ("taken", "test", "data")


def check_name(cloud: Cloud, call: Call) -> Reply:
    name = str(call.body.get("name", ""))
    try:
        _check_name(name)
    except ArmError as error:
        return Reply(200, {"nameAvailable": False, "reason": "AccountNameInvalid", "message": error.message})
    if _is_taken(cloud, name):
        words = f"The storage account named {name} is already taken."
        return Reply(200, {"nameAvailable": False, "reason": "AlreadyExists", "message": words})
    return Reply(200, {"nameAvailable": True})


def patch(cloud: Cloud, call: Call) -> Reply:
    account = require(cloud, call)
    if call.body.get("tags") is not None:
        account.top["tags"] = call.body["tags"]
    if name := (call.body.get("sku") or {}).get("name"):
        account.top["sku"] = {"name": name, "tier": name.split("_")[0]}
    account.properties |= call.body.get("properties") or {}
    return Reply(200, account.view())


def get(cloud: Cloud, call: Call) -> Reply:
    return Reply(200, require(cloud, call).view())


def require(cloud: Cloud, call: Call) -> Resource:
    cloud.group(call)
    found = cloud.store.find(identity_of(call, KIND, call["name"]))
    if found is None:
        raise not_found(call.path)
    return found


def listed(cloud: Cloud, call: Call) -> Reply:
    under = cloud.group(call).id if "group" in call.parameters else f"/subscriptions/{call['subscription']}"
    return cloud.page(call, cloud.visible(KIND, under), Resource.view)


def delete(cloud: Cloud, call: Call) -> Reply:
    cloud.group(call)
    account = cloud.store.find(identity_of(call, KIND, call["name"]))
    if account is None:
        return Reply(204)
    for one in [account, *cloud.store.children(account.id)]:
        cloud.ledger.stop(one.id, cloud.now())
        cloud.store.drop(one)
    return Reply(200)


def list_keys(cloud: Cloud, call: Call) -> Reply:
    account = require(cloud, call)
    made = account.properties["keyCreationTime"].items()
    keys = [
        {"keyName": name, "permissions": "FULL", "creationTime": since, "value": _key(account.id + name + since)}
        for name, since in made
    ]
    return Reply(200, {"keys": keys})


def regenerate_key(cloud: Cloud, call: Call) -> Reply:
    account, name = require(cloud, call), str(call.body.get("keyName", ""))
    if name not in account.properties["keyCreationTime"]:
        raise bad(f"The key name '{name}' is not valid.", "keyName", "InvalidKeyName")
    account.properties["keyCreationTime"] |= {name: stamp(cloud.now())}
    return list_keys(cloud, call)


def _key(text: str) -> str:
    return base64.b64encode(hashlib.sha512(text.encode()).digest()).decode()


def operation_result(cloud: Cloud, call: Call) -> Reply:
    return cloud.operations.answer(call, call["operation"], monitor=True)


ROUTES = (
    Route("storageAccounts.create", "PUT", _ACCOUNT, put),
    Route("storageAccounts.update", "PATCH", _ACCOUNT, patch),
    Route("storageAccounts.get", "GET", _ACCOUNT, get),
    Route("storageAccounts.delete", "DELETE", _ACCOUNT, delete),
    Route("storageAccounts.list", "GET", _ROOT, listed),
    Route("storageAccounts.listAll", "GET", f"{_EVERYWHERE}/storageAccounts", listed),
    Route("storageAccounts.listKeys", "POST", f"{_ACCOUNT}/listKeys", list_keys),
    Route("storageAccounts.regenerateKey", "POST", f"{_ACCOUNT}/regenerateKey", regenerate_key),
    Route("storageAccounts.checkName", "POST", f"{_EVERYWHERE}/checkNameAvailability", check_name),
    Route(
        "operations.storage",
        "GET",
        f"{_EVERYWHERE}/locations/{{location}}/asyncoperations/{{operation}}",
        operation_result,
    ),
)
