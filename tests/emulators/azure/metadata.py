"""What a machine can ask of itself, at 169.254.169.254: who it is, a token of its identity, what will happen to it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from .clock import stamp
from .machine import KIND, Machine
from .parts import addresses
from .routing import Route
from .wire import ArmError, Call, Caller, Reply

if TYPE_CHECKING:
    from .cloud import Cloud


def _machine(cloud: Cloud, call: Call) -> Machine:
    """The one that calls. Where there are no computers, a test says by `x-emulator-machine` which one it is."""
    if call.headers.get("metadata", "").lower() != "true" or "x-forwarded-for" in call.headers:
        raise ArmError(400, "Bad request", "Required metadata header not specified")
    if not call.version:
        raise ArmError(400, "Bad request", "api-version was not specified in the request")
    vm_id = cloud.computers.at(call.peer) if cloud.computers else ""
    name = call.headers.get("x-emulator-machine", "")
    for one in cloud.store.of_kind(KIND):
        if isinstance(one, Machine) and (one.vm_id == vm_id or (not cloud.computers and name and one.name == name)):
            return one
    raise ArmError(404, "Not found", "No machine has this address")


def instance(cloud: Cloud, call: Call) -> Reply:
    machine = _machine(cloud, call)
    whole: dict[str, Any] = {"compute": _compute(machine), "network": _network(cloud, machine)}
    return Reply(200, whole)


def instance_compute(cloud: Cloud, call: Call) -> Reply:
    found = _compute(_machine(cloud, call))
    if "field" not in call.parameters:
        return Reply(200, found)
    if call["field"] not in found:
        raise ArmError(404, "Not found", f"No such field: {call['field']}")
    return Reply(200, str(found[call["field"]]).encode(), {"Content-Type": "text/plain; charset=utf-8"})


def _compute(machine: Machine) -> dict[str, Any]:
    reference = machine.properties["storageProfile"].get("imageReference") or {}
    return {
        "azEnvironment": "AzurePublicCloud",
        "location": machine.location,
        "name": machine.name,
        "offer": reference.get("offer", ""),
        "osType": "Linux",
        "priority": machine.properties.get("priority", ""),
        "evictionPolicy": machine.properties.get("evictionPolicy", ""),
        "publisher": reference.get("publisher", ""),
        "resourceGroupName": machine.group,
        "resourceId": machine.id,
        "sku": reference.get("sku", ""),
        "subscriptionId": machine.subscription,
        "tags": ";".join(f"{name}:{value}" for name, value in machine.tags.items()),
        "tagsList": [{"name": name, "value": value} for name, value in machine.tags.items()],
        "userData": machine.user_data,
        "version": reference.get("exactVersion", ""),
        "vmId": machine.vm_id,
        "vmSize": machine.asked_name,
        "zone": machine.zone,
    }


def _network(cloud: Cloud, machine: Machine) -> dict[str, Any]:
    private, public = addresses(cloud, machine)
    address = {"privateIpAddress": private, "publicIpAddress": public}
    return {
        "interface": [{"ipv4": {"ipAddress": [address], "subnet": []}, "ipv6": {"ipAddress": []}, "macAddress": ""}]
    }


def token(cloud: Cloud, call: Call) -> Reply:
    """A token of the machine's own identity, or of one of those that it was given."""
    machine = _machine(cloud, call)
    resource = call.query.get("resource", "")
    if not resource:
        return Reply(
            400, {"error": "invalid_request", "error_description": "Required query variable 'resource' is missing"}
        )
    principal, client = _principal(machine, call)
    if not principal:
        return Reply(400, {"error": "invalid_request", "error_description": "Identity not found"})
    lasts = 86400
    text = cloud.directory.token(Caller(machine.name, principal, "ServicePrincipal"), resource, lasts)
    now = int(time.time())
    found = {"access_token": text, "client_id": client, "resource": resource, "token_type": "Bearer"}
    times = {
        "expires_in": f"{lasts}",
        "expires_on": f"{now + lasts}",
        "ext_expires_in": f"{lasts}",
        "not_before": f"{now}",
    }
    return Reply(200, {**found, **times})


def _principal(machine: Machine, call: Call) -> tuple[str, str]:
    identity = machine.top.get("identity") or {}
    wanted = {call.query.get(name, "").lower() for name in ("client_id", "object_id", "msi_res_id", "principal_id")} - {
        ""
    }
    given = identity.get("userAssignedIdentities") or {}
    for name, one in given.items():
        if not wanted or wanted & {name.lower(), one["clientId"].lower(), one["principalId"].lower()}:
            if not wanted and (len(given) > 1 or identity.get("principalId")):
                continue
            return one["principalId"], one["clientId"]
    principal = str(identity.get("principalId", ""))
    return (principal, principal) if not wanted or principal.lower() in wanted else ("", "")


def scheduled_events(cloud: Cloud, call: Call) -> Reply:
    machine = _machine(cloud, call)
    found = [
        {
            "EventId": f"{machine.vm_id}-{number}",
            "EventType": one["EventType"],
            "ResourceType": "VirtualMachine",
            "Resources": [machine.name],
            "EventStatus": one["EventStatus"],
            "NotBefore": stamp(one["due"]),
            "Description": "",
            "EventSource": "Platform",
            "DurationInSeconds": -1,
        }
        for number, one in enumerate(machine.events)
    ]
    return Reply(200, {"DocumentIncarnation": len(found), "Events": found})


def _route(name: str, path: str, handle: Any) -> Route:
    return Route(f"metadata.{name}", "GET", f"/metadata/{path}", handle, open=True, versioned=False)


ROUTES = (
    _route("instance", "instance", instance),
    _route("compute", "instance/compute", instance_compute),
    _route("field", "instance/compute/{field}", instance_compute),
    _route("token", "identity/oauth2/token", token),
    _route("events", "scheduledevents", scheduled_events),
)
