"""The side endpoint of the emulator: `/emulator/...`, for who is in another process. Not a part of the cloud."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .faults import Fault
from .limits import Bucket, Restriction, Shortage
from .machine import Machine
from .routing import Handler, Route
from .wire import ArmError, Call, Reply

if TYPE_CHECKING:
    from .cloud import Cloud


def state_of(cloud: Cloud) -> dict[str, Any]:
    with cloud.lock:
        cloud.settle()
        now = cloud.now()
        lines = [
            {"id": one.id, "what": one.what, "rate": one.rate, "total": one.total(now)} for one in cloud.ledger.lines()
        ]
        return {
            "now": now,
            "count": len(cloud.ids()),
            "resources": cloud.ids(),
            "machines": {one.id: one.power for one in cloud.store if isinstance(one, Machine)},
            "rate": cloud.ledger.rate(),
            "bill": cloud.ledger.total(now),
            "lines": lines,
        }


def state(cloud: Cloud, call: Call) -> Reply:
    return Reply(200, state_of(cloud))


def log(cloud: Cloud, call: Call) -> Reply:
    return Reply(200, [one.as_json() for one in cloud.log.of(call.query.get("route", "*"))])


def clear_log(cloud: Cloud, call: Call) -> Reply:
    cloud.log.clear()
    return Reply(204)


def add_fault(cloud: Cloud, call: Call) -> Reply:
    cloud.faults.append(_from(Fault, call))
    return Reply(201)


def add_shortage(cloud: Cloud, call: Call) -> Reply:
    cloud.limits.shortages.insert(0, _from(Shortage, call))
    return Reply(201)


def add_restriction(cloud: Cloud, call: Call) -> Reply:
    body = {**call.body, "zones": tuple(call.body.get("zones", ()))}
    cloud.limits.restrictions.append(Restriction(**body))
    return Reply(201)


def set_quota(cloud: Cloud, call: Call) -> Reply:
    body = call.body
    cloud.limits.quota[body.get("region", ""), str(body["name"]).lower()] = int(body["limit"])
    return Reply(204)


def set_throttle(cloud: Cloud, call: Call) -> Reply:
    body = call.body
    cloud.throttle.own[str(body["route"])] = Bucket(float(body["calls"]), float(body.get("refill", 1)))
    return Reply(204)


def change_settings(cloud: Cloud, call: Call) -> Reply:
    for name, value in call.body.items():
        if not hasattr(cloud.settings, name):
            raise ArmError(400, "InvalidSetting", f"No such setting: {name}")
        setattr(cloud.settings, name, value)
    return Reply(204)


def advance(cloud: Cloud, call: Call) -> Reply:
    cloud.clock.advance(float(call.body["seconds"]))
    cloud.settle()
    return Reply(204)


def evict(cloud: Cloud, call: Call) -> Reply:
    from .power import evict

    found = cloud.store.find(str(call.body["id"]))
    if not isinstance(found, Machine):
        raise ArmError(404, "NotFound", "No such machine.")
    evict(cloud, found, float(call.body.get("notice", 30)))
    return Reply(204)


def mend(cloud: Cloud, call: Call) -> Reply:
    cloud.mend()
    return Reply(204)


def _from(kind: type[Any], call: Call) -> Any:
    try:
        return kind(**call.body)
    except TypeError as exc:
        raise ArmError(400, "InvalidFault", str(exc)) from exc


def _route(name: str, method: str, path: str, handle: Handler) -> Route:
    return Route(f"emulator.{name}", method, f"/emulator/{path}", handle, open=True, versioned=False)


ROUTES = (
    _route("state", "GET", "state", state),
    _route("log", "GET", "log", log),
    _route("clearLog", "DELETE", "log", clear_log),
    _route("fault", "POST", "faults", add_fault),
    _route("shortage", "POST", "shortages", add_shortage),
    _route("restriction", "POST", "restrictions", add_restriction),
    _route("quota", "PUT", "quota", set_quota),
    _route("throttle", "PUT", "throttle", set_throttle),
    _route("settings", "PATCH", "settings", change_settings),
    _route("advance", "POST", "advance", advance),
    _route("evict", "POST", "evict", evict),
    _route("mend", "DELETE", "faults", mend),
)
