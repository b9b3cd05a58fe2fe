"""Microsoft.DevTestLab/schedules: the daily shutdown that deallocates a machine, whatever happens on it."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from .groups import check_location
from .machine import Machine
from .network import identity_of
from .power import ACTIONS, begin
from .routing import Route
from .store import Resource
from .wire import ArmError, Call, Reply, bad, not_found

if TYPE_CHECKING:
    from .cloud import Cloud

KIND = "Microsoft.DevTestLab/schedules"
_KIND_IN_REPLIES = "microsoft.devtestlab/schedules"
_ROOT = "/subscriptions/{subscription}/resourceGroups/{group}/providers/" + KIND


def put(cloud: Cloud, call: Call) -> Reply:
    """201 or 200, at once."""
    cloud.group(call)
    check_location(call)
    properties = call.body.get("properties") or {}
    _check(call, properties)
    identity = identity_of(call, KIND, call["name"])
    found = cloud.store.find(identity)
    schedule = found or Resource(identity, KIND, call.location, cloud.now())
    schedule.top["tags"] = call.body.get("tags") or {}
    identifier = schedule.properties.get("uniqueIdentifier", str(uuid.uuid4()))
    usual = {"notificationSettings": {"status": "Disabled", "timeInMinutes": 30}}
    schedule.properties = {**usual, **properties, "createdDate": _shown(schedule.made), "uniqueIdentifier": identifier}
    schedule.etag = str(cloud.now())
    cloud.store.put(schedule)
    _arm(cloud, schedule, schedule.etag, cloud.now())
    return Reply(200 if found else 201, _view(schedule))


def _check(call: Call, properties: dict[str, Any]) -> None:
    target = str(properties.get("targetResourceId", ""))
    if properties.get("taskType") != "ComputeVmShutdownTask":
        raise bad("The schedule's task type is not supported.", code="InvalidScheduleTaskType")
    if call["name"].lower() != f"shutdown-computevm-{target.rpartition('/')[2]}".lower():
        raise bad(f"Schedule name '{call['name']}' must be 'shutdown-computevm-' and the name of its virtual machine.",
                  code="InvalidScheduleId")  # fmt: skip
    time = str((properties.get("dailyRecurrence") or {}).get("time", ""))
    if len(time) != 4 or not time.isdigit() or int(time[:2]) > 23 or int(time[2:]) > 59:
        raise bad(f"The schedule's time '{time}' is not valid: HHmm.", code="InvalidScheduleTime")


def _view(schedule: Resource) -> dict[str, Any]:
    return {**schedule.view(), "type": _KIND_IN_REPLIES}


def _shown(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def _arm(cloud: Cloud, schedule: Resource, version: str, after: float) -> None:
    """Ring at the next time of day; times are taken for UTC's, whatever `timeZoneId` says."""
    time = schedule.properties["dailyRecurrence"]["time"]
    now = datetime.fromtimestamp(after, UTC)
    due = now.replace(hour=int(time[:2]), minute=int(time[2:]), second=0, microsecond=0)
    due = due if due > now else due + timedelta(days=1)

    def ring(at: float) -> None:
        if cloud.store.find(schedule.id) is not schedule or schedule.etag != version:
            return
        _shut_down(cloud, schedule)
        _arm(cloud, schedule, version, at)

    cloud.at(due.timestamp(), ring)


def _shut_down(cloud: Cloud, schedule: Resource) -> None:
    machine = cloud.store.find(str(schedule.properties["targetResourceId"]))
    if schedule.properties.get("status") != "Enabled" or not isinstance(machine, Machine):
        return
    if machine.power not in ("deallocated", "deallocating"):
        try:
            begin(cloud, machine, ACTIONS["deallocate"])
        except ArmError:
            return


def get(cloud: Cloud, call: Call) -> Reply:
    return Reply(200, _view(_require(cloud, call)))


def _require(cloud: Cloud, call: Call) -> Resource:
    cloud.group(call)
    found = cloud.store.find(identity_of(call, KIND, call["name"]))
    if found is None:
        raise not_found(call.path)
    return found


def delete(cloud: Cloud, call: Call) -> Reply:
    cloud.group(call)
    found = cloud.store.find(identity_of(call, KIND, call["name"]))
    if found is None:
        return Reply(204)
    for one in [*cloud.store.children(found.id), found]:
        cloud.store.drop(one)
    return Reply(200)


def listed(cloud: Cloud, call: Call) -> Reply:
    under = cloud.group(call).id if "group" in call.parameters else f"/subscriptions/{call['subscription']}"
    return cloud.page(call, cloud.visible(KIND, under), _view)


ROUTES = (
    Route("schedules.create", "PUT", f"{_ROOT}/{{name}}", put),
    Route("schedules.get", "GET", f"{_ROOT}/{{name}}", get),
    Route("schedules.delete", "DELETE", f"{_ROOT}/{{name}}", delete),
    Route("schedules.list", "GET", _ROOT, listed),
    Route("schedules.listAll", "GET", "/subscriptions/{subscription}/providers/" + KIND, listed),
)
