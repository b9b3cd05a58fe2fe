"""Microsoft.Storage: the file service of an account, and its shares. What is in a share is not here."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from .catalogue import HOURS, SHARE_PRICE
from .clock import stamp
from .routing import Route
from .storage import KIND as ACCOUNT
from .storage import require
from .store import Resource
from .wire import ArmError, Call, Reply, bad

if TYPE_CHECKING:
    from .cloud import Cloud

SERVICE = f"{ACCOUNT}/fileServices"
KIND = f"{SERVICE}/shares"
_SERVICES = "/subscriptions/{subscription}/resourceGroups/{group}/providers/" + ACCOUNT + "/{name}/fileServices"
_SHARES = f"{_SERVICES}/default/shares"


def get_service(cloud: Cloud, call: Call) -> Reply:
    return Reply(200, _service(require(cloud, call)))


def list_services(cloud: Cloud, call: Call) -> Reply:
    return Reply(200, {"value": [_service(require(cloud, call))]})


def put_service(cloud: Cloud, call: Call) -> Reply:
    """Deleted shares are gone here at once: whoever wants to keep them is told that this is not known."""
    account = require(cloud, call)
    given = call.body.get("properties") or {}
    if (given.get("shareDeleteRetentionPolicy") or {}).get("enabled"):
        raise ArmError(501, "NotImplemented", "The emulator does not keep shares that were deleted.")
    account.extras["fileService"] = {**account.extras.get("fileService", {}), **given}
    return Reply(200, _service(account))


def _service(account: Resource) -> dict[str, Any]:
    usual = {"protocolSettings": {"smb": {}}, "cors": {"corsRules": []}}
    usual["shareDeleteRetentionPolicy"] = {"enabled": False}
    return {
        "sku": account.top["sku"],
        "id": f"{account.id}/fileServices/default",
        "name": "default",
        "type": SERVICE,
        "properties": {**usual, **account.extras.get("fileService", {})},
    }


def put(cloud: Cloud, call: Call) -> Reply:
    """201 for a new one, 200 for one that is there, which is changed."""
    account = require(cloud, call)
    if not re.fullmatch("[a-z0-9](?!.*--)[a-z0-9-]{1,61}[a-z0-9]", call["share"]):
        raise bad(f"The share name {call['share']} is invalid.", code="InvalidResourceName")
    if call.query.get("$expand"):
        raise ArmError(501, "NotImplemented", "The emulator makes no snapshots of shares.")
    given = call.body.get("properties") or {}
    if given.get("enabledProtocols") == "NFS" and account.top["kind"] != "FileStorage":
        raise bad("NFS shares are for accounts of kind FileStorage.", code="FeatureNotSupportedForAccount")
    identity = f"{account.id}/fileServices/default/shares/{call['share']}"
    found = cloud.store.find(identity)
    share = found or cloud.store.put(_made(cloud, account, identity))
    return Reply(200 if found else 201, _changed(cloud, share, given))


def patch(cloud: Cloud, call: Call) -> Reply:
    return Reply(200, _changed(cloud, _require(cloud, call), call.body.get("properties") or {}))


def _made(cloud: Cloud, account: Resource, identity: str) -> Resource:
    share = Resource(identity, KIND, "", cloud.now())
    share.properties = {
        "shareQuota": 100 if _is_premium(account) else 5120,
        "enabledProtocols": "SMB",
        "accessTier": "Premium" if _is_premium(account) else "TransactionOptimized",
        "leaseStatus": "unlocked",
        "leaseState": "available",
        "accessTierChangeTime": stamp(share.made),
    }
    return share


def _is_premium(account: Resource) -> bool:
    return bool(account.top["sku"]["tier"] == "Premium")


def _changed(cloud: Cloud, share: Resource, given: dict[str, Any]) -> dict[str, Any]:
    """Room on a premium account is paid for whether it is used or not."""
    now = cloud.now()
    if given.get("accessTier", share.properties["accessTier"]) != share.properties["accessTier"]:
        share.properties["accessTierChangeTime"] = stamp(now)
    share.properties |= {**given, "lastModifiedTime": stamp(now)}
    premium = share.properties["accessTier"] == "Premium"
    hourly = SHARE_PRICE * float(share.properties["shareQuota"]) / HOURS if premium else 0
    cloud.ledger.charge(share.id, "share", hourly, now)
    return _shown(share)


def _shown(share: Resource) -> dict[str, Any]:
    found = share.view()
    found["properties"].pop("provisioningState")
    return {**found, "etag": f'"{share.properties["lastModifiedTime"]}"'}


def _require(cloud: Cloud, call: Call) -> Resource:
    account = require(cloud, call)
    found = cloud.store.find(f"{account.id}/fileServices/default/shares/{call['share']}")
    if found is None:
        raise ArmError(404, "ShareNotFound", "The specified share does not exist.")
    return found


def get(cloud: Cloud, call: Call) -> Reply:
    found = _shown(_require(cloud, call))
    if call.query.get("$expand") == "stats":
        found["properties"]["shareUsageBytes"] = 0
    return Reply(200, found)


def listed(cloud: Cloud, call: Call) -> Reply:
    return cloud.page(call, cloud.store.of_kind(KIND, require(cloud, call).id), _shown)


def delete(cloud: Cloud, call: Call) -> Reply:
    account = require(cloud, call)
    found = cloud.store.find(f"{account.id}/fileServices/default/shares/{call['share']}")
    if found is None:
        return Reply(204)
    cloud.ledger.stop(found.id, cloud.now())
    cloud.store.drop(found)
    return Reply(200)


ROUTES = (
    Route("fileServices.list", "GET", _SERVICES, list_services),
    Route("fileServices.get", "GET", f"{_SERVICES}/default", get_service),
    Route("fileServices.set", "PUT", f"{_SERVICES}/default", put_service),
    Route("fileShares.create", "PUT", f"{_SHARES}/{{share}}", put),
    Route("fileShares.update", "PATCH", f"{_SHARES}/{{share}}", patch),
    Route("fileShares.get", "GET", f"{_SHARES}/{{share}}", get),
    Route("fileShares.delete", "DELETE", f"{_SHARES}/{{share}}", delete),
    Route("fileShares.list", "GET", _SHARES, listed),
)
